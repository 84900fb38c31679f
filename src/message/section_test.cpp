#include "message/section.h"

#include <vector>

#include "base/text.h"
#include "message/coding.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

/// The shape of the example in RFC 9051 §6.4.5.1.
constexpr std::string_view kExample =
    "Subject: top\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"
    "--a\r\nContent-Type: text/plain\r\n\r\none\r\n"
    "--a\r\nContent-Type: application/octet-stream\r\n\r\ntwo\r\n"
    "--a\r\nContent-Type: message/rfc822\r\n\r\n"
    "Subject: three\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\n\r\nthree-one\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\nthree-two\r\n--b--\r\n"
    "--a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
    "--c\r\nContent-Type: image/gif\r\n\r\nfour-one\r\n"
    "--c\r\nContent-Type: message/rfc822\r\n\r\n"
    "Subject: four-two\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n"
    "--d\r\n\r\nfour-two-one\r\n--d\r\nContent-Type: multipart/alternative; boundary=e\r\n\r\n"
    "--e\r\n\r\nfour-two-two-one\r\n--e\r\nContent-Type: "
    "text/richtext\r\n\r\nfour-two-two-two\r\n--e--\r\n--d--\r\n--c--\r\n"
    "--a--\r\n";

std::optional<std::string> section(std::string_view message, std::vector<std::uint32_t> numbers,
                                   SectionText which = SectionText::whole) {
  const auto range = find_section(parse_structure(message), numbers, which);
  if (!range) return std::nullopt;
  return std::string(range->of(message));
}

}  // namespace

TEST_CASE("RFC 9051 §6.4.5.1: the parts of the example are numbered as it says") {
  CHECK(section(kExample, {}) == kExample);
  CHECK(section(kExample, {}, SectionText::header) ==
        "Subject: top\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n");
  CHECK(section(kExample, {}, SectionText::text) == kExample.substr(kExample.find("--a\r\n")));
  CHECK(section(kExample, {1}) == "one");
  CHECK(section(kExample, {2}) == "two");
  CHECK(section(kExample, {3, 1}) == "three-one");
  CHECK(section(kExample, {3, 2}) == "three-two");
  CHECK(section(kExample, {3}, SectionText::header)->starts_with("Subject: three\r\n"));
  CHECK(section(kExample, {3}, SectionText::header)->ends_with("boundary=b\r\n\r\n"));
  CHECK(section(kExample, {3}, SectionText::text)->starts_with("--b\r\n"));
  CHECK(section(kExample, {3})->starts_with("Subject: three\r\n"));
  CHECK(section(kExample, {3})->ends_with("--b--"));
  CHECK(section(kExample, {4, 1}) == "four-one");
  CHECK(section(kExample, {4, 1}, SectionText::mime) == "Content-Type: image/gif\r\n\r\n");
  CHECK(section(kExample, {4, 2}, SectionText::header)->starts_with("Subject: four-two\r\n"));
  CHECK(section(kExample, {4, 2, 1}) == "four-two-one");
  CHECK(section(kExample, {4, 2, 2, 1}) == "four-two-two-one");
  CHECK(section(kExample, {4, 2, 2, 2}) == "four-two-two-two");
}

TEST_CASE("parts that are not there are not found") {
  CHECK_FALSE(section(kExample, {0}));
  CHECK_FALSE(section(kExample, {5}));
  CHECK_FALSE(section(kExample, {1, 1}));
  CHECK_FALSE(section(kExample, {4, 2, 2, 3}));
  CHECK_FALSE(section(kExample, {}, SectionText::mime));
}

TEST_CASE("HEADER and TEXT need an enclosed message") {
  CHECK_FALSE(section(kExample, {1}, SectionText::header));
  CHECK_FALSE(section(kExample, {4}, SectionText::text));
}

TEST_CASE("every message has a part 1") {
  CHECK(section("Subject: x\r\n\r\nbody\r\n", {1}) == "body\r\n");
  CHECK(section("Subject: x\r\n\r\nbody\r\n", {1}, SectionText::mime) == "Subject: x\r\n\r\n");
  CHECK_FALSE(section("Subject: x\r\n\r\nbody\r\n", {2}));
  CHECK_FALSE(section("Subject: x\r\n\r\nbody\r\n", {1, 1}));
  CHECK(section("", {1}) == "");
}

TEST_CASE("a message whose body is an enclosed message") {
  constexpr std::string_view kMessage = "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody\r\n";
  CHECK(section(kMessage, {1}) == "Subject: in\r\n\r\nbody\r\n");
  CHECK(section(kMessage, {1}, SectionText::header) == "Subject: in\r\n\r\n");
  CHECK(section(kMessage, {1, 1}) == "body\r\n");
  CHECK_FALSE(section(kMessage, {1, 1, 1}));
}

TEST_CASE("a multipart without parts has its whole body as part 1") {
  constexpr std::string_view kMessage = "Content-Type: multipart/mixed\r\n\r\nbody\r\n";
  CHECK(section(kMessage, {1}) == "body\r\n");
  CHECK_FALSE(section(kMessage, {1, 1}));
  CHECK_FALSE(section(kMessage, {2}));
}

TEST_CASE("HEADER.FIELDS keeps named fields with their folds and the empty line") {
  constexpr std::string_view kHeader = "From: a\r\nSUBJECT: b\r\n c\r\nTo : d\r\nnot a field\r\n\r\n";
  const std::vector<std::string> names = {"subject", "TO", "x"};
  CHECK(header_subset(kHeader, names, FieldChoice::named) == "SUBJECT: b\r\n c\r\nTo : d\r\n\r\n");
  CHECK(header_subset(kHeader, names, FieldChoice::others) == "From: a\r\nnot a field\r\n\r\n");
  CHECK(header_subset(kHeader, {}, FieldChoice::named) == "\r\n");
}

TEST_CASE("a header without empty line gives a subset without one") {
  const std::vector<std::string> names = {"From"};
  CHECK(header_subset("From: a\r\n", names, FieldChoice::named) == "From: a\r\n");
  CHECK(header_subset("From: a\r\n", names, FieldChoice::others) == "");
}

TEST_CASE("BINARY gives leaves without their coding and all else as it is") {
  constexpr std::string_view kMessage =
      "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      "--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b\r\nContent-Transfer-Encoding: "
      "x-mine\r\n\r\nx\r\n--b--";
  const Structure s = parse_structure(kMessage);
  const auto binary = [&s](std::vector<std::uint32_t> numbers) { return find_binary(s, numbers); };
  CHECK(decode_transfer(binary({1})->encoding, binary({1})->range.of(kMessage)) == "\0\1\2"sv);
  CHECK(decoded_size(binary({1})->encoding, binary({1})->range.of(kMessage)) == 3);
  CHECK(binary({2})->encoding == Encoding::unknown);
  CHECK(binary({})->range.of(kMessage) == kMessage);
  CHECK(is_identity(binary({})->encoding));
  CHECK_FALSE(binary({3}));
  const Structure undivided =
      parse_structure("Content-Type: multipart/mixed\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC");
  CHECK(is_identity(find_binary(undivided, std::vector<std::uint32_t>{1})->encoding));
}

TEST_CASE("each leaf's number leads back to it") {
  for (const std::string_view message :
       {kExample, "Subject: x\r\n\r\nb"sv, "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody"sv,
        "Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody"sv}) {
    const Structure s = parse_structure(message);
    for (std::uint32_t i = 0; i < s.parts.size(); ++i) {
      if (s.parts[i].kind != PartKind::leaf) continue;
      std::vector<std::uint32_t> numbers;
      const std::string number = part_number(s, i);
      std::string_view text = number;
      while (!text.empty()) numbers.push_back(*parse_number<std::uint32_t>(take_until(text, '.')));
      const auto found = find_part(s, numbers);
      REQUIRE(found);
      CHECK(found->index == i);
    }
  }
}
