#include "message/charset.h"

#include <vector>

#include "base/text.h"
#include "support/test.h"

namespace angarium::message {
namespace {

struct Sample {
  const char* charset;
  std::string octets;
  std::string utf8;
};
const Sample kSamples[] = {
    {"us-ascii", "abc", "abc"},
    {"ISO-8859-1", "caf\xe9 \x80", "caf\xc3\xa9 \xe2\x82\xac"},
    {"iso-8859-15", "\xa4", "\xe2\x82\xac"},
    {"windows-1251", "\xcf\xf0\xe8", "\xd0\x9f\xd1\x80\xd0\xb8"},
    {"koi8-r", "\xf0\xd2\xc9", "\xd0\x9f\xd1\x80\xd0\xb8"},
    {"KOI8-U", "\xa4", "\xd1\x94"},
    {"iso-8859-8-i", "\xf9\xec\xe5\xed", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"},
    {"Shift_JIS", "\x93\xfa\x96\x7b\x87\x40", "\xe6\x97\xa5\xe6\x9c\xac\xe2\x91\xa0"},
    {"x-sjis", "\x93\xfa", "\xe6\x97\xa5"},
    {"euc-jp", "\xc6\xfc\xcb\xdc", "\xe6\x97\xa5\xe6\x9c\xac"},
    {"iso-2022-jp", "\x1b$BF|K\\\x1b(B!", "\xe6\x97\xa5\xe6\x9c\xac!"},
    {"GB2312", "\xd6\xd0\xce\xc4\xe9\x46", "\xe4\xb8\xad\xe6\x96\x87\xe9\x95\x95"},
    {"gb18030", "\xd6\xd0\x81\x30\x81\x30", "\xe4\xb8\xad\xc2\x80"},
    {"hz-gb-2312", "~{VPND~}!", "\xe4\xb8\xad\xe6\x96\x87!"},
    {"big5", "\xa4\xa4\xa4\xe5", "\xe4\xb8\xad\xe6\x96\x87"},
    {"ks_c_5601-1987", "\xc7\xd1\xb1\xdb\x8c\x63", "\xed\x95\x9c\xea\xb8\x80\xeb\x98\xa0"},
    {"euc-kr", "\xc7\xd1", "\xed\x95\x9c"},
    {"iso-2022-kr", "\x1b$)C\x0eGQ\x0f", "\xed\x95\x9c"},
    {"unicode-1-1-utf-7", "Hi Mom +Jjo-!", "Hi Mom \xe2\x98\xba!"},
    {"utf-7", "+AOk-", "\xc3\xa9"},
    {"UTF-16LE", std::string("a\0\x3d\xd8\x00\xde", 6), "a\xf0\x9f\x98\x80"},
    {"utf-16be", std::string("\0a", 2), "a"},
    {"tis-620", "\xa1", "\xe0\xb8\x81"},
    {"macintosh", "\x8e", "\xc3\xa9"},
    {"cp850", "\x82", "\xc3\xa9"},
    {"ibm437", "\x82", "\xc3\xa9"},
    {"utf8", "\xe2\x82\xac", "\xe2\x82\xac"},
    {"UNICODE-1-1-UTF-8", "\xe2\x82\xac", "\xe2\x82\xac"},
    {" \"utf-8\" ", "\xe2\x82\xac", "\xe2\x82\xac"},
};

TEST_CASE("charsets in use become UTF-8") {
  for (const Sample& sample : kSamples) {
    CAPTURE(sample.charset);
    CHECK(known_charset(sample.charset));
    CHECK(to_utf8(sample.octets, sample.charset) == sample.utf8);
  }
}

TEST_CASE("text may be cut at any octet, also inside a character or an escape sequence") {
  for (const Sample& sample : kSamples) {
    CAPTURE(sample.charset);
    for (std::size_t cut = 0; cut <= sample.octets.size(); ++cut) {
      Utf8Decoder decoder(sample.charset);
      std::string out;
      decoder.feed(std::string_view(sample.octets).substr(0, cut), out);
      decoder.feed(std::string_view(sample.octets).substr(cut), out);
      decoder.finish(out);
      CHECK(out == sample.utf8);
      decoder.feed(sample.octets, out);
      decoder.finish(out);
      CHECK(out == sample.utf8 + sample.utf8);
    }
  }
}

TEST_CASE("what is ill-formed becomes U+FFFD and what follows is kept") {
  const std::string bad = "\xef\xbf\xbd";
  CHECK(to_utf8("a\xff"
                "b",
                "utf-8") == "a" + bad + "b");
  CHECK(to_utf8("a\xe2\x82", "utf-8") == "a" + bad);
  CHECK(to_utf8("\xe2\x82x", "utf-8") == bad + "x");
  CHECK(to_utf8("\xed\xa0\x80", "utf-8") == bad + bad + bad);
  CHECK(to_utf8("\xc0\xaf\xf4\x90", "utf-8") == bad + bad + bad + bad);
  CHECK(to_utf8("\x93", "x-sjis") == bad);
  CHECK(valid_utf8(to_utf8(std::string("\x00\xd8", 2) + "a", "utf-16le")));
  CHECK(valid_utf8(to_utf8("+2D3-x", "utf-7")));
  CHECK(repair_utf8("caf\xe9") == "caf" + bad);
  CHECK(repair_utf8("caf\xc3\xa9") == "caf\xc3\xa9");
}

TEST_CASE("ill-formed UTF-8 cut at any octet gives the same text") {
  const std::string text = "a\xff\xe2\x82x\xed\xa0\x80\xf0\x9f\x98\x80\xf0\x9f\x98y\xe2\x82\xac\xf4\x90\xc3";
  const std::string whole = repair_utf8(text);
  CHECK(valid_utf8(whole));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8Decoder decoder("");
    std::string out;
    for (char c : text.substr(0, cut)) decoder.feed(std::string_view(&c, 1), out);
    decoder.feed(std::string_view(text).substr(cut), out);
    decoder.finish(out);
    CHECK(out == whole);
  }
}

TEST_CASE("an unknown charset is read as UTF-8") {
  for (const char* name : {"", "x-nothing", "unknown-8bit", "utf-8,locale=x", "\xff", "../../etc"}) {
    CHECK_MESSAGE(!known_charset(name), name);
    CHECK(to_utf8("a\xc3\xa9\xff", name) == "a\xc3\xa9\xef\xbf\xbd");
  }
  CHECK_FALSE(known_charset(std::string(10'000, 'x')));
  CHECK_FALSE(known_charset(std::string_view("utf-16\0x", 8)));
}

TEST_CASE("charsets that keep ASCII leave every octet up to 127 as it is, beside any other") {
  std::string ascii;
  for (int c = 0; c < 128; ++c) ascii += static_cast<char>(c);
  std::vector<std::string> names = {"",       "utf-8",       "us-ascii",     "x-unknown",       "iso-8859-99",
                                    "latin1", "iso8859-1",   "iso-8859-6-e", "iso-8859-8-i",    "koi8-r",
                                    "koi8-u", "windows-874", "tis-620",      "\"windows-1252\""};
  for (int i = 1; i <= 16; ++i) names.push_back("ISO-8859-" + std::to_string(i));
  for (int i = 1250; i <= 1258; ++i) names.push_back("windows-" + std::to_string(i));
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK(keeps_ascii(name));
    CHECK(to_utf8(ascii, name) == ascii);
    // As the converter has it where ASCII is not passed by: behind an octet of its own.
    CHECK(to_utf8("\xE9" + ascii, name).ends_with(ascii));
  }
  for (const std::string_view name :
       {"utf-7", "utf-16", "utf-16le", "iso-2022-jp", "hz-gb-2312", "ibm037", "x-unicode-2-0-utf-7", "shift_jis"})
    CHECK(!keeps_ascii(name));
}

TEST_CASE("RFC 5051 2: each character in title case, then decomposed") {
  CHECK(fold_case("\xc7\x84") == "Dz\xcc\x8c");  // the example of the RFC: U+01C4
  CHECK(fold_case("abcXYZ 1") == "ABCXYZ 1");
  CHECK(fold_case("caf\xc3\xa9") == fold_case("CAFE\xcc\x81"));
  CHECK(fold_case("\xd1\x8e") == fold_case("\xd0\xae"));
  CHECK(fold_case("\xef\xac\x81") == "fi");      // the ligature has no title case; its parts are not cased again
  CHECK(fold_case("\xed\x95\x9c").size() == 9);  // a Hangul syllable is three letters
  CHECK(fold_case("\xef\xb7\xba").size() > 18);  // the longest decomposition there is
  CHECK(fold_case("a\xff\xe2\x82z") == "A\xff\xe2\x82Z");
}

TEST_CASE("folding by whole characters gives what folding at once gives") {
  const std::string_view text =
      "Stra\xc3\x9f"
      "e \xc7\x84 e\xcc\xa3\xcc\x81 \xf0\x90\x90\xa8";
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    append_folded(out, text.substr(at, end - at));
    at = end;
  }
  CHECK(out == fold_case(text));
}

}  // namespace
}  // namespace angarium::message
