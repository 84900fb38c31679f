#include "kerberos/kerberos.h"
#include "support/test.h"

namespace angarium::kerberos {

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

}  // namespace angarium::kerberos
