#include "message/structure.h"

#include <fmt/format.h>
#include <algorithm>
#include <filesystem>

#include "base/random.h"
#include "base/text.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

/// The tree in one line: type/subtype with the body in brackets for leaves, children in parentheses.
std::string shape(const Structure& s, std::string_view message, std::uint32_t index = 0) {
  const Part& part = s.parts[index];
  std::string text = s.type(part, message) + "/" + s.subtype(part, message);
  if (part.kind == PartKind::leaf) return text + "[" + escape_controls(part.body().of(message)) + "]";
  text += "(";
  for (std::uint32_t child = part.first_child; child != kNoPart; child = s.parts[child].next_sibling)
    text += (child == part.first_child ? "" : " ") + shape(s, message, child);
  return text + ")";
}
std::string shape(std::string_view message) { return shape(parse_structure(message), message); }

std::string defects(std::string_view message) {
  const std::uint16_t all = parse_structure(message).defects();
  std::string text;
  for (std::size_t i = 0; i < kDefects; ++i)
    if ((all >> i & 1) != 0) text += (text.empty() ? "" : ", ") + std::string(defect_name(static_cast<Defect>(i)));
  return text;
}

std::string multipart(std::string_view boundary, std::string_view rest) {
  return fmt::format("Content-Type: multipart/mixed; boundary=\"{}\"\r\n\r\n{}", boundary, rest);
}

std::vector<std::string> all_samples() {
  std::vector<std::string> samples;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(angarium::test::tests_path("vectors/mime"))) {
    const std::string name = entry.path().filename();
    if (!entry.is_regular_file()) continue;
    if (name.ends_with(".eml") || name.ends_with(".msg") || (name.starts_with("msg_") && name.ends_with(".txt")) ||
        entry.path().string().find("maildir") != std::string::npos)
      samples.push_back(angarium::test::read_file(entry.path()));
  }
  return samples;
}

void check_sane(const Structure& s, std::string_view message) {
  REQUIRE(s.size == message.size());
  for (const Part& part : s.parts) {
    CHECK(part.header_begin <= part.body_begin);
    CHECK(part.body_begin <= part.body_end);
    const std::uint64_t end = part.parent == kNoPart ? s.size : s.parts[part.parent].body_end;
    CHECK(part.body_end <= end);
    const std::string_view body = part.body().of(message);
    CHECK(part.lines == static_cast<std::uint64_t>(std::count(body.begin(), body.end(), '\n')));
  }
  const auto again = deserialize(serialize(s));
  REQUIRE(again.has_value());
  CHECK(*again == s);
}

Structure parse_cut(std::string_view message, std::size_t cut) {
  StructureParser parser;
  parser.feed(message.substr(0, cut));
  parser.feed(message.substr(cut));
  return parser.finish();
}

Structure parse_steps(std::string_view message, std::size_t step) {
  StructureParser parser;
  for (std::size_t at = 0; at < message.size(); at += step) parser.feed(message.substr(at, step));
  return parser.finish();
}

}  // namespace

TEST_CASE("RFC 2045 §5.2: a message without Content-Type is text/plain") {
  CHECK(shape("Subject: x\r\n\r\nbody\r\n") == "text/plain[body\\x0d\\x0a]");
  CHECK(shape("") == "text/plain[]");
  CHECK(shape("\r\nonly body") == "text/plain[only body]");
  CHECK(shape("Subject: only header\r\n") == "text/plain[]");
  CHECK(shape("Content-Type: nonsense\r\n\r\nb") == "text/plain[b]");
  CHECK(defects("Content-Type: nonsense\r\n\r\nb") == "bad content type");
}

TEST_CASE("RFC 2046 §5.1.1: the line end before a delimiter belongs to the delimiter") {
  CHECK(shape(multipart("b", "--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n\r\n--b--\r\n")) ==
        "multipart/mixed(text/plain[x] text/plain[y\\x0d\\x0a])");
  CHECK(shape(multipart("b", "--b\n\nx\n--b\r\n\r\ny\n--b--")) == "multipart/mixed(text/plain[x] text/plain[y])");
}

TEST_CASE("preamble and epilogue belong to no part") {
  CHECK(shape(multipart("b", "pre --b\r\n--b\r\n\r\nx\r\n--b--\r\nepilogue\r\n--b\r\n\r\nno part\r\n")) ==
        "multipart/mixed(text/plain[x])");
}

TEST_CASE("a part may be empty, without header or without body") {
  CHECK(shape(multipart("b", "--b\r\n--b\r\nContent-Type: text/html\r\n--b\r\n\r\n--b\r\n\r\n\r\n--b--")) ==
        "multipart/mixed(text/plain[] text/html[] text/plain[] text/plain[])");
}

TEST_CASE("RFC 2046 §5.1.1: blanks may follow a delimiter, and a line that begins with a boundary is one") {
  CHECK(shape(multipart("b", "--b  \t\r\n\r\nx\r\n--b-- \r\nepilogue")) == "multipart/mixed(text/plain[x])");
  CHECK(shape(multipart("b", "--bubble\r\n\r\nx\r\n--b--ble")) == "multipart/mixed(text/plain[x])");
}

TEST_CASE("of boundaries that are prefixes of each other, the whole match counts, then the longest") {
  const std::string inner = "Content-Type: multipart/alternative; boundary=b1\r\n\r\n--b1\r\n\r\nx\r\n--b1--\r\n";
  CHECK(shape(multipart("b", "--b\r\n" + inner + "--b\r\n\r\ny\r\n--b--")) ==
        "multipart/mixed(multipart/alternative(text/plain[x]) text/plain[y])");
  const std::string outer_longer =
      "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b1\r\n\r\ny\r\n--b1--";
  CHECK(shape(multipart("b1", "--b1\r\n" + outer_longer)) ==
        "multipart/mixed(multipart/alternative(text/plain[x]) text/plain[y])");
  const std::string dashes =
      "Content-Type: multipart/alternative; boundary=\"b-\"\r\n\r\n--b-\r\n\r\nx\r\n--b--\r\nepilogue";
  CHECK(shape(multipart("b", "--b\r\n" + dashes)) == "multipart/mixed(multipart/alternative(text/plain[x]))");
}

TEST_CASE("the same boundary inside itself closes the innermost first") {
  const std::string inner = multipart("b", "--b\r\n\r\nx\r\n--b--\r\n");
  CHECK(shape(multipart("b", "--b\r\n" + inner + "--b\r\n\r\ny\r\n--b--\r\n")) ==
        "multipart/mixed(multipart/mixed(text/plain[x]) text/plain[y])");
}

TEST_CASE("an outer delimiter ends unterminated inner multiparts") {
  const std::string message =
      multipart("out", "--out\r\n" + multipart("in", "--in\r\n\r\nx\r\n") + "--out\r\n\r\ny\r\n--out--\r\n");
  CHECK(shape(message) == "multipart/mixed(multipart/mixed(text/plain[x]) text/plain[y])");
  CHECK(defects(message) == "unterminated");
}

TEST_CASE("RFC 2046 §5.1.5: in a digest the default is message/rfc822") {
  const std::string message =
      "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: s\r\n\r\nx\r\n--b\r\nContent-Type: "
      "text/html\r\n\r\ny\r\n--b\r\n\r\n--b--";
  CHECK(shape(message) == "multipart/digest(message/rfc822(text/plain[x]) text/html[y] message/rfc822(text/plain[]))");
}

TEST_CASE("enclosed messages are opened unless a coding hides them") {
  CHECK(shape("Content-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nbody") == "message/rfc822(text/plain[body])");
  CHECK(shape("Content-Type: Message/Global\r\n\r\nContent-Type: text/html\r\n\r\nb") ==
        "message/global(text/html[b])");
  CHECK(shape("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA") ==
        "message/rfc822[AAAA]");
  CHECK(shape("Content-Type: message/delivery-status\r\n\r\nA: b\r\n") == "message/delivery-status[A: b\\x0d\\x0a]");
}

TEST_CASE("a multipart that cannot be divided has no parts") {
  CHECK(defects("Content-Type: multipart/mixed\r\n\r\n--\r\n") == "no boundary");
  CHECK(defects(multipart("b", "nothing")) == "boundary never came");
  CHECK(shape(multipart("b", "nothing")) == "multipart/mixed()");
}

TEST_CASE("the first of two Content-Types counts") {
  CHECK(shape("Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n") == "text/html[]");
  CHECK(defects("Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n") == "duplicate field");
}

TEST_CASE("Content-Type is read with comments, folds, odd case and RFC 2231 continuations") {
  CHECK(shape("CONTENT-TYPE :\r\n\t(a (comment)) Multipart (x) /\r\n MIXED ; charset=x;\r\n "
              "boundary=(c)\"a\\b\"\r\n\r\n--ab\r\n\r\nx\r\n--ab--") == "multipart/mixed(text/plain[x])");
  CHECK(shape("Content-Type: multipart/mixed; boundary*0=ab; boundary*1=cd\r\n\r\n--abcd\r\n\r\nx") ==
        "multipart/mixed(text/plain[x])");
  CHECK(shape("Content-Type: multipart/mixed; boundary*=us-ascii'en'a%62\r\n\r\n--ab\r\n\r\nx") ==
        "multipart/mixed(text/plain[x])");
  CHECK(shape("Content-Type: multipart/mixed; boundary=----=_Part/1?x;\r\n\r\n------=_Part/1?x\r\n\r\nx") ==
        "multipart/mixed(text/plain[x])");
}

TEST_CASE("Content-Type is read without semicolons, and a delimiter may follow the header at once") {
  CHECK(shape("Content-Type: multipart/mixed\r\n\tboundary=b charset=x\r\n\r\n--b\r\n\r\nx") ==
        "multipart/mixed(text/plain[x])");
  CHECK(shape("Content-Type: multipart/mixed; boundary=b\r\nX: y\r\n--b\r\n\r\nx") == "multipart/mixed(text/plain[x])");
  const std::string inner =
      "Content-Type: multipart/mixed; boundary=ab\r\n--ab\r\n\r\nx\r\n--ab--\r\n--a\r\n\r\ny\r\n--a--";
  CHECK(shape(multipart("a", "--a\r\n" + inner)) == "multipart/mixed(multipart/mixed(text/plain[x]) text/plain[y])");
}

TEST_CASE("header lines that are no fields are passed over") {
  const std::string message =
      "From someone Sat Jan  3 01:05:34 1996\r\nbad line\r\nSubject: x\r\nContent-Type: text/html\r\n\r\nb";
  CHECK(shape(message) == "text/html[b]");
  CHECK(defects(message) == "malformed field");
}

TEST_CASE("a part whose first line is no field has no header, so that no text is lost") {
  CHECK(shape("This is text: so\r\nand more\r\n") == "text/plain[This is text: so\\x0d\\x0aand more\\x0d\\x0a]");
  CHECK(shape(multipart("b", "--b\r\ntext at once\r\n\r\nmore\r\n--b--")) ==
        "multipart/mixed(text/plain[text at once\\x0d\\x0a\\x0d\\x0amore])");
  CHECK(shape(multipart("b", "--b\r\n  text at once\r\n--b--")) == "multipart/mixed(text/plain[  text at once])");
  CHECK(shape("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\ntext at once\r\n--b--") ==
        "multipart/digest(message/rfc822(text/plain[text at once]))");
}

TEST_CASE("fields of a part are found with their folds") {
  const std::string message = "Content-ID: <a@b>\r\nContent-Description: two\r\n words\r\nX: y\r\n\r\n";
  const Structure s = parse_structure(message);
  CHECK(s.root().field(PartField::id).of(message) == " <a@b>");
  CHECK(s.root().field(PartField::description).of(message) == " two\r\n words");
  CHECK_FALSE(s.root().has(PartField::md5));
}

TEST_CASE("octets above 127 in a header are noted for that part") {
  const Structure s = parse_structure(multipart("b", "--b\r\nX: \xC3\xA9\r\n\r\n\r\n--b\r\n\r\n\xC3\r\n--b--"));
  CHECK_FALSE(s.parts[0].eight_bit_header);
  CHECK(s.parts[1].eight_bit_header);
  CHECK_FALSE(s.parts[2].eight_bit_header);
}

TEST_CASE("kDepthMax multiparts are opened, one more is a leaf") {
  const auto nested = [](std::size_t depth) {
    std::string message;
    for (std::size_t i = 0; i < depth; ++i)
      message += multipart("b" + std::to_string(i) + ".", "--b" + std::to_string(i) + ".\r\n");
    return message + "\r\nx";
  };
  const Structure at = parse_structure(nested(kDepthMax));
  CHECK(at.parts.size() == kDepthMax + 1);
  CHECK((at.defects() >> static_cast<unsigned>(Defect::too_deep) & 1) == 0);
  const Structure past = parse_structure(nested(kDepthMax + 1));
  CHECK(past.parts.size() == kDepthMax + 1);
  CHECK(past.parts.back().has(Defect::too_deep));
  CHECK(past.parts.back().kind == PartKind::leaf);
  check_sane(parse_structure(nested(20'000)), nested(20'000));
}

TEST_CASE("enclosed messages without end stop at kDepthMax") {
  std::string message;
  for (int i = 0; i < 5000; ++i) message += "Content-Type: message/rfc822\r\n\r\n";
  const Structure s = parse_structure(message);
  CHECK(s.parts.size() == kDepthMax + 1);
  check_sane(s, message);
}

TEST_CASE("kPartsMax parts are made, what follows belongs to the last") {
  const auto parts = [](std::size_t count) {
    std::string message = multipart("b", "");
    for (std::size_t i = 0; i < count; ++i) message += "--b\r\n\r\nx\r\n";
    return message + "--b--\r\n";
  };
  const Structure at = parse_structure(parts(kPartsMax - 1));
  CHECK(at.parts.size() == kPartsMax);
  CHECK(at.defects() == 0);
  const Structure past = parse_structure(parts(kPartsMax));
  CHECK(past.parts.size() == kPartsMax);
  CHECK(past.root().has(Defect::too_many_parts));
  CHECK(past.parts.back().body().of(parts(kPartsMax)) == "x\r\n--b\r\n\r\nx\r\n--b--\r\n");
  check_sane(past, parts(kPartsMax));
}

TEST_CASE("a field longer than kFieldMax is cut") {
  const std::string fits = "Content-Type: text/html;" + std::string(kFieldMax - 11, 'x') + "\r\n\r\n";
  CHECK(defects(fits) == "");
  const std::string over = "Content-Type: text/html;" + std::string(kFieldMax - 10, 'x') + "\r\n\r\n";
  CHECK(defects(over) == "oversize field");
  CHECK(shape(over) == "text/html[]");
}

TEST_CASE("a boundary longer than kBoundaryMax is none") {
  const std::string fits(kBoundaryMax, 'b');
  CHECK(shape(multipart(fits, "--" + fits + "\r\n\r\nx")) == "multipart/mixed(text/plain[x])");
  CHECK(defects(multipart(fits + "b", "--" + fits + "b\r\n\r\nx")) == "no boundary");
}

TEST_CASE("every sample gives the same structure at every cut and in every step") {
  const auto samples = all_samples();
  CHECK(samples.size() > 200);
  for (const std::string& message : samples) {
    const Structure whole = parse_structure(message);
    check_sane(whole, message);
    // Long samples are cut near their beginning at each octet and then at distances.
    const std::size_t stride = message.size() > 20'000 ? message.size() / 500 : 1;
    std::size_t differing = 0;
    for (std::size_t cut = 0; cut <= message.size(); cut += message.size() <= 20'000 || cut > 3000 ? stride : 1)
      if (parse_cut(message, cut) != whole) ++differing;
    CHECK(differing == 0);
    for (std::size_t step : {1, 2, 3, 7, 64, 4096}) CHECK(parse_steps(message, step) == whole);
  }
}

TEST_CASE("a stored structure with offsets out of range, or cut, or with junk, is refused") {
  const std::string message = multipart("b", "--b\r\nContent-Type: text/html\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--");
  const std::string stored = serialize(parse_structure(message));
  for (std::size_t cut = 0; cut < stored.size(); ++cut) CHECK_FALSE(deserialize(stored.substr(0, cut)).has_value());
  CHECK_FALSE(deserialize(stored + "x").has_value());
  for (std::size_t at = 0; at < stored.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = stored;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
      const auto read = deserialize(damaged);
      if (!read) continue;
      for (const Part& part : read->parts) {
        CHECK(part.body_end <= read->size);
        for (const Range& field : part.fields) CHECK(field.end() <= part.body_begin);
      }
    }
  }
}

TEST_CASE("random splices of samples are parsed sanely and alike in all chunkings") {
  const auto samples = all_samples();
  SeededRandom random(11);
  for (int round = 0; round < 2000; ++round) {
    std::string message;
    for (std::uint64_t i = 0, n = 1 + random.below(4); i < n; ++i) {
      const std::string& sample = samples[random.below(samples.size())];
      const std::size_t begin = random.below(sample.size() + 1);
      message += sample.substr(begin, random.below(2000));
    }
    const Structure whole = parse_structure(message);
    check_sane(whole, message);
    CHECK(parse_steps(message, 1 + random.below(50)) == whole);
  }
}
