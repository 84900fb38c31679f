#include "message/header.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "support/test.h"

namespace angarium::message {
namespace {

std::vector<std::string> shown(std::string_view octets) {
  std::vector<std::string> result;
  for (const Field& field : Header(octets)) result.push_back(std::string(field.name) + "|" + unfold(field.value));
  return result;
}
using Strings = std::vector<std::string>;

TEST_CASE("RFC 5322 2.2: fields end where a line begins without a blank, the header at the empty line") {
  CHECK(shown("A: 1\r\nB: 2\r\n  3\r\n\t4\r\nC:5\r\n\r\nD: 6\r\n") == Strings{"A| 1", "B| 2  3\t4", "C|5"});
  CHECK(shown("A: 1\nB: 2\n  3\n\t4\nC:5\n\nD: 6\n") == Strings{"A| 1", "B| 2  3\t4", "C|5"});
  CHECK(shown("") == Strings{});
  CHECK(shown("\r\nA: 1") == Strings{});
  CHECK(shown("A: 1") == Strings{"A| 1"});
  CHECK(shown("A: 1\r\n ") == Strings{"A| 1 "});
}

TEST_CASE("a line of blanks goes on with the field (RFC 5322 4.2), it does not end the header") {
  CHECK(shown("A: 1\r\n \r\n 2\r\nB: 3\r\n\r\n") == Strings{"A| 1  2", "B| 3"});
}

TEST_CASE("RFC 5322 4.5: blanks may stand before the colon; the name is given without them") {
  CHECK(shown("Subject \t: x\r\n") == Strings{"Subject| x"});
}

TEST_CASE("a line that is no field is given whole and nothing is lost") {
  CHECK(shown("From joe Tue Jul 1\r\nA: 1\r\n\r\n") == Strings{"|From joe Tue Jul 1", "A| 1"});
  CHECK(shown(": 1\r\nna me: 2\r\n\xc3\xa9: 3\r\n x\r\n") == Strings{"|: 1", "|na me: 2", "|\xc3\xa9: 3 x"});
  CHECK(shown(" begins with a blank\r\nA: 1\r\n") == Strings{"| begins with a blank", "A| 1"});
}

TEST_CASE("bare CR ends no line") {
  CHECK(shown("A: 1\rB: 2\r\nC: 3\r\r\n\r\nD: 4") == Strings{"A| 1\rB: 2", "C| 3\r"});
}

TEST_CASE("the fields' octets are those of the header, in order and whole, wherever it is cut") {
  const std::string message = "From x\nA: 1\r\nB : 2\r\n  3\r\n\t4\r\nbad line\r\nC:\r\n\r\nbody: x\r\n";
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    const std::string part = message.substr(0, cut);
    HeaderReader reader(part);
    std::string joined;
    while (const auto field = reader.next()) {
      joined += field->whole;
      CHECK_FALSE(field->whole.empty());
    }
    CHECK(joined == part.substr(0, reader.position()));
    CHECK(reader.position() == header_extent(part).header_size);
    CHECK_FALSE(reader.next());
  }
}

TEST_CASE("the body begins after the first empty line, or nowhere") {
  CHECK(header_extent("A: 1\r\n\r\nbody").header_size == 6);
  CHECK(header_extent("A: 1\r\n\r\nbody").body_offset == 8);
  CHECK(header_extent("A: 1\n\nbody").body_offset == 6);
  CHECK(header_extent("\nbody").header_size == 0);
  CHECK(header_extent("\nbody").body_offset == 1);
  CHECK(header_extent("A: 1\r\n").body_offset == 6);
  CHECK(header_extent("").body_offset == 0);
}

TEST_CASE("look-up takes no note of case and finds first, last and number") {
  const Header header("To: 1\r\nSubject: s\r\nTO: 2\r\nto : 3\r\n\r\nTo: 4\r\n");
  CHECK(header.find("to")->value == " 1");
  CHECK(header.find_last("tO")->value == " 3");
  CHECK(header.count("To") == 3);
  CHECK_FALSE(header.find("Cc"));
  CHECK_FALSE(header.find(""));
}

TEST_CASE("RFC 5322 2.2.3: unfolding removes the line end before a blank and nothing else") {
  CHECK(unfold(" a\r\n b\n\tc\r\nd\re") == " a b\tc\r\nd\re");
  CHECK(unfold("a\r\n") == "a\r\n");
  std::string scratch;
  const std::string_view plain = "  plain ";
  CHECK(unfolded(plain, scratch).data() == plain.data() + 2);
  CHECK(unfolded(" x\r\n y ", scratch) == "x y");
}

std::string written(std::string_view name, std::string_view value) {
  std::string out;
  REQUIRE(append_field(out, name, value));
  return out;
}

TEST_CASE("RFC 5322 2.1.1: lines are folded at 78 and what is folded unfolds to what was given") {
  std::string value;
  for (int i = 0; i < 200; ++i) value += (i ? " word" : "word") + std::to_string(i * i);
  const std::string out = written("Subject", value);
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t end = out.find("\r\n", at);
    CHECK(end - at <= kLineGood);
    CHECK(end - at > 60 - (end + 2 == out.size() ? 60 : 0));
    at = end + 2;
  }
  CHECK(unfold(HeaderReader(out).next()->value) == " " + value);
}

TEST_CASE("a word of its own fits 78 exactly, one octet more is folded before it") {
  CHECK(written("A", std::string(75, 'x')) == "A: " + std::string(75, 'x') + "\r\n");
  CHECK(written("A", std::string(76, 'x')) == "A:\r\n " + std::string(76, 'x') + "\r\n");
  CHECK(written("A", "b " + std::string(73, 'x')) == "A: b " + std::string(73, 'x') + "\r\n");
  CHECK(written("A", "b " + std::string(74, 'x')) == "A: b\r\n " + std::string(74, 'x') + "\r\n");
}

TEST_CASE("no line passes 998 octets, a break for that never splits a character") {
  CHECK(written("A", std::string(995, 'x')) == "A: " + std::string(995, 'x') + "\r\n");
  for (const std::string& run : {std::string(996, 'x'), std::string(5000, 'x'), [] {
                                   std::string s = "x";
                                   for (int i = 0; i < 2000; ++i) s += "\xe2\x82\xac";
                                   return s;
                                 }()}) {
    const std::string out = written("A", run);
    for (std::size_t at = 0; at < out.size();) {
      const std::size_t end = out.find("\r\n", at);
      CHECK(end - at <= kLineMax);
      CHECK(valid_utf8(std::string_view(out).substr(at, end - at)));
      at = end + 2;
    }
    std::string joined = unfold(HeaderReader(out).next()->value);
    std::erase(joined, ' ');
    CHECK(joined == run);
  }
}

TEST_CASE("no value can end the header, begin a field or leave a line of blanks") {
  for (const std::string& value :
       {std::string("a\r\nBcc: x"), std::string("a\r\n\r\nbody"), std::string("a\nb\rc\0d", 7), std::string("\r\n"),
        std::string("a\r\n \r\n b"), "a" + std::string(3000, ' ') + "b", std::string(3000, '\t') + "b",
        "a " + std::string(3000, '\x80'), std::string("\r\n\r\n")}) {
    const std::string out = written("A", value) + "B: 1\r\n\r\n";
    CHECK(Header(out).count("B") == 1);
    CHECK(Header(out).count("Bcc") == 0);
    CHECK(std::ranges::distance(Header(out).begin(), Header(out).end()) == 2);
    for (std::size_t at = 0; at + 2 < out.size();) {
      const std::size_t end = out.find("\r\n", at);
      CHECK(trim(std::string_view(out).substr(at, end - at)) != "");
      at = end + 2;
    }
  }
  CHECK(written("A", "a\r\nBcc: x") == "A: a  Bcc: x\r\n");
  CHECK(written("A", " a\r\n  b ") == "A: a  b\r\n");
  CHECK(written("A", "") == "A:\r\n");
}

TEST_CASE("RFC 5322 3.6.8: a name that no field may have is refused, and so is one too long") {
  std::string out;
  for (const char* name : {"", "a b", "a:", "a\r\n", "\xc3\xa9"}) CHECK_FALSE(append_field(out, name, "x"));
  CHECK(append_field(out, std::string(kFieldNameMax, 'x'), "x"));
  CHECK(append_field(out, std::string(kFieldNameMax + 1, 'x'), "x").error().is(kBadFieldName));
}

}  // namespace
}  // namespace angarium::message
