#include "message/lexical.h"

#include "base/text.h"
#include "support/test.h"

namespace angarium::message {
namespace {

TEST_CASE("atext is letters, digits and the nineteen signs of RFC 5322 3.2.3, and UTF-8") {
  unsigned ascii = 0;
  for (int c = 0; c < 128; ++c) ascii += is_of(static_cast<char>(c), kAtext);
  CHECK(ascii == 26 * 2 + 10 + 19);
  CHECK(all_of("!#$%&'*+-/=?^_`{|}~", kAtext));
  CHECK(is_of('\xc3', kAtext));
  CHECK_FALSE(is_of('.', kAtext));
}

TEST_CASE("a field name holds printable ASCII but the colon") {
  CHECK(all_of("X-Spam(Score)", kFtext));
  CHECK_FALSE(all_of("Sub ject", kFtext));
  CHECK_FALSE(all_of("A:", kFtext));
  CHECK_FALSE(all_of("caf\xc3\xa9", kFtext));
  CHECK_FALSE(all_of("", kFtext));
}

TEST_CASE("a token holds no tspecials of RFC 2045 5.1, an attribute char no apostrophe, percent or asterisk") {
  for (char c : "()<>@,;:\\\"/[]?="sv) CHECK_FALSE(is_of(c, kToken));
  for (char c : "*'%"sv) {
    CHECK(is_of(c, kToken));
    CHECK_FALSE(is_of(c, kAttributeChar));
  }
}

TEST_CASE("comments nest, hold quoted pairs and span folds; one that never closes takes the rest") {
  CHECK(comment_end("(a(b)c)d", 0) == 7);
  CHECK(comment_end("(a\\)b)c", 0) == 6);
  CHECK(comment_end("(a(b)", 0) == std::string_view::npos);
  CHECK(comment_end("(a\\", 0) == std::string_view::npos);
  CHECK(skip_cfws(" (x)\r\n (y) z", 0) == 11);
  CHECK(skip_cfws("(never", 0) == 6);
  const std::string deep(1'000'000, '(');
  CHECK(skip_cfws(deep, 0) == deep.size());
}

}  // namespace
}  // namespace angarium::message
