#include "message/ascii_form.h"

#include <filesystem>

#include "base/text.h"
#include "message/downgrade.h"
#include "message/imap_text.h"
#include "message/section.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

std::string ascii_of(std::string_view message) { return ascii_headers(parse_structure(message), message); }

/// The form, read in stretches of at most so many octets.
std::string read(const AsciiForm& form, std::string_view message, std::uint64_t step) {
  const std::uint64_t size = form.shown(message.size());
  std::string out;
  while (out.size() < size) {
    const auto stretch = form.at(out.size(), std::min(step, size - out.size()));
    const std::string_view octets = stretch.octets.empty() ? stretch.original.of(message) : stretch.octets;
    REQUIRE(!octets.empty());
    REQUIRE(octets.size() <= step);
    out += octets;
  }
  return out;
}

}  // namespace

TEST_CASE("the samples of ascii/ have the form that stands beside them") {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(angarium::test::room_path("ascii"))) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".eml")) continue;
    CAPTURE(path);
    const std::string expected = angarium::test::read_file(path.substr(0, path.size() - 4) + ".ascii");
    CHECK(ascii_of(angarium::test::read_file(path)) == expected);
    ++count;
  }
  CHECK(count >= 3);
}

TEST_CASE("the form is the same whole and in pieces, and its structure is what a reader finds in it") {
  for (const char* name : {"ascii/main_header.eml", "ascii/enclosed.eml", "ascii/odd.eml"}) {
    CAPTURE(name);
    const std::string message = angarium::test::read_file(angarium::test::room_path(name));
    const Structure original = parse_structure(message);
    const AsciiForm form(original, message);
    const std::string whole = ascii_of(message);
    for (const std::uint64_t step : {1, 7, 1000}) CHECK(read(form, message, step) == whole);
    CHECK(whole.size() == message.size() + static_cast<std::uint64_t>(form.growth()));
    const Structure made = form.structure(original);
    const Structure found = parse_structure(whole);
    CHECK(made.size == found.size);
    REQUIRE(made.parts.size() == found.parts.size());
    for (std::size_t i = 0; i < made.parts.size(); ++i) {
      CHECK(made.parts[i].header_begin == found.parts[i].header_begin);
      CHECK(made.parts[i].body_begin == found.parts[i].body_begin);
      CHECK(made.parts[i].body_end == found.parts[i].body_end);
      CHECK(made.parts[i].lines == found.parts[i].lines);
      CHECK(made.parts[i].encoding == found.parts[i].encoding);
      CHECK(!found.parts[i].eight_bit_header);
    }
  }
}

TEST_CASE("RFC 9051 7.5.2: BODYSTRUCTURE in ASCII has the sizes and lines of what BODY[n] gives") {
  const std::string message = angarium::test::read_file(angarium::test::room_path("ascii/enclosed.eml"));
  const std::string shown = ascii_of(message);
  const Structure original = parse_structure(message);
  const std::string text = body_text(original, message, BodyForm::body, ImapForm::ascii);
  for (const std::uint32_t part : {2U, 3U}) {
    const Structure found = parse_structure(shown);
    const auto range = find_section(found, {&part, 1}, SectionText::whole);
    REQUIRE(range);
    const std::uint64_t lines = found.parts[find_part(found, {&part, 1})->index].lines;
    CHECK(text.contains("\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" " + std::to_string(range->size) + " ("));
    CHECK(text.contains(") " + std::to_string(lines) + ")"));
  }
  const std::string utf8 = body_text(original, message, BodyForm::body, ImapForm::utf8);
  const std::uint32_t second = 2;
  const auto own = find_section(original, {&second, 1}, SectionText::whole);
  CHECK(utf8.contains(" " + std::to_string(own->size) + " ("));
}

TEST_CASE("fields are told of headers that stay, not of those that differ") {
  const std::string message = angarium::test::read_file(angarium::test::room_path("ascii/enclosed.eml"));
  const Structure original = parse_structure(message);
  const Structure made = AsciiForm(original, message).structure(original);
  const std::string shown = ascii_of(message);
  CHECK(made.type(made.root(), shown) == "multipart");
  CHECK(!made.parts[1].has(PartField::disposition));
  CHECK(made.subtype(made.parts[2], shown) == "rfc822");
}

TEST_CASE("ASCII headers, and those in another charset than UTF-8, make no form") {
  for (const std::string_view message : {"Subject: x\r\n\r\nbödy"sv, "Subject: caf\xE9\r\n\r\n"sv, ""sv}) {
    const AsciiForm form(parse_structure(message), message);
    CHECK(form.identity());
    CHECK(form.growth() == 0);
    CHECK(form.structure(parse_structure(message)) == parse_structure(message));
    CHECK(ascii_of(message) == message);
  }
  // A field of another charset does not keep the others from being shown.
  CHECK(ascii_of("X-A: caf\xE9\r\nSubject: caf\xC3\xA9\r\n\r\n") ==
        "X-A: caf\xE9\r\nSubject: =?utf-8?Q?caf=C3=A9?=\r\n\r\n");
}

TEST_CASE("a header that vanishes leaves the message's end and its size right") {
  CHECK(ascii_of("Foo: \xC3\xA9\r\n\r\nbody") == "\r\nbody");
  CHECK(ascii_of("Foo: \xC3\xA9") == "");
  CHECK(ascii_of("Subject: \xC3\xA9") == "Subject: =?utf-8?Q?=C3=A9?=");
}

TEST_CASE("headers are put into ASCII up to kAsciiHeaderMax octets, the message's own apart from its parts'") {
  const auto header = [](std::size_t size) {
    std::string text = "X: \xC3\xA9\r\n";
    while (text.size() < size)
      text += "Y: " + std::string(std::min<std::size_t>(900, size - text.size()), 'y') + "\r\n";
    text.resize(size - 4);
    return text + "\r\n\r\n";
  };
  CHECK(!AsciiForm(parse_structure(header(kAsciiHeaderMax)), header(kAsciiHeaderMax)).identity());
  CHECK(AsciiForm(parse_structure(header(kAsciiHeaderMax + 1)), header(kAsciiHeaderMax + 1)).identity());
  for (const std::size_t more : {0, 1}) {
    const std::string message = "Content-Type: multipart/mixed; boundary=b\r\nSubject: \xC3\xA9\r\n\r\n--b\r\n" +
                                header(1000) + "\r\n--b\r\n" + header(kAsciiHeaderMax - 1000 + more) + "\r\n--b--\r\n";
    CHECK(headers_for_ascii(parse_structure(message)).size() == 3 - more);
  }
}

TEST_CASE("headers are put into ASCII up to kAsciiOctetsMax octets above 127 in a message, in their order") {
  const auto text = [](std::size_t count) {
    std::string header;
    for (; count > 0; count -= std::min<std::size_t>(count, 400))
      header += "Subject: " + std::string(std::min<std::size_t>(count, 400) / 2 * 2, '\0') + "\r\n";
    for (std::size_t i = 0; i + 1 < header.size(); ++i)
      if (header[i] == '\0') header[i] = '\xC3', header[i + 1] = '\xA9', ++i;
    return header;
  };
  const auto form = [&](std::size_t own, std::size_t enclosed) {
    const std::string message =
        "Content-Type: message/rfc822\r\n" + text(own) + "\r\n" + text(enclosed) + "\r\nbody\r\n";
    return AsciiForm(parse_structure(message), message);
  };
  CHECK(!form(kAsciiOctetsMax, 0).identity());
  CHECK(form(kAsciiOctetsMax + 2, 0).identity());
  // One that goes beyond leaves the room to those after it.
  CHECK(form(kAsciiOctetsMax + 2, 2).growth() == form(0, 2).growth());
  CHECK(form(kAsciiOctetsMax - 2, 2).growth() > form(kAsciiOctetsMax - 2, 0).growth());
  CHECK(form(kAsciiOctetsMax, 2).growth() == form(kAsciiOctetsMax, 0).growth());
}

TEST_CASE("RFC 6857 3.2.2: what is beyond ASCII only in comments loses them and keeps its meaning") {
  CHECK(ascii_header("Content-Transfer-Encoding: (\xC3\xA9) base64\r\nDate: \"(\\\"\xC3\xA9\" x\r\n") ==
        "Content-Transfer-Encoding: base64\r\n");
  CHECK(ascii_header("Content-ID: (\"\xC3\xA9) <\"(\\\"a\"@b> (c)\r\n") == "Content-ID: <\"(\\\"a\"@b>\r\n");
  CHECK(ascii_header("MIME-Version: 1.0 (\xC3\xA9\r\n") == "MIME-Version: 1.0\r\n");
}
