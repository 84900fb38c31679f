#include "mailbox/block.h"

#include "base/random.h"
#include "mailbox/codec.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;

namespace {

NewEntry message(Uid uid, EmailId email, Modseq modseq, SystemFlags flags = 0) {
  NewEntry added;
  added.entry.uid = uid;
  added.entry.email = email;
  added.entry.modseq = modseq;
  added.entry.flag_bits = flags;
  added.entry.size = 1000 + uid;
  added.entry.date = 1'700'000'000 - static_cast<std::int64_t>(uid);
  return added;
}

void check_same(const Block& a, const Block& b) {
  REQUIRE(a.entries().size() == b.entries().size());
  CHECK(a.tally() == b.tally());
  CHECK(a.modseq_max() == b.modseq_max());
  for (std::size_t i = 0; i < a.entries().size(); ++i) {
    const Entry& x = a.entries()[i];
    const Entry& y = b.entries()[i];
    CHECK(x.uid == y.uid);
    CHECK(x.email == y.email);
    CHECK(x.modseq == y.modseq);
    CHECK(x.flags() == y.flags());
    CHECK(x.size == y.size);
    CHECK((x.open_end != 0) == (y.open_end != 0));
    CHECK((x.ascii_form != 0) == (y.ascii_form != 0));
    CHECK(a.sizes(x) == b.sizes(y));
    CHECK(a.saved(x) == b.saved(y));
    CHECK(std::int64_t{x.date} == std::int64_t{y.date});
    CHECK(a.keywords(x) == b.keywords(y));
  }
}

KeywordSet keywords(std::initializer_list<std::uint16_t> indexes) {
  KeywordSet set;
  for (const std::uint16_t index : indexes) set.insert(index);
  return set;
}

}  // namespace

TEST_CASE("a message costs a view 40 octets") { CHECK(sizeof(Entry) == 40); }

TEST_CASE("a block reads back what it wrote, with every field at its limits") {
  Block block(3);
  NewEntry extreme = message(0x300, UINT64_MAX, UINT64_MAX >> 1, kSystemFlagsAll);
  extreme.entry.size = UINT32_MAX;
  extreme.entry.date = -62'167'219'200;  // the years of RFC 9051 §9: 0000 …
  extreme.entry.zone = zone_quarters(-15 * 60);
  extreme.keywords = keywords({0, 63, 64, kKeywordsMax - 1});
  block.add(extreme);
  NewEntry late = message(0x3FF, 1, 1);
  late.entry.date = 253'402'300'799;  // … to 9999
  late.entry.zone = zone_quarters(15 * 60);
  block.add(late);
  NewEntry open = message(0x3FE, 2, 1, kSeen);
  open.entry.open_end = -1;
  block.add(open);
  NewEntry shorter = message(0x3FC, 4, 1);
  shorter.entry.ascii_form = -1;
  shorter.entry.size = UINT32_MAX;
  shorter.growth = -std::int64_t{UINT32_MAX};
  block.add(shorter);
  NewEntry longer = message(0x3FB, 4, 1);
  longer.entry.ascii_form = -1;
  longer.growth = 300;
  block.add(longer);
  auto read = Block::decode(3, block.encode());
  REQUIRE(read);
  check_same(block, *read);
  CHECK(read->sizes(*read->find(0x3FC)) == Sizes{UINT32_MAX, 0});
  CHECK(read->sizes(*read->find(0x3FB)) == Sizes{longer.entry.size - 300, longer.entry.size});
  CHECK(read->sizes(*read->find(0x300)) == Sizes{UINT32_MAX, UINT32_MAX});
  CHECK(read->keywords(read->entries()[0]) == extreme.keywords);
  CHECK(std::int64_t{read->entries()[0].date} == -62'167'219'200);
  CHECK(read->entries()[0].zone_minutes() == -900);
  CHECK(read->entries()[0].flags() == kSystemFlagsAll);
  CHECK(std::int64_t{read->find(0x3FF)->date} == 253'402'300'799);
  CHECK(read->find(0x3FF)->zone_minutes() == 900);
}

TEST_CASE("a zone that is no quarter of an hour, or beyond 15 hours, is told in UTC") {
  CHECK(zone_quarters(345) == 23);
  CHECK(zone_quarters(-210) == -14);
  CHECK(zone_quarters(900) == 60);
  CHECK(zone_quarters(-900) == -60);
  CHECK(zone_quarters(915) == 0);
  CHECK(zone_quarters(-915) == 0);
  CHECK(zone_quarters(20) == 0);
}

TEST_CASE("flags change, keywords beyond 64 spill, and the MODSEQ rises only where something changed") {
  Block block(0);
  block.add(message(1, 1, 5));
  block.add(message(2, 2, 5, kSeen));
  CHECK(block.tally().unseen == 1);
  const FlagChange seen{.mode = FlagMode::add, .system = kSeen};
  CHECK(block.change(seen, {1, 255}, 6).unseen == -1);
  CHECK(block.find(1)->modseq == 6);
  CHECK(block.find(2)->modseq == 5);
  block.change({.mode = FlagMode::add, .keywords = keywords({3, 70, 200})}, {2, 2}, 7);
  CHECK(block.keywords(*block.find(2)) == keywords({3, 70, 200}));
  block.change({.mode = FlagMode::remove, .keywords = keywords({3, 70})}, {2, 2}, 8);
  CHECK(block.keywords(*block.find(2)) == keywords({200}));
  block.change({.mode = FlagMode::replace, .system = kDeleted, .keywords = keywords({200})}, {2, 2}, 9);
  CHECK(block.find(2)->flags() == kDeleted);
  CHECK(block.find(2)->modseq == 9);
  block.change({.mode = FlagMode::replace, .system = kDeleted, .keywords = keywords({200})}, {2, 2}, 10);
  CHECK(block.find(2)->modseq == 9);
  CHECK(block.tally() == Tally{.messages = 2, .unseen = 1, .deleted = 1, .octets = 2003});
  CHECK(block.remove({2, 2}) == Tally{.messages = -1, .unseen = -1, .deleted = -1, .octets = -1002});
  CHECK(block.tally() == Tally{.messages = 1, .octets = 1001});
}

TEST_CASE("a stored block after merges is the block after the changes, whenever it is folded") {
  SeededRandom random(11);
  for (int round = 0; round < 60; ++round) {
    Block block(1);
    std::string stored;
    std::vector<std::string> waiting;
    Uid next = 0x100;
    for (Modseq modseq = 1; modseq < 120; ++modseq) {
      const Uid first = 0x100 + static_cast<Uid>(random.below(256));
      const UidRange range{first, std::min<Uid>(0x1FF, first + static_cast<Uid>(random.below(20)))};
      switch (random.below(4)) {
        case 0:
        case 1: {
          std::vector<NewEntry> added;
          for (std::uint64_t i = 1 + random.below(4); i > 0 && next <= 0x1FF; --i) {
            added.push_back(message(next++, random.below(1 << 20), modseq, static_cast<SystemFlags>(random.below(32))));
            added.back().entry.ascii_form = random.below(5) == 0 ? -1 : 0;
            if (added.back().entry.ascii_form) added.back().growth = static_cast<std::int64_t>(random.below(900)) - 450;
            if (random.below(5) == 0)
              added.back().keywords = keywords({static_cast<std::uint16_t>(random.below(kKeywordsMax))});
          }
          if (added.empty()) break;
          for (const NewEntry& one : added) block.add(one);
          waiting.push_back(add_operand(added));
          break;
        }
        case 2: {
          const FlagChange change{.mode = static_cast<FlagMode>(random.below(3)),
                                  .system = static_cast<SystemFlags>(random.below(32)),
                                  .keywords = keywords({static_cast<std::uint16_t>(random.below(100))})};
          block.change(change, range, modseq);
          waiting.push_back(change_operand(change, std::span(&range, 1), modseq));
          break;
        }
        default: block.remove(range); waiting.push_back(remove_operand(std::span(&range, 1)));
      }
      if (random.below(3) == 0) {
        const std::vector<std::string_view> operands(waiting.begin(), waiting.end());
        stored = merge_block(1, stored, operands);
        waiting.clear();
        auto read = Block::decode(1, stored);
        REQUIRE(read);
        check_same(block, *read);
      }
    }
    CHECK(stored.size() < 256 * 40);
  }
}

TEST_CASE("a block cut anywhere or with an octet changed is damaged or another block, never a crash") {
  Block block(1);
  for (Uid uid = 0x100; uid < 0x140; ++uid) block.add(message(uid, uid, uid, uid % 3 ? kSeen : kDeleted));
  const UidRange range{0x110, 0x120};
  const std::string stored =
      block.encode() +
      change_operand({.mode = FlagMode::add, .system = kSeen, .keywords = keywords({1, 99})}, std::span(&range, 1), 77);
  for (std::size_t cut = 1; cut < stored.size(); ++cut) {
    auto read = Block::decode(1, stored.substr(0, cut));
    // The only whole block that ends earlier is the snapshot alone.
    CHECK(read.has_value() == (cut == block.encode().size()));
  }
  SeededRandom random(5);
  for (int i = 0; i < 2000; ++i) {
    std::string changed = stored;
    changed[random.below(changed.size())] = static_cast<char>(random.below(256));
    auto read = Block::decode(1, changed);
    if (read) CHECK(read->entries().size() <= 256);
  }
}

TEST_CASE("RFC 8514: save dates are kept, an octet each where they are the date") {
  Block block(3);
  NewEntry known = message(0x301, 1, 1);
  NewEntry unknown = known;
  unknown.entry.uid = 0x302;
  known.saved = std::int64_t{known.entry.date};
  CHECK(add_operand(std::span(&known, 1)).size() == add_operand(std::span(&unknown, 1)).size());
  NewEntry early = known;
  early.entry.uid = 0x303;
  early.entry.date = -62'167'219'200;
  early.saved = 253'402'300'799;
  NewEntry late = known;
  late.entry.uid = 0x304;
  late.entry.date = 253'402'300'799;
  late.saved = -62'167'219'200;
  NewEntry near = known;
  near.entry.uid = 0x305;
  near.saved = near.entry.date - 1;
  // What the entry says of itself does not count: it may be another mailbox's.
  near.entry.saved = 0;
  unknown.entry.saved = -1;
  unknown.entry.saved_apart = -1;
  for (const NewEntry& added : {known, unknown, early, late, near}) block.add(added);
  const Block again = Block::decode(3, block.encode()).value();
  check_same(block, again);
  const std::vector<NewEntry> all = {known, unknown, early, late, near};
  check_same(block, Block::decode(3, add_operand(all)).value());
  CHECK(again.saved(*again.find(0x301)) == std::int64_t{known.entry.date});
  CHECK(again.saved(*again.find(0x302)) == std::nullopt);
  CHECK(again.saved(*again.find(0x303)) == 253'402'300'799);
  CHECK(again.saved(*again.find(0x304)) == -62'167'219'200);
  CHECK(again.saved(*again.find(0x305)) == near.entry.date - 1);
  block.remove({0x303, 0x303});
  NewEntry anew = known;
  anew.entry.uid = 0x303;
  block.add(anew);
  CHECK(block.saved(*block.find(0x303)) == std::int64_t{known.entry.date});
}

TEST_CASE("blocks of before there were save dates are read, and know none, also once they are written anew") {
  // UID 5, email 7, MODSEQ 9, date 1000, 100 octets, seen; then UID 6 is added.
  const std::string entry("\x05\x02\x0E\x12\xD0\x0F\x64", 7);
  const std::string snapshot = "S" + std::string("\x09\x09\x01", 3) + entry;
  const std::string addition = "A" + std::string("\x01\x06\x02\x10\x14\xD0\x0F\x64", 8);
  const Block block = Block::decode(0, snapshot + addition).value();
  REQUIRE(block.entries().size() == 2);
  CHECK(block.entries()[0].email == 7);
  CHECK(block.entries()[0].date == 1000);
  CHECK(block.entries()[0].has(kSeen));
  CHECK(block.entries()[1].modseq == 10);
  const std::string anew = block.encode();
  CHECK(anew.front() == 'T');
  for (const Entry& old : Block::decode(0, anew).value().entries()) CHECK(block.saved(old) == std::nullopt);
  // New changes behind an old snapshot.
  NewEntry added = message(7, 9, 11);
  added.saved = 5;
  const Block both = Block::decode(0, merge_block(0, snapshot, std::array{std::string_view(addition)}) +
                                          add_operand(std::span(&added, 1)))
                         .value();
  CHECK(both.saved(both.entries()[0]) == std::nullopt);
  CHECK(both.saved(both.entries()[2]) == 5);
}
