#include "message/words.h"

#include <algorithm>

#include "message/charset.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

std::vector<std::string> terms(std::string_view utf8) {
  const std::string folded = fold_case(utf8);
  std::vector<std::string> found;
  RunReader runs(folded);
  while (const auto run = runs.next()) each_term(*run, [&](std::string_view term) { found.emplace_back(term); });
  return found;
}

std::string folded(std::string_view utf8) { return fold_case(utf8); }

}  // namespace

TEST_CASE("words are runs of letters, digits and marks, folded") {
  CHECK(terms("Hello, world!") == std::vector<std::string>{"HELLO", "WORLD"});
  CHECK(terms("a.b@c-d_e") == std::vector<std::string>{"A", "B", "C", "D", "E"});
  CHECK(terms("Straße 42b") == std::vector<std::string>{folded("straße"), "42B"});
  CHECK(terms("Grüße") == std::vector<std::string>{folded("GRÜßE")});
  CHECK(terms("Привет, мир") == std::vector<std::string>{folded("ПРИВЕТ"), folded("МИР")});
  CHECK(terms("안녕 하세요") == std::vector<std::string>{folded("안녕"), folded("하세요")});
  CHECK(terms("").empty());
  CHECK(terms(" .,;\r\n\xFF\xC3").empty());
}

TEST_CASE("ill-formed octets part words and are never part of one") {
  CHECK(terms("ab\xFF"
              "cd\xE2\x82") == std::vector<std::string>{"AB", "CD"});
}

TEST_CASE("scripts without blanks are kept as pairs of neighbours") {
  CHECK(terms("中") == std::vector<std::string>{"中"});
  CHECK(terms("搜索引擎") == std::vector<std::string>{"搜索", "索引", "引擎"});
  CHECK(terms("東京tower") == std::vector<std::string>{"東京", "TOWER"});
  // The sound mark is a character of its own when folded.
  CHECK(terms("スーパー").size() == 4);
  CHECK(terms("กขค").size() == 2);
}

TEST_CASE("a long run is kept in pieces, so that any half of a piece stands in one") {
  std::string run;
  for (int i = 0; run.size() < 1000; ++i) run += std::to_string(i * 7919);
  for (const std::size_t size :
       {kTermMax - 1, kTermMax, kTermMax + 1, 2 * kTermMax, std::size_t{700}, std::size_t{999}}) {
    CAPTURE(size);
    const std::string some = run.substr(0, size);
    const auto pieces = terms(some);
    CHECK(some.starts_with(pieces.front()));
    CHECK(some.ends_with(pieces.back()));
    for (const auto& piece : pieces) CHECK(piece.size() <= kTermMax);
    for (std::size_t at = 0; at + kTermWhole <= size; ++at) {
      const std::string part = some.substr(at, kTermWhole);
      CHECK(std::ranges::any_of(pieces, [&](const std::string& piece) { return piece.contains(part); }));
    }
  }
}
