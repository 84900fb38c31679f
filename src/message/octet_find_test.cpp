#include "message/octet_find.h"

#include <random>

#include "base/text.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

/// Sizes around those of one and of several blocks.
constexpr std::size_t kSizes[] = {0, 1, 2, 3, 31, 32, 63, 64, 65, 127, 128, 129, 200};

/// Few letters of both cases, so that beginnings and ends are met often.
std::string letters(std::mt19937& chance, std::size_t size) {
  std::string text(size, ' ');
  for (char& c : text) c = "aAbB\xE9"[chance() % 5];
  return text;
}

}  // namespace

TEST_CASE("the octets before the first above 127, wherever it stands") {
  for (const std::size_t size : kSizes) {
    CAPTURE(size);
    std::string text(size, '\x7F');
    CHECK(ascii_prefix(text) == size);
    for (std::size_t at = size; at-- > 0;) {
      text[at] = '\x80';
      if (ascii_prefix(text) != at) FAIL(at);
    }
  }
}

TEST_CASE("a text is contained in large letters just where the folded copy contains it") {
  std::mt19937 chance(7);
  std::size_t found = 0;
  for (const std::size_t size : kSizes) {
    for (const std::size_t wanted_size : {1, 2, 3, 7, 63, 64, 65}) {
      for (int i = 0; i < 40; ++i) {
        const std::string text = letters(chance, size);
        // Half of them from the text itself.
        std::string wanted = to_upper(letters(chance, wanted_size));
        if (i % 2 == 0 && size >= wanted_size)
          wanted = to_upper(text.substr(chance() % (size - wanted_size + 1), wanted_size));
        const bool expected = to_upper(text).contains(wanted);
        found += expected ? 1 : 0;
        if (contains_upper(text, wanted) != expected) FAIL(text << " / " << wanted);
      }
    }
  }
  CHECK(found > 1000);
  CHECK(contains_upper("", ""));
  CHECK(contains_upper("abc", "BC"));
  CHECK(!contains_upper("abc", "bc"));  // small letters are none of the folded text's
  CHECK(!contains_upper("bc", "ABC"));
  CHECK(!contains_upper("@[`{", "`[@{"));
  CHECK(!contains_upper("{", "["));  // 32 apart, and no letters
}

TEST_CASE("small ASCII letters become large, and nothing else") {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  for (std::size_t begin = 0; begin < every.size(); begin += 5) {
    std::string out = "a";
    append_upper(out, std::string_view(every).substr(begin));
    CHECK(out == "a" + to_upper(std::string_view(every).substr(begin)));
  }
}
