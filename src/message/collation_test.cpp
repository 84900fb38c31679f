#include "message/collation.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

std::string form(std::string_view text, Collation collation) {
  std::string out;
  append_collated(out, text, collation);
  return out;
}

}  // namespace

TEST_CASE("RFC 4790 9.2, 9.3, RFC 5051: what each collation takes for equal") {
  using enum Collation;
  CHECK(form("Hello", unicode_casemap) == form("hELLO", unicode_casemap));
  CHECK(form("\xC3\x84", unicode_casemap) == form("\xC3\xA4", unicode_casemap));
  CHECK(form("Hello", ascii_casemap) == form("hELLO", ascii_casemap));
  CHECK(form("\xC3\x84", ascii_casemap) != form("\xC3\xA4", ascii_casemap));
  CHECK(form("Hello", octet) != form("hello", octet));
  CHECK(form("Hello", octet) == "Hello");
  // Upper case, as the registry has it: "_" stands behind the letters.
  CHECK(form("a", ascii_casemap) < form("_", ascii_casemap));
}
