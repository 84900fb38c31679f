#include "message/downgrade.h"

#include <filesystem>

#include "base/text.h"
#include "message/coding.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

SevenBitMessage seven(std::string_view message) { return to_seven_bit(parse_structure(message), message); }

/// What readers see: types and decoded leaves, in order.
std::string contents(std::string_view message) {
  const Structure s = parse_structure(message);
  std::string text;
  for (const Part& part : s.parts) {
    text += s.type(part, message) + "/" + s.subtype(part, message) + "\n";
    if (part.kind == PartKind::leaf) text += decode_transfer(part.encoding, part.body().of(message)) + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a clean message stays octet for octet") {
  const std::string message = "Subject: x\r\n\r\nbody\r\n";
  CHECK(seven(message).octets == message);
}

TEST_CASE("an 8-bit text becomes quoted-printable, or base64 where that is shorter") {
  CHECK(seven("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
              "8bit\r\n\r\nit is a caf\xC3\xA9\r\n")
            .octets ==
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
        "quoted-printable\r\n\r\nit is a caf=C3=A9\r\n");
  CHECK(seven("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xC3\xA9\xC3\xA9").octets ==
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
        "base64\r\n\r\nw6nDqQ==\r\n");
}

TEST_CASE("RFC 1428: a text without MIME is told to be of an unknown charset") {
  CHECK(seven("Subject: x\r\n\r\nthis is caf\xE9\r\n").octets ==
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\nthis is caf=E9\r\n");
}

TEST_CASE("multiparts and enclosed messages are descended into, their clean parts stay") {
  const std::string message =
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\npre "
      "\xE9\r\n"
      "--b\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\x01\xFF\r\n"
      "--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\nMIME-Version: "
      "1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n\r\nthe inner caf\xC3\xA9\r\n"
      "--b\r\nX-Kept:  as it is\r\n\r\nclean\r\n--b--\r\n";
  const SevenBitMessage made = seven(message);
  CHECK(seven_bit_clean(made.octets));
  CHECK(made.left.empty());
  CHECK(contents(made.octets) == contents(message));
  CHECK(made.octets.find("pre ?\r\n") != std::string::npos);
  CHECK(made.octets.find("--b\r\nX-Kept:  as it is\r\n\r\nclean\r\n--b--\r\n") != std::string::npos);
  CHECK(made.octets.find("binary") == std::string::npos);
  CHECK(made.octets.find("8bit") == std::string::npos);
}

TEST_CASE("RFC 1847: signed parts are left alone, and that is reported") {
  const std::string message =
      "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Type: "
      "text/plain\r\n\r\ncaf\xE9\r\n--b\r\n\r\nsig\r\n--b--\r\n";
  const SevenBitMessage made = seven(message);
  CHECK(made.octets == message);
  CHECK(made.left == std::vector<std::uint32_t>{0});
  CHECK(seven("Content-Type: message/partial; id=x\r\n\r\n\xE9").left == std::vector<std::uint32_t>{0});
  CHECK(seven("Content-Type: multipart/mixed\r\n\r\n\xE9").left == std::vector<std::uint32_t>{0});
}

TEST_CASE("NUL and lines above 998 octets are encoded too, 998 are not") {
  const std::string fits = "Content-Type: text/plain\r\n\r\n" + std::string(998, 'x') + "\r\n";
  CHECK(seven(fits).octets == fits);
  const SevenBitMessage over = seven("Content-Type: text/plain\r\n\r\n" + std::string(999, 'x') + "\r\n");
  CHECK(seven_bit_clean(over.octets));
  CHECK(contents(over.octets) == "text/plain\n" + std::string(999, 'x') + "\r\n\n");
  CHECK(seven_bit_clean(seven("Content-Type: application/x\r\n\r\na\0b"sv).octets));
}

TEST_CASE("8-bit headers are reported") {
  CHECK(seven("Subject: \xC3\xA9\r\n\r\n").eight_bit_header);
  CHECK_FALSE(seven("Subject: e\r\n\r\n").eight_bit_header);
}

TEST_CASE("every sample is made 7-bit with the same contents, or what is left is told") {
  std::size_t made = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(angarium::test::tests_path("vectors/mime"))) {
    if (entry.path().extension() != ".eml" && entry.path().extension() != ".msg") continue;
    CAPTURE(entry.path().string());
    const std::string message = angarium::test::read_file(entry.path());
    const SevenBitMessage seven_bit = seven(message);
    const Structure s = parse_structure(message);
    std::string bodies;  // what is not header must be clean
    const Structure after = parse_structure(seven_bit.octets);
    CHECK(after.parts.size() == s.parts.size());
    bool clean = true;
    for (const Part& part : after.parts)
      if (part.kind == PartKind::leaf) clean = clean && seven_bit_clean(part.body().of(seven_bit.octets));
    CHECK((clean || !seven_bit.left.empty()));
    if (seven_bit.left.empty()) CHECK(contents(seven_bit.octets) == contents(message));
    ++made;
  }
  CHECK(made > 150);
}

TEST_CASE("RFC 6858: headers for readers without UTF-8") {
  const std::string header = ascii_header(
      "From: \"É\" <e@ex.test>\r\nTo: Fred <é@x.test>, a@bücher.test, g: b@c;\r\nSubject: \xC3\xA9t\xC3\xA9\r\n"
      "Content-Type: text/plain; name=\"é.txt\"\r\nReceived: from é\r\nX-Text: é\r\nDate:  kept \r\n as it is\r\n\r\n");
  CHECK(all_ascii(header));
  CHECK(header.find("From: =?utf-8?") == 0);
  CHECK(header.find("<invalid@internationalized-address.invalid>") != std::string::npos);
  CHECK(header.find("a@xn--bcher-kva.test") != std::string::npos);
  CHECK(header.find("g: b@c;") != std::string::npos);
  CHECK(header.find("Subject: =?utf-8?") != std::string::npos);
  CHECK(header.find("name*=utf-8''%C3%A9.txt") != std::string::npos);
  CHECK(header.find("Received") == std::string::npos);
  CHECK(header.ends_with("Date:  kept \r\n as it is\r\n\r\n"));
}

TEST_CASE("RFC 6857 §3.1.10: message ids that are not ASCII are kept in Downgraded- fields") {
  CHECK(ascii_header("Message-ID: <é@x.test>\r\nReferences: <a@b>\r\n <ü@x.test>\r\nIn-Reply-To: <a@b>\r\n\r\n") ==
        "Downgraded-Message-ID: =?utf-8?Q?=3C=C3=A9=40x=2Etest=3E?=\r\nDowngraded-References: <a@b> "
        "=?utf-8?Q?=3C=C3=BC=40x=2Etest=3E?=\r\nIn-Reply-To: <a@b>\r\n\r\n");
}

TEST_CASE("encoded words beside UTF-8 are decoded, not encoded once more, and their controls are blanks") {
  CHECK(ascii_header("Subject: =?iso-8859-1?Q?Gr=FC=DFe?= für =?utf-8?B?w6lsw6huZQ==?=\r\n\r\n") ==
        "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_f=C3=BCr_=C3=A9l=C3=A8ne?=\r\n\r\n");
  // Words of ASCII with an "é" behind: what they hide are no line ends and nothing a terminal obeys.
  CHECK(ascii_header("Comments: =?us-ascii?Q?a=0D=0ABcc:=09x=1B[2J=7F=00?= é\r\n\r\n") ==
        "Comments: a  Bcc: x [2J   =?utf-8?Q?=C3=A9?=\r\n\r\n");
  CHECK(ascii_header("To: =?utf-8?Q?J=C3=B6=1Brg?= Köß <a@b.test>, =?utf-8?Q?=C3=A9=07?= ü: c@d.test;\r\n\r\n") ==
        "To: =?utf-8?Q?J=C3=B6_rg_K=C3=B6=C3=9F?= <a@b.test>, =?utf-8?B?w6kgIMO8?=:\r\n c@d.test;\r\n\r\n");
  // What is no encoded word, and what is no text, stays what it is.
  CHECK(ascii_header("Subject: =?nonsense?Q?x?= é\r\n\r\n") ==
        "Subject: =?utf-8?Q?=3D=3Fnonsense=3FQ=3Fx=3F=3D_=C3=A9?=\r\n\r\n");
  CHECK(ascii_header("References: <=?utf-8?Q?x?=@é.test>\r\n\r\n").contains("=3C=3D=3Futf-8"));
}

TEST_CASE("headers of no valid UTF-8 stay as they are") {
  CHECK(ascii_header("Subject: caf\xE9\r\n\r\n") == "Subject: caf\xE9\r\n\r\n");
}

TEST_CASE("all headers of a message are shown in ASCII, bodies stay") {
  const std::string message =
      "Subject: é\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npre é\r\n--b\r\nContent-Description: "
      "é\r\n\r\né\r\n"
      "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: é\r\n\r\né\r\n--b--\r\né";
  const std::string shown = ascii_headers(parse_structure(message), message);
  const Structure s = parse_structure(shown);
  CHECK(s.parts.size() == 4);
  for (const Part& part : s.parts) CHECK_FALSE(part.eight_bit_header);
  CHECK(s.parts[3].body().of(shown) == "é");
  CHECK(shown.ends_with("é"));
}
