#include "protocol/imap/number_set.h"

#include <random>
#include <set>

#include "support/test.h"

using namespace angarium::protocol::imap;

TEST_CASE("RFC 9051 §9: a sequence set is normalised whatever its order") {
  CHECK(NumberSet({{5, 7}, {1, 2}, {3, 3}, {6, 10}}).text() == "1:3,5:10");
  CHECK(NumberSet({{UINT32_MAX, UINT32_MAX}, {1, UINT32_MAX - 1}}).text() == "1:4294967295");
  CHECK(NumberSet().text().empty());
}

TEST_CASE("sets agree with a plain model under any operations") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    NumberSet a;
    NumberSet b;
    std::set<std::uint32_t> model_a;
    std::set<std::uint32_t> model_b;
    for (int i = 0; i < 12; ++i) {
      const auto first = static_cast<std::uint32_t>(random() % 40 + 1);
      const auto last = first + static_cast<std::uint32_t>(random() % 5);
      const bool into_a = random() % 2 == 0;
      (into_a ? a : b).add(Range{first, last});
      for (auto n = first; n <= last; ++n) (into_a ? model_a : model_b).insert(n);
    }
    const auto check = [](const NumberSet& set, const std::set<std::uint32_t>& model) {
      std::vector<std::uint32_t> listed;
      set.each([&](std::uint32_t n) { listed.push_back(n); });
      CHECK(listed == std::vector<std::uint32_t>(model.begin(), model.end()));
      CHECK(set.count() == model.size());
      for (std::uint32_t n = 1; n < 50; ++n) CHECK(set.contains(n) == model.contains(n));
      for (std::size_t i = 1; i < set.ranges().size(); ++i) CHECK(set.ranges()[i].first > set.ranges()[i - 1].last + 1);
    };
    std::set<std::uint32_t> both;
    std::set<std::uint32_t> rest;
    for (auto n : model_a) (model_b.contains(n) ? both : rest).insert(n);
    check(a, model_a);
    check(a.intersection(b), both);
    check(a.difference(b), rest);
  }
}

TEST_CASE("RFC 9051 §9: \"n:*\" holds the last message even when n is above it") {
  CHECK(SequenceSet{.ranges = {{559, 0}}}.resolve(10).text() == "10:559");
  CHECK(SequenceSet{.ranges = {{0, 3}}}.resolve(10).text() == "3:10");
  CHECK(SequenceSet{.ranges = {{0, 0}}}.resolve(10).text() == "10");
  CHECK(SequenceSet{.ranges = {{4, 2}}}.resolve(10).text() == "2:4");
}

TEST_CASE("\"*\" stands for nothing in an empty mailbox, and counts as a number that is not there") {
  const SequenceSet star{.ranges = {{1, 0}}};
  CHECK(star.resolve(0).empty());
  CHECK(star.largest(0) == 1);
  CHECK(SequenceSet{.ranges = {{0, 0}}}.largest(0) == 1);
  CHECK(SequenceSet{.ranges = {{2, 0}}}.largest(5) == 5);
  CHECK(SequenceSet{.ranges = {{2, 9}}}.largest(5) == 9);
}

TEST_CASE("a slice of a set has the numbers in its places") {
  NumberSet set;
  for (const auto range : {Range{3, 5}, Range{8, 8}, Range{10, 12}}) set.add(range);
  CHECK(set.slice(0, 7) == set);
  CHECK(set.slice(0, 0).empty());
  CHECK(set.slice(1, 5).text() == "4:5,8,10");
  CHECK(set.slice(3, 4).text() == "8");
  CHECK(set.slice(6, 99).text() == "12");
  CHECK(set.slice(7, 99).empty());
}
