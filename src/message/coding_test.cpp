#include "message/coding.h"

#include "base/random.h"
#include "base/text.h"
#include "message/uuencode.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

template <class Coder, class... Arguments>
std::string code(std::string_view text, std::size_t cut, Arguments... arguments) {
  Coder coder(arguments...);
  std::string out;
  coder.feed(text.substr(0, cut), out);
  coder.feed(text.substr(cut), out);
  coder.finish(out);
  return out;
}

std::string base64(std::string_view text) { return decode_transfer(Encoding::base64, text); }
std::string qp(std::string_view text) { return decode_transfer(Encoding::quoted_printable, text); }
std::string to_qp(std::string_view text, LineEnds ends = LineEnds::text) {
  return code<QuotedPrintableEncoder>(text, 0, ends);
}

/// Whatever the cuts, the decoded text is the same, also when the output is taken away between chunks.
void check_cuts(Encoding encoding, std::string_view text) {
  const std::string whole = decode_transfer(encoding, text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    TransferDecoder decoder(encoding);
    std::string first;
    std::string second;
    decoder.feed(text.substr(0, cut), first);
    decoder.feed(text.substr(cut), second);
    decoder.finish(second);
    CHECK(first + second == whole);
  }
  TransferDecoder decoder(encoding);
  std::string all;
  for (char c : text) {
    std::string one;
    decoder.feed({&c, 1}, one);
    all += one;
  }
  decoder.finish(all);
  CHECK(all == whole);
}

std::string random_octets(SeededRandom& random, std::size_t size) {
  static constexpr std::string_view kCommon = "=\r\n \t.-From AB0123456789abcdef+/\xC3\xA9";
  std::string text;
  while (text.size() < size)
    text += random.below(4) == 0 ? static_cast<char>(random.below(256)) : kCommon[random.below(kCommon.size())];
  return text;
}

}  // namespace

TEST_CASE("RFC 4648 §10: base64 test vectors") {
  CHECK(base64("") == "");
  CHECK(base64("Zg==") == "f");
  CHECK(base64("Zm8=") == "fo");
  CHECK(base64("Zm9v") == "foo");
  CHECK(base64("Zm9vYmFy\r\n") == "foobar");
}

TEST_CASE("base64 is read without padding, through junk, and past padding") {
  CHECK(base64("Zg") == "f");
  CHECK(base64("Zm8") == "fo");
  CHECK(base64("Z m\r\n9*v!Y m F y") == "foobar");
  CHECK(base64("Zg==Zm8=\r\nZm9v") == "ffofoo");
  CHECK(base64("====Zm9v====") == "foo");
  CHECK(base64("Zm9vY") == "foo");
  CHECK(base64("Zm9v\r\nYmF\r\ny") == "foobar");
}

TEST_CASE("base64 damage is told, line ends and blanks are none") {
  const auto damaged = [](std::string_view text) {
    Base64Decoder decoder;
    std::string out;
    decoder.feed(text, out);
    decoder.finish(out);
    return decoder.damaged();
  };
  CHECK_FALSE(damaged("Zm9v\r\n YmFy \r\n"));
  CHECK_FALSE(damaged("Zg"));
  CHECK(damaged("Zm9v!"));
  CHECK(damaged("Zm9vY"));
}

TEST_CASE("RFC 2045 §6.7: quoted-printable octets, soft line breaks, blanks before line ends") {
  CHECK(qp("a=20b=3D=C3=A9\r\n") == "a b=\xC3\xA9\r\n");
  CHECK(qp("soft =\r\nbreak") == "soft break");
  CHECK(qp("soft=  \t\r\nbreak") == "softbreak");
  CHECK(qp("soft=\nbreak") == "softbreak");
  CHECK(qp("blanks \t \r\nnext ") == "blanks\r\nnext");
  CHECK(qp("kept=20\r\n") == "kept \r\n");
  CHECK(qp("kept=20 \t\r\n") == "kept \r\n");
  CHECK(qp("a \nb\n") == "a\nb\n");
}

TEST_CASE("quoted-printable is read leniently: small digits, and bad escapes are kept") {
  CHECK(qp("=c3=a9") == "\xC3\xA9");
  CHECK(qp("=XY =1G == =") == "=XY =1G == ");
  CHECK(qp("a=") == "a");
  CHECK(qp("a=4") == "a=4");
  CHECK(qp("a=\r") == "a");
  CHECK(qp("==41") == "=A");
  CHECK(qp("a\rb") == "a\rb");
  CHECK(qp("=" + std::string(QuotedPrintableDecoder::kSoftBlanksMax, ' ') + "\r\nx") == "x");
  CHECK(qp("=" + std::string(QuotedPrintableDecoder::kSoftBlanksMax + 1, ' ') + "\r\nx") == "=\r\nx");
}

TEST_CASE("decoders give the same at every cut") {
  SeededRandom random(1);
  for (std::string_view text : {"Zm9v\r\nYmFyZg==\r\n*Zm9v"sv, "Z=m=9=v"sv}) check_cuts(Encoding::base64, text);
  for (std::string_view text : {"a=20b =\r\n  \t\r\n=  \r\nx=C3=A9=XY= =\r=\r\n \r \r\n="sv})
    check_cuts(Encoding::quoted_printable, text);
  for (int round = 0; round < 200; ++round) {
    const std::string text = random_octets(random, random.below(120));
    check_cuts(Encoding::base64, text);
    check_cuts(Encoding::quoted_printable, text);
    check_cuts(Encoding::uuencode, "begin 644 x\n" + text);
    check_cuts(Encoding::binary, text);
  }
}

TEST_CASE("the base64 encoder writes lines of 76 octets and is read back, at every cut") {
  CHECK(code<Base64Encoder>("", 0) == "");
  CHECK(code<Base64Encoder>("f", 0) == "Zg==\r\n");
  CHECK(code<Base64Encoder>(std::string(57, 'x'), 0).size() == 78);
  SeededRandom random(2);
  for (std::size_t size = 0; size < 200; ++size) {
    const std::string text = random_octets(random, size);
    const std::string encoded = code<Base64Encoder>(text, 0);
    CHECK(base64(encoded) == text);
    std::string_view rest = encoded;
    while (!rest.empty()) CHECK(take_until(rest, '\n').size() <= 77);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) CHECK(code<Base64Encoder>(text, cut) == encoded);
  }
}

TEST_CASE("RFC 2045 §6.7: what the quoted-printable encoder must encode") {
  CHECK(to_qp("a=b\xC3\xA9\r\n") == "a=3Db=C3=A9\r\n");
  CHECK(to_qp("blank \r\ntab\t\r\nend ") == "blank=20\r\ntab=09\r\nend=20");
  CHECK(to_qp("in the middle\r\n") == "in the middle\r\n");
  CHECK(to_qp("bare\rcr\nlf\r\r\n") == "bare=0Dcr=0Alf=0D\r\n");
  CHECK(to_qp("a\r\n", LineEnds::binary) == "a=0D=0A");
  CHECK(to_qp("\r\n.\r\n.x\r\n") == "\r\n=2E\r\n.x\r\n");
  CHECK(to_qp("From x\r\nFrom\r\nXFrom x\r\n") == "From=20x\r\nFrom\r\nXFrom x\r\n");
  CHECK(to_qp("\r") == "=0D");
  CHECK(to_qp("--b\r\n-b\r\na--b\r\n") == "=2D-b\r\n-b\r\na--b\r\n");
  CHECK(to_qp(std::string(75, 'x') + "--b") == std::string(75, 'x') + "=\r\n=2D-b");
}

TEST_CASE("quoted-printable lines have at most 76 octets and need no soft break at 76") {
  CHECK(to_qp(std::string(76, 'x') + "\r\n") == std::string(76, 'x') + "\r\n");
  CHECK(to_qp(std::string(77, 'x')) == std::string(75, 'x') + "=\r\nxx");
  CHECK(to_qp(std::string(75, 'x') + ".") == std::string(75, 'x') + ".");
}

TEST_CASE("encoded quoted-printable is read back, has short printable lines, and is the same at every cut") {
  SeededRandom random(3);
  for (int round = 0; round < 300; ++round) {
    const std::string text = random_octets(random, random.below(400));
    for (const LineEnds ends : {LineEnds::text, LineEnds::binary}) {
      const std::string encoded = to_qp(text, ends);
      CHECK(qp(encoded) == text);
      CHECK(all_ascii(encoded));
      std::string_view rest = encoded;
      while (!rest.empty()) {
        const std::string_view line = take_until(rest, '\n');
        CHECK(line.size() <= 77);
        CHECK_FALSE(line.starts_with("From "));
        CHECK_FALSE(line.starts_with("--"));
        CHECK(line != ".\r");
        CHECK(line != ".");
      }
      for (std::size_t cut = 0; cut <= text.size(); cut += 3)
        CHECK(code<QuotedPrintableEncoder>(text, cut, ends) == encoded);
    }
  }
}

TEST_CASE("uuencoded data is decoded, its name known") {
  constexpr std::string_view kText = "some words\nbegin 644 cat.txt\n#0V%T\n`\nend\nafter\n";
  UuDecoder decoder;
  std::string out;
  decoder.feed(kText, out);
  decoder.finish(out);
  CHECK(out == "Cat");
  CHECK(decoder.name() == "cat.txt");
  CHECK_FALSE(decoder.damaged());
  check_cuts(Encoding::uuencode, kText);
  CHECK(decode_transfer(Encoding::uuencode, "begin 644 a b\r\n#0V%T\r\n \r\nend") == "Cat");
}

TEST_CASE("uuencoded blocks are found in text, and only whole ones") {
  constexpr std::string_view kText =
      "Hello\r\nbegin 644 one.bin\r\n#0V%T\r\n`\r\nend\r\nbegin 12 no\r\nbegin the beguine\r\n"
      "begin 644 broken\r\n#0V%T\r\nlower case text\r\nend\r\nbegin 0755 two\r\n`\r\nend";
  const auto blocks = find_uuencoded(kText);
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[0].name == "one.bin");
  CHECK(kText.substr(blocks[0].begin, blocks[0].end - blocks[0].begin) == "begin 644 one.bin\r\n#0V%T\r\n`\r\nend\r\n");
  CHECK(blocks[1].name == "two");
  CHECK(blocks[1].end == kText.size());
  CHECK(find_uuencoded("begin 644 x\n#0V%T\n").empty());
}

TEST_CASE("no more than kUuBlocksMax blocks are looked for") {
  std::string text;
  for (std::size_t i = 0; i < kUuBlocksMax + 1; ++i) text += "begin 644 x\nend\n";
  CHECK(find_uuencoded(text).size() == kUuBlocksMax);
}
