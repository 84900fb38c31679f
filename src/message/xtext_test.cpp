#include "message/xtext.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

TEST_CASE("xtext and unitext bring any text back") {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  CHECK(from_xtext(to_xtext(all)) == all);
  CHECK(to_xtext("a+b= \x7f") == "a+2Bb+3D+20+7F");
  CHECK(from_xtext("+2b") == "+");
  CHECK_FALSE(from_xtext(" "));
  const std::string text = "a\\b+c= \x01\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  CHECK(to_utf8_addr_xtext(text) == "a\\x{5C}b\\x{2B}c\\x{3D}\\x{20}\\x{01}\\x{E9}\\x{20AC}\\x{1F600}");
  CHECK(from_utf8_addr(to_utf8_addr_xtext(text)) == text);
  CHECK(to_utf8_addr_xtext("\xff") == "\\x{FFFD}");
}

TEST_CASE("RFC 6533 3: addresses come back from the form they have in a report") {
  for (const std::string_view address : {"a@b", "j\xC3\xB6rg@x", "a\\x{41}b@x", "a\\b@x", "a\x01\r\n+=b@x"}) {
    CAPTURE(address);
    CHECK(unescape_utf8_addr(to_utf8_addr(address)) == address);
    CHECK(unescape_utf8_addr(to_utf8_addr_xtext(address)) == address);
  }
  CHECK(to_utf8_addr("\xFF") == "\xEF\xBF\xBD");
}
