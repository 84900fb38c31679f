#include "location/merge.h"

#include <algorithm>
#include <map>

#include "base/random.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::location;
using message::kBoxAnswered;
using message::kBoxFlagged;
using message::kBoxSeen;

TEST_CASE("what is new on one side goes to the other") {
  const Plan plan = merge({}, {{1, 0}, {2, kBoxSeen}}, {{"a", 0}});
  CHECK(plan.give == std::vector<mailbox::Uid>{1, 2});
  CHECK(plan.bring == std::vector<std::size_t>{0});
  CHECK((plan.expunge.empty() && plan.remove.empty() && plan.kept.empty() && plan.forgotten.empty()));
}

TEST_CASE("what left one side leaves the other; what left both is forgotten") {
  const Plan plan = merge({{1, "a", 0}, {2, "b", 0}, {3, "c", 0}}, {{1, 0}}, {{"b", 0}});
  CHECK(plan.expunge == std::vector<mailbox::Uid>{1});
  CHECK(plan.remove == std::vector<std::size_t>{0});
  CHECK(plan.forgotten == std::vector<mailbox::Uid>{3});
  CHECK((plan.give.empty() && plan.bring.empty()));
}

TEST_CASE("of equal messages none is removed for what was removed already") {
  const std::vector<Pair> pairs = {{1, "x", 0}, {2, "x", kBoxSeen}, {3, "x", 0}};
  // The first was expunged here.
  const Plan first = merge(pairs, {{2, kBoxSeen}, {3, 0}}, {{"x", 0}, {"x", kBoxSeen}, {"x", 0}});
  CHECK(first.remove == std::vector<std::size_t>{0});
  CHECK(first.removed == std::vector<mailbox::Uid>{1});
  CHECK((first.expunge.empty() && first.kept.empty()));
  const Plan second = merge(pairs, {{2, kBoxSeen}, {3, 0}}, {{"x", kBoxSeen}, {"x", 0}});
  CHECK(second.forgotten == std::vector<mailbox::Uid>{1});
  CHECK((second.remove.empty() && second.expunge.empty() && second.bring.empty() && second.kept.empty()));
  // One of them left the box, a further one came.
  CHECK(merge(pairs, {{1, 0}, {2, kBoxSeen}, {3, 0}}, {{"x", 0}, {"x", kBoxSeen}}).expunge ==
        std::vector<mailbox::Uid>{3});
  CHECK(merge(pairs, {{1, 0}, {2, kBoxSeen}, {3, 0}}, {{"x", 0}, {"x", kBoxSeen}, {"x", 0}, {"x", 0}}).bring ==
        std::vector<std::size_t>{3});
}

TEST_CASE("nothing is done where both are the same") {
  CHECK(merge({}, {}, {}).empty());
  CHECK(merge({{1, "a", kBoxSeen}}, {{1, kBoxSeen}}, {{"a", kBoxSeen | message::kBoxOld}}).empty());
}

TEST_CASE("a flag that either side changed is changed, in every combination") {
  for (int before = 0; before < 2; ++before)
    for (int here = 0; here < 2; ++here)
      for (int there = 0; there < 2; ++there) {
        const auto flag = [](int set) { return static_cast<message::BoxFlags>(set != 0 ? kBoxFlagged : 0); };
        const Plan plan = merge({{1, "a", flag(before)}}, {{1, flag(here)}}, {{"a", flag(there)}});
        const auto wanted = flag(here != before ? here : there);
        CHECK(plan.mark_here.size() == (wanted != flag(here) ? 1 : 0));
        CHECK(plan.mark_there.size() == (wanted != flag(there) ? 1 : 0));
        CHECK(plan.kept.size() == (wanted != flag(before) && wanted == flag(there) ? 1 : 0));
        for (const Pair& pair : plan.kept) CHECK(pair == Pair{1, "a", wanted});
      }
  // Different flags at once.
  const Plan plan = merge({{1, "a", kBoxSeen}}, {{1, kBoxSeen | kBoxAnswered}}, {{"a", kBoxFlagged}});
  // What both have then; what is to be marked there only once it is seen there.
  CHECK(plan.kept == std::vector<Pair>{{1, "a", kBoxFlagged}});
  CHECK(plan.mark_here.front().flags == (kBoxAnswered | kBoxFlagged));
  CHECK(plan.mark_there.front().second == (kBoxAnswered | kBoxFlagged));
  // Whoever takes it away there again before the box was written does not find it given back.
  const Plan next = merge(plan.kept, {{1, kBoxAnswered | kBoxFlagged}}, {{"a", 0}});
  CHECK(next.mark_here.front().flags == kBoxAnswered);
  CHECK(next.mark_there.front().second == kBoxAnswered);
}

TEST_CASE("keywords have the bits of their names; free names, words that are none and $Forwarded have none") {
  const KeywordNames names{"one", "", "no word", "$forwarded", "Two", "ONE"};
  CHECK(keyword_bit(names, "One") == Flags{1} << kKeywordShift);
  CHECK(keyword_bit(names, "two") == Flags{1} << (kKeywordShift + 4));
  CHECK(shared_keywords(names) == (Flags{0b10001} << kKeywordShift));
  for (const char* const none : {"", "no word", "$Forwarded", "three"}) CHECK(keyword_bit(names, none) == 0);
  // What is not shared is nobody's change.
  const Flags free = Flags{2} << kKeywordShift;
  CHECK(merge({{1, "a", 0}}, {{1, 0}}, {{"a", free}}, kSharedFlags | shared_keywords(names)).empty());
  CHECK(merge({{1, "a", free}}, {{1, 0}}, {{"a", free}}, kSharedFlags | shared_keywords(names)).empty());
}

TEST_CASE("whatever both sides do, a comparison makes them the same, and the next one has nothing to do") {
  SeededRandom random(7);
  for (int run = 0; run < 300; ++run) {
    std::vector<Pair> pairs;
    std::map<mailbox::Uid, Flags> here;
    std::map<std::string, Flags> there;
    mailbox::Uid next = 1;
    const Flags shared = kSharedFlags | shared_keywords({"one", "", "three"});
    const auto flags = [&] { return (random.below(64) | random.below(8) << kKeywordShift) & shared; };
    for (std::uint64_t i = random.below(12); i > 0; --i, ++next) {
      const std::string name = "p" + std::to_string(next);
      pairs.push_back({next, name, flags()});
      if (random.below(4) != 0) here[next] = random.below(2) == 0 ? flags() : pairs.back().flags;
      if (random.below(4) != 0) there[name] = random.below(2) == 0 ? flags() : pairs.back().flags;
    }
    for (std::uint64_t i = random.below(4); i > 0; --i) here[next++] = flags();
    for (std::uint64_t i = random.below(4); i > 0; --i) there["t" + std::to_string(i)] = flags();
    for (int round = 0; round < 4; ++round) {
      std::vector<Here> mailbox;
      for (const auto& [uid, set] : here) mailbox.push_back({uid, set});
      std::vector<There> box;
      for (const auto& [name, set] : there) box.push_back({name, set});
      const Plan plan = merge(pairs, mailbox, box, shared);
      if (round == 3) {
        CHECK(plan.empty());
        CHECK(here.size() == there.size());
        for (const Pair& pair : pairs)
          CHECK((here.at(pair.uid) == there.at(pair.name) && here.at(pair.uid) == pair.flags));
        break;
      }
      for (const auto& mark : plan.mark_here) here[pairs[mark.pair].uid] = mark.flags;
      for (const auto& [index, set] : plan.mark_there) there[box[index].name] = set;
      for (const mailbox::Uid uid : plan.expunge) here.erase(uid);
      for (const std::size_t index : plan.remove) there.erase(box[index].name);
      const auto note = [&](const Pair& pair) {
        std::erase_if(pairs, [&](const Pair& one) { return one.uid == pair.uid; });
        pairs.push_back(pair);
      };
      for (const Pair& pair : plan.kept) note(pair);
      for (const mailbox::Uid uid : plan.give) {
        there["g" + std::to_string(uid)] = here[uid];
        note({uid, "g" + std::to_string(uid), here[uid]});
      }
      for (const std::size_t index : plan.bring) {
        here[next] = box[index].flags;
        note({next++, box[index].name, box[index].flags});
      }
      for (const mailbox::Uid uid : plan.forgotten)
        std::erase_if(pairs, [&](const Pair& one) { return one.uid == uid; });
      std::ranges::sort(pairs, {}, &Pair::uid);
    }
  }
}
