#include "message/compose.h"

#include "base/text.h"
#include "message/attachment.h"
#include "message/coding.h"
#include "message/content.h"
#include "message/dots.h"
#include "message/downgrade.h"
#include "message/flowed.h"
#include "message/header.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

OutgoingPart text_part(std::string_view text) {
  OutgoingPart part;
  part.body = text;
  return part;
}
OutgoingPart file_part(std::string_view name, std::string_view octets) {
  OutgoingPart part;
  part.kind = OutgoingPart::Kind::octets;
  part.file_name = name;
  part.body = octets;
  return part;
}
OutgoingPart message_part(std::string_view message) {
  OutgoingPart part;
  part.kind = OutgoingPart::Kind::message;
  part.body = message;
  return part;
}
OutgoingPart multi(std::vector<OutgoingPart> children, std::string_view subtype = "mixed") {
  OutgoingPart part;
  part.kind = OutgoingPart::Kind::multipart;
  part.subtype = subtype;
  part.children = std::move(children);
  return part;
}

std::string made(const OutgoingPart& part, Transfer transfer = Transfer::seven_bit) {
  SeededRandom random(1);
  const auto message = compose({{"Subject", "Grüße"}}, part, random, transfer);
  REQUIRE(message);
  LineScanner lines;
  lines.feed(*message);
  CHECK(lines.clean_line_ends());
  CHECK(lines.at_line_start());
  if (transfer == Transfer::seven_bit) CHECK(seven_bit_clean(*message));
  const Structure s = parse_structure(*message);
  CHECK(s.defects() == 0);
  return *message;
}

}  // namespace

TEST_CASE("an ASCII text stays as it is, with right line ends") {
  CHECK(made(text_part("one\ntwo\r\n")) ==
        "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
        "charset=us-ascii\r\n\r\none\r\ntwo\r\n");
}

TEST_CASE("text_coding: as it is, quoted-printable, or base64 when that is shorter") {
  CHECK(text_coding("plain\r\n", Transfer::seven_bit) == Encoding::seven_bit);
  CHECK(text_coding(std::string(998, 'x') + "\r\n", Transfer::seven_bit) == Encoding::seven_bit);
  CHECK(text_coding(std::string(999, 'x') + "\r\n", Transfer::seven_bit) == Encoding::quoted_printable);
  CHECK(text_coding("From here\r\n", Transfer::seven_bit) == Encoding::quoted_printable);
  CHECK(text_coding("some words and \xC3\xA9\r\n", Transfer::seven_bit) == Encoding::quoted_printable);
  CHECK(text_coding("\xD0\xB0\xD0\xB0\xD0\xB0\r\n", Transfer::seven_bit) == Encoding::base64);
  CHECK(text_coding("some words and \xC3\xA9\r\n", Transfer::eight_bit) == Encoding::eight_bit);
  CHECK(text_coding("nul \0"sv, Transfer::eight_bit) == Encoding::quoted_printable);
}

TEST_CASE("a tree of parts is read back as it was written") {
  const std::string enclosed = "Subject: in\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ncaf\xC3\xA9 in there\r\n";
  std::string octets;
  for (int i = 0; i < 1000; ++i) octets += static_cast<char>(i * 7);
  const std::string message = made(multi({multi({text_part("Grüße\r\n"), text_part("plain")}, "alternative"),
                                          file_part("Übersicht 2026.bin", octets), message_part(enclosed)}));
  const Structure s = parse_structure(message);
  REQUIRE(s.parts.size() == 7);
  CHECK(part_text(s, s.parts[2], message) == "Grüße\r\n");
  CHECK(decoded_content(s.parts[3], message) == "plain");
  CHECK(decoded_content(s.parts[4], message) == octets);
  CHECK(part_file_name(s.parts[4], message) == "Übersicht 2026.bin");
  CHECK(s.parts[5].kind == PartKind::message);
  CHECK(part_text(s, s.parts[6], message) == "caf\xC3\xA9 in there\r\n");
  for (const Field& field : Header(message)) CHECK(field.whole.size() < 200);
}

TEST_CASE("8-bit text goes as it is where the way allows it") {
  const std::string message = made(multi({text_part("Grüße\r\n")}), Transfer::eight_bit);
  CHECK(message.find("Grüße\r\n") != std::string::npos);
  CHECK(message.find("Content-Transfer-Encoding: 8bit") != std::string::npos);
}

TEST_CASE("boundaries differ and stand in no part") {
  const std::string message = made(multi({multi({text_part("--=_\r\n--\r\n")}), text_part("x")}));
  CHECK(parse_structure(message).parts.size() == 4);
}

TEST_CASE("what cannot be written is refused") {
  SeededRandom random(1);
  const auto refused = [&](const OutgoingPart& part) { return !compose({}, part, random).has_value(); };
  CHECK(refused(multi({})));
  OutgoingPart part = text_part("x");
  part.subtype = "no type";
  CHECK(refused(part));
  part = file_part("x", "x");
  part.type = "message/rfc822";
  CHECK(refused(part));
  part = text_part("x");
  part.disposition = "in line";
  CHECK(refused(part));
  CHECK_FALSE(compose({{"Bad Name", "x"}}, text_part("x"), random).has_value());
  OutgoingPart deep = text_part("x");
  for (std::size_t i = 0; i < kDepthMax; ++i) deep = multi({deep});
  CHECK_FALSE(refused(deep));
  CHECK(refused(multi({deep})));
}

TEST_CASE("no value injects a header") {
  SeededRandom random(1);
  OutgoingPart part = text_part("x");
  part.description = "a\r\nX-Injected: b";
  part.file_name = "a\r\nX-Injected: b";
  part.content_id = "a\r\nX-Injected: b";
  const auto message = compose({{"Subject", "a\r\nX-Injected: b"}}, part, random);
  REQUIRE(message);
  CHECK_FALSE(Header(*message).find("X-Injected"));
}

TEST_CASE("RFC 3676: paragraphs are broken at blanks and put together again") {
  const std::string paragraph(200, 'x');
  std::string words;
  for (int i = 0; i < 60; ++i) words += "word" + std::to_string(i) + (i == 59 ? "" : " ");
  for (const std::string& text :
       {words, paragraph, std::string(" begins with a blank"), std::string("From me"), std::string("")}) {
    const std::string flowed = to_flowed(text + "\n");
    CHECK(from_flowed(flowed) == text + "\n");
    std::string_view rest = flowed;
    if (text != paragraph)
      while (!rest.empty()) CHECK(take_until(rest, '\n').size() <= kFlowedWidth + 2);
  }
  CHECK(to_flowed("-- \nName  \n") == "-- \r\nName\r\n");
  CHECK(to_flowed("> quoted\n") == "> quoted\r\n");
}

TEST_CASE("RFC 3676 §4.5: quotations, signatures and DelSp are read") {
  CHECK(from_flowed("> a \r\n> b\r\n>> c\r\nd \r\n> e\r\n") == "> a b\n>> c\nd \n> e\n");
  CHECK(from_flowed("text \r\n-- \r\nName\r\n") == "text \n-- \nName\n");
  CHECK(from_flowed("a \r\nb\r\n", DelSp::yes) == "ab\n");
  CHECK(from_flowed("  stuffed\r\n") == " stuffed\n");
}
