#include "mailbox/uid_set.h"

#include <set>

#include "base/random.h"
#include "base/text.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;

namespace {
UidSet from(const std::set<Uid>& uids) {
  UidSet set;
  for (const Uid uid : uids) set.add(uid);
  return set;
}
}  // namespace

TEST_CASE("UIDs that stand side by side become one range, in whatever order they come") {
  UidSet set;
  set.add(5);
  set.add(3);
  CHECK(set.text() == "3,5");
  set.add(4);
  CHECK(set.text() == "3:5");
  set.add({1, 10});
  CHECK(set.text() == "1:10");
  set.add({kUidMax, kUidMax});
  set.add({20, 30});
  set.add({11, 19});
  CHECK(set.text() == "1:30,4294967295");
  set.add({31, kUidMax});
  CHECK(set == UidSet::all());
  CHECK(set.count() == kUidMax);
  set.add(UidRange{0, 5});
  CHECK(set == UidSet::all());
}

TEST_CASE("a UID set reads back what it wrote and refuses anything else") {
  for (const char* text : {"", "1", "1:3,7", "4294967295", "1,3,5,7:9"}) {
    const UidSet set = UidSet::parse(text).value();
    CHECK(set.text() == text);
    std::string octets;
    set.encode(octets);
    CHECK(UidSet::decode(octets).value() == set);
    for (std::size_t cut = 1; cut < octets.size(); cut += 2) CHECK(!UidSet::decode(octets.substr(0, cut)).has_value());
  }
  CHECK(UidSet::parse("3:1").value().text() == "1:3");
  for (const char* bad : {"0", "1:0", "*", "1:*", "a", "1,,2", "1:2:3", "4294967296", " 1"}) CHECK(!UidSet::parse(bad));
  CHECK(!UidSet::decode("\x00\x01"sv));                  // begins with UID 0
  CHECK(!UidSet::decode("\xFF\xFF\xFF\xFF\x0F\x01"sv));  // ends beyond the last UID
  CHECK(!UidSet::decode("\x05"sv));
}

TEST_CASE("intersection, difference and membership agree with sets of numbers") {
  SeededRandom random(7);
  for (int round = 0; round < 300; ++round) {
    std::set<Uid> a;
    std::set<Uid> b;
    for (std::uint64_t i = random.below(30); i > 0; --i) a.insert(1 + static_cast<Uid>(random.below(40)));
    for (std::uint64_t i = random.below(30); i > 0; --i) b.insert(1 + static_cast<Uid>(random.below(40)));
    std::set<Uid> both;
    std::set<Uid> only;
    for (const Uid uid : a) (b.contains(uid) ? both : only).insert(uid);
    CHECK(intersection(from(a), from(b)) == from(both));
    CHECK(difference(from(a), from(b)) == from(only));
    for (Uid uid = 1; uid <= 41; ++uid) CHECK(from(a).contains(uid) == a.contains(uid));
    CHECK(from(a).count() == a.size());
  }
  CHECK(difference(UidSet::all(), {{1, 5}, {7, kUidMax}}).text() == "6");
  CHECK(difference(UidSet::all(), UidSet::all()).empty());
}
