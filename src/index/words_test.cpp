#include "index/words.h"

#include "message/charset.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::index;
using Kind = Condition::Kind;

namespace {

std::string folded(std::string_view utf8) { return message::fold_case(utf8); }

}  // namespace

TEST_CASE("a text asks for its inner words whole and for the outer ones as parts") {
  const auto of = [](std::string_view utf8) { return conditions_of(folded(utf8)); };
  CHECK(of("one").all == std::vector<Condition>{{Kind::contains, "ONE"}});
  CHECK(of("one").exact);
  CHECK(of("one two three").all ==
        std::vector<Condition>{{Kind::ends, "ONE"}, {Kind::equals, "TWO"}, {Kind::begins, "THREE"}});
  CHECK(!of("one two three").exact);
  CHECK(of(" one ").all == std::vector<Condition>{{Kind::equals, "ONE"}});
  CHECK(!of(" one ").exact);
  CHECK(of("one@").all == std::vector<Condition>{{Kind::ends, "ONE"}});
  CHECK(of(", ").all.empty());
  CHECK(!of("").exact);
  CHECK(of("中").all == std::vector<Condition>{{Kind::contains, "中"}});
  CHECK(of("中").exact);
  CHECK(of("搜索").exact);
  CHECK(of("搜索引").all == std::vector<Condition>{{Kind::equals, "搜索"}, {Kind::equals, "索引"}});
  CHECK(!of("搜索引").exact);
  CHECK(whole_conditions_of("X-SPAM").all == std::vector<Condition>{{Kind::equals, "X"}, {Kind::equals, "SPAM"}});
}

TEST_CASE("a text longer than what stands in one term is no exact answer") {
  const std::string limit(kTermWhole, 'A');
  CHECK(conditions_of(limit).exact);
  CHECK(!conditions_of(limit + "A").exact);
  CHECK(conditions_of(limit + "B").all == std::vector<Condition>{{Kind::contains, limit}});
}
