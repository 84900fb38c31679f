#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kerberos/kerberos.h"
#include "support/test.h"

namespace angarium::kerberos {

using namespace std::string_view_literals;

TEST_CASE("a user's principal has one name and a realm") {
  const auto anna = user_principal("anna@EXAMPLE.ORG");
  REQUIRE(anna);
  CHECK(anna->name == "anna");
  CHECK(anna->realm == "EXAMPLE.ORG");
}

TEST_CASE("hosts, administrators, and names that could be read in two ways, are nobody's account") {
  for (const char* text :
       {"", "anna", "@EXAMPLE.ORG", "anna@", "anna/admin@EXAMPLE.ORG", "imap/mail.example.org@EXAMPLE.ORG",
        "krbtgt/EXAMPLE.ORG@EXAMPLE.ORG", "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", "anna\\@example.net@EXAMPLE.ORG",
        "anna@example.net@EXAMPLE.ORG", "an na@EXAMPLE.ORG", "anna\\0@EXAMPLE.ORG", "ann\xC3\xA4@EXAMPLE.ORG",
        "anna@EXAMPLE/ORG", "anna\n@EXAMPLE.ORG"})
    CHECK_MESSAGE(!user_principal(text), text);
}

TEST_CASE("without a keytab nobody's ticket can be judged, which is no failed login") {
  const auto context = accept({.keytab = "/nowhere/keytab", .replay_cache = "/nowhere/seen", .hosts = {}}, "imap");
  for (const char* token : {"", "x", "\x60\x10nothing of the kind"}) {
    const auto step = context->step(token, std::nullopt);
    REQUIRE(!step);
    CHECK(step.error().is(sasl::kUnavailable));
  }
  CHECK(
      initiate({.credentials_cache = "FILE:/nowhere/tickets", .principal = "", .service = "imap", .host = "localhost"})
          .error()
          .is(sasl::kUnavailable));
}

TEST_CASE("RFC 4752 section 3.2: no token, and one of another mechanism, are malformed while the keytab is fine") {
  std::string folder = (std::filesystem::temp_directory_path() / "angarium-keytab-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  // One key of imap/localhost@EXAMPLE.TEST: version, size; parts of the name, each with its length; type of the name,
  // time, version and type (aes256-cts-hmac-sha1-96) of the key, and the key.
  const std::string entry = std::string("\0\2\0\14EXAMPLE.TEST\0\4imap\0\11localhost"sv) +
                            std::string("\0\0\0\1\0\0\0\0\2\0\22\0\40"sv) + std::string(32, 'k');
  std::ofstream(folder + "/keytab", std::ios::binary)
      << "\5\2"sv << "\0\0\0"sv << static_cast<char>(entry.size()) << entry;
  const AcceptorTerms terms{.keytab = folder + "/keytab", .replay_cache = folder + "/seen", .hosts = {}};
  const std::string kerberos = "\x06\x09\x2A\x86\x48\x86\xF7\x12\x01\x02\x02";
  const std::string spnego =
      std::string("\x60\x1B\x06\x06\x2B\x06\x01\x05\x05\x02\xA0\x11\x30\x0F\xA0\x0D\x30\x0B") + kerberos;
  for (const std::string& token : {std::string(), spnego, std::string("x"), std::string("NTLMSSP\0"sv)}) {
    const auto step = accept(terms, "imap")->step(token, std::nullopt);
    REQUIRE(!step);
    CHECK_MESSAGE(step.error().is(sasl::kMalformed), step.error().text());
  }
  // A ticket that is none, for the key that is there.
  const auto step = accept(terms, "imap")->step("\x60\x0D" + kerberos + std::string("\1\0"sv), std::nullopt);
  REQUIRE(!step);
  CHECK_MESSAGE(!step.error().is(sasl::kUnavailable), step.error().text());
  std::filesystem::remove_all(folder);
}

}  // namespace angarium::kerberos
