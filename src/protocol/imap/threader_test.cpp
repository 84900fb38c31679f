#include "protocol/imap/threader.h"

#include <algorithm>

#include "base/text.h"
#include "io/memory.h"
#include "message/threading.h"
#include "support/run.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::imap;

namespace {

/// "subject|id|reference reference": messages in mailbox order, a day apart unless `dates` says otherwise.
std::string threads(ThreadBy by, const std::vector<std::string>& messages, std::vector<std::int64_t> dates = {}) {
  Threader threader(by);
  std::uint32_t number = 0;
  for (const auto& text : messages) {
    std::string_view rest = text;
    const auto base = message::base_subject(take_until(rest, '|'));
    const auto key = collation_key(base.text);
    const auto id = take_until(rest, '|');
    std::string references;
    while (!rest.empty()) (references += take_until(rest, ' ')) += '\n';
    const auto date = dates.empty() ? std::int64_t{number} : dates[number];
    REQUIRE(threader.add(
        {.number = ++number, .date = date, .subject = key, .reply = base.reply, .id = id, .references = references}));
  }
  io::SimulatedLoop loop;
  REQUIRE(test::sync_wait(loop, threader.build()));
  std::string out;
  while (threader.write_some(out)) {
  }
  return out;
}

}  // namespace

TEST_CASE("RFC 5256 3 (1.A): references link each other, through messages that are not there") {
  CHECK(threads(ThreadBy::refs, {"a|3|1 2", "a|1|"}) == "(2 1)");
  CHECK(threads(ThreadBy::refs, {"a|3|1 2", "a|4|2", "a|1|"}) == "(3 (1)(2))");
}

TEST_CASE("RFC 5256 3 (1.A): an existing parent stays what it is, but for a message's own references (1.B)") {
  // 2 is a child of 1 by its own word; 3 says otherwise.
  CHECK(threads(ThreadBy::refs, {"a|1|", "a|2|1", "a|9|", "a|3|9 2"}) == "(3)(1 2 4)");
  // 3 said 2 is a child of 9, which 2 itself does not.
  CHECK(threads(ThreadBy::refs, {"a|9|", "a|3|9 2", "a|1|", "a|2|1"}) == "(1)(3 4 2)");
  // A message without references has no parent though another gave it one.
  CHECK(threads(ThreadBy::refs, {"a|1|", "a|3|1 2", "a|2|"}) == "(1)(3 2)");
}

TEST_CASE("RFC 5256 3 (1.A): MUST NOT make loops") {
  CHECK(threads(ThreadBy::refs, {"a|1|1"}) == "(1)");
  CHECK(threads(ThreadBy::refs, {"a|1|2", "a|2|1"}) == "(2 1)");
  CHECK(threads(ThreadBy::refs, {"a|1|2 3 1 2"}) == "(1)");
  CHECK(threads(ThreadBy::refs, {"a|1|3", "a|2|1", "a|3|2"}) == "(3 1 2)");
}

TEST_CASE("RFC 5256 3 (1.A): of messages with one id only the first has it") {
  CHECK(threads(ThreadBy::refs, {"a|1|", "a|1|", "a|2|1"}) == "(2)(1 3)");
  CHECK(threads(ThreadBy::refs, {"a||", "b||"}) == "(1)(2)");
}

TEST_CASE("RFC 5256 3 (3): dummies go; at the root one stays that has several children") {
  CHECK(threads(ThreadBy::refs, {"a|1|x", "a|2|x"}) == "((1)(2))");
  CHECK(threads(ThreadBy::refs, {"a|1|x"}) == "(1)");
  CHECK(threads(ThreadBy::refs, {"a|1|x y", "a|2|x y", "a|3|x z"}) == "((1)(2)(3))");
  CHECK(threads(ThreadBy::refs, {"a|1|x y", "a|2|x y"}) == "((1)(2))");
}

TEST_CASE("RFC 5256 3 (5): threads of one subject are merged") {
  // Both are none that reply: a dummy above both.
  CHECK(threads(ThreadBy::references, {"a|1|", "A|2|"}) == "((1)(2))");
  CHECK(threads(ThreadBy::references, {"a|1|", "a|2|", "a|3|"}) == "((1)(2)(3))");
  // A reply goes below what is none, whichever came first.
  CHECK(threads(ThreadBy::references, {"a|1|", "re: a|2|"}) == "(1 2)");
  CHECK(threads(ThreadBy::references, {"re: a|1|", "a|2|"}) == "(2 1)");
  CHECK(threads(ThreadBy::references, {"re: a|1|", "a (fwd)|2|"}) == "((1)(2))");
  // Dummies: children together; what is none becomes one of them.
  CHECK(threads(ThreadBy::references, {"a|1|x", "a|2|x", "a|3|y", "a|4|y"}) == "((1)(2)(3)(4))");
  CHECK(threads(ThreadBy::references, {"a|1|", "a|2|x", "a|3|x"}) == "((1)(2)(3))");
  // An empty subject brings nothing together.
  CHECK(threads(ThreadBy::references, {"|1|", "Re:|2|", "|3|"}) == "(1)(2)(3)");
  // Only the root's subject counts.
  CHECK(threads(ThreadBy::references, {"a|1|", "b|2|1", "b|3|"}) == "(1 2)(3)");
  CHECK(threads(ThreadBy::refs, {"a|1|", "re: a|2|"}) == "(1)(2)");
}

TEST_CASE("RFC 5256 3 (6): siblings by sent date, then in mailbox order; a dummy counts as its first child") {
  CHECK(threads(ThreadBy::references, {"a|1|", "b|2|1", "b|3|1"}, {5, 9, 7}) == "(1 (3)(2))");
  CHECK(threads(ThreadBy::references, {"a|1|", "b|2|1", "b|3|1"}, {5, 7, 7}) == "(1 (2)(3))");
  CHECK(threads(ThreadBy::references, {"a|1|x", "a|2|x", "b|3|"}, {9, 3, 5}) == "((2)(1))(3)");
  // REFS: by what came last in the thread.
  CHECK(threads(ThreadBy::refs, {"a|1|", "b|2|", "a|3|1"}, {1, 2, 3}) == "(2)(1 3)");
  CHECK(threads(ThreadBy::refs, {"a|1|x", "a|2|x", "b|3|"}, {1, 9, 5}) == "(3)((1)(2))");
}

TEST_CASE("RFC 5256 3: ORDEREDSUBJECT has no grandchildren, and threads by the date of their first message") {
  CHECK(threads(ThreadBy::ordered_subject, {"b|1|", "re: A|2|", "a|3|", "a|4|", "B|5|"}, {9, 2, 1, 3, 1}) ==
        "(3 (2)(4))(5 1)");
  CHECK(threads(ThreadBy::ordered_subject, {}).empty());
}

TEST_CASE("chains and combs as deep as a mailbox is large are threaded and written") {
  constexpr int kMany = 30'000;
  std::vector<std::string> chain;
  std::vector<std::string> backwards;
  std::vector<std::string> comb;
  for (int i = 0; i < kMany; ++i) {
    chain.push_back("a|" + std::to_string(i) + "|" + std::to_string(i - 1));
    backwards.push_back("a|" + std::to_string(kMany - i) + "|" + std::to_string(kMany - i - 1));
    comb.push_back("a|" + std::to_string(i) + "|" + std::to_string(i - 1 - i % 2));
  }
  CHECK(threads(ThreadBy::references, chain).starts_with("(1 2 3 4 5 "));
  const auto last = std::to_string(kMany);
  CHECK(threads(ThreadBy::references, backwards).starts_with("(" + last + " "));
  const auto deep = threads(ThreadBy::references, comb);
  CHECK(std::count(deep.begin(), deep.end(), '(') == std::count(deep.begin(), deep.end(), ')'));
  CHECK(deep.starts_with("((1)(2 (3)(4 (5)(6 "));
}

TEST_CASE("forged chains that would take too long are refused") {
  // 3 has a child: whether it is above 2 takes looking at 2 and 1.
  for (const std::size_t steps : {2, 1}) {
    Threader threader(ThreadBy::refs, 0, steps);
    REQUIRE(threader.add({.number = 1, .id = "1"}));
    REQUIRE(threader.add({.number = 2, .id = "2", .references = "1\n"}));
    REQUIRE(threader.add({.number = 3, .id = "4", .references = "3\n"}));
    const auto added = threader.add({.number = 4, .id = "3", .references = "2\n"});
    CHECK(added.has_value() == (steps == 2));
    if (!added) CHECK(added.error().is(kLimit));
  }
}
