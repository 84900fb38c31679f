// Damage that must be told from a crash, and what rebuild does about it.
#include <functional>

#include "store/format.h"
#include "store/log_table.h"
#include "store/testing.h"
#include "store/volume_faulty.h"
#include "support/test.h"

namespace angarium::store {
namespace {

using namespace angarium::store::testing;

class Fixture : public OnFaultyDisk {
 public:
  using OnFaultyDisk::OnFaultyDisk;
  /// `count` batches with a value of 10 KB each, one group a batch.
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      Batch batch;
      const std::string key = "k" + std::to_string(written++);
      batch.put(key, std::string(10'000, 'v') + key);
      REQUIRE(tablet->commit_and_wait(std::move(batch)).has_value());
    }
  }
  /// How many of the batches are there.
  int count() {
    int found = 0;
    for (int i = 0; i < written; ++i) {
      const std::string key = "k" + std::to_string(i);
      auto value = tablet->get(key);
      found += value && *value && **value == std::string(10'000, 'v') + key;
    }
    return found;
  }
  Table table() { return Table::decode(disk->content("table")).value(); }
  void replace(const std::string& name, std::string_view octets) {
    REQUIRE(open_faulty_volume(disk).value()->replace(name, octets).has_value());
  }
  /// Where the groups of a segment begin.
  std::vector<std::uint64_t> groups(std::uint32_t number) {
    const std::string octets = disk->content(segment_name(number));
    std::vector<std::uint64_t> begins;
    for (std::uint64_t at = octets.find("AGRP"); at != octets.npos; at = octets.find("AGRP", at + 4))
      begins.push_back(at);
    return begins;
  }

  int written = 0;
};

}  // namespace

TEST_CASE("damage in a segment that a crash left open before the state's position is damage, not its end") {
  for (const std::uint64_t where : {std::uint64_t{0}, std::uint64_t{GroupHeader::kSize + 5}}) {
    for (const std::size_t which : {std::size_t{0}, std::size_t{2}, std::size_t{5}}) {
      Fixture f;
      f.open();
      f.fill(8);
      f.tablet.reset();
      Table table = f.table();
      REQUIRE(table.segments.at(1).phase == Phase::sealed);
      REQUIRE(table.segments.at(2).phase == Phase::open);
      Segment& first = table.segments.at(1);
      first = {.number = 1, .salt = first.salt, .created = first.created, .since = first.since};
      const auto groups = f.groups(1);
      REQUIRE(groups.size() == 6);
      f.replace("table", table.encode());
      REQUIRE(f.disk->flip(segment_name(1), groups[which] + where, 3));
      const Result<> opened = f.try_open();
      CAPTURE(where);
      CAPTURE(which);
      REQUIRE_FALSE(opened.has_value());
      CHECK(opened.error().is(kDamaged));
      REQUIRE(f.disk->flip(segment_name(1), groups[which] + where, 3));
      f.open();
      CHECK(f.count() == 8);
      CHECK(f.table().segments.at(1).last == 6);
    }
  }
}

TEST_CASE("a group whose bodies reach over later groups is damage at the first opening, and nothing is wiped") {
  Fixture f;
  f.open();
  f.fill(4);
  f.power_loss();
  const auto groups = f.groups(1);
  REQUIRE(groups.size() == 4);
  std::string octets = f.disk->content(segment_name(1));
  const std::uint32_t salt = f.table().segments.at(1).salt;
  auto header = GroupHeader::decode(std::string_view(octets).substr(groups[1], GroupHeader::kSize), salt);
  REQUIRE(header.has_value());
  header->bodies_length = static_cast<std::uint32_t>(groups[3] - groups[2] + header->length());
  header->bodies = 1;
  const auto encoded = header->encode(salt);
  octets.replace(groups[1], encoded.size(), encoded.data(), encoded.size());
  f.replace(segment_name(1), octets);
  for (int i = 0; i < 2; ++i) {
    const Result<> opened = f.try_open();
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().is(kDamaged));
  }
  CHECK((f.disk->content(segment_name(1)) == octets));
}

TEST_CASE("what a refused group left is wiped and synced before anything else is written") {
  Fixture f;
  f.open();
  std::uint64_t used = 0;
  for (const FileEntry& file : f.disk->files()) used += file.size;
  f.disk->set_capacity(used + 1000);
  f.disk->arm({.crash_at = 3});  // the write, the wipe, the sync
  Batch batch;
  batch.put("k", "v");
  batch.body(std::string(200'000, 'x'));
  CHECK_FALSE(f.tablet->commit_and_wait(std::move(batch)).has_value());
  CHECK(f.disk->crashed());
}

TEST_CASE("an open segment that is shorter than what was reserved for it is damage") {
  for (const std::uint64_t length : {std::uint64_t{64}, std::uint64_t{4096}, std::uint64_t{(64u << 10) - 1}}) {
    Fixture f;
    f.open();
    f.fill(3);
    f.power_loss();
    {
      auto volume = open_faulty_volume(f.disk).value();
      REQUIRE(volume->open(segment_name(1), Opening::existing).value()->truncate(length).has_value());
    }
    const Result<> opened = f.try_open();
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().is(kDamaged));
  }
}

TEST_CASE("rebuild leaves a state that works alone when the log is damaged, whether in its middle or at its end") {
  for (const StateKind kind : {StateKind::sorted, StateKind::rocksdb}) {
    for (const std::size_t which : {std::size_t{2}, std::size_t{3}}) {
      Fixture f(kind);
      f.open();
      f.fill(4);
      f.tablet.reset();
      REQUIRE(f.disk->flip(segment_name(1), f.groups(1)[which] + GroupHeader::kSize + 5, 3));
      const Result<> rebuilt = f.rebuild();
      REQUIRE_FALSE(rebuilt.has_value());
      CHECK(rebuilt.error().is(kDamaged));
      f.open();
      CHECK(f.count() == 4);
    }
  }
}

TEST_CASE("rebuild makes a state that has all of the log, also of a damaged one") {
  for (const StateKind kind : {StateKind::sorted, StateKind::rocksdb}) {
    Fixture f(kind);
    f.open();
    f.fill(20);
    f.tablet.reset();
    for (const FileEntry& file : f.disk->files())
      if (file.name.starts_with("state/") && file.size > 8) f.disk->flip(file.name, file.size / 2, 1);
    if (const Result<> rebuilt = f.rebuild(); !rebuilt) FAIL(rebuilt.error().text());
    f.open();
    CHECK(f.count() == 20);
    CHECK(f.tablet->stats().replayed == 0);
    for (const FileEntry& file : f.disk->files()) CHECK_FALSE(file.name.starts_with("state.new/"));
  }
}

TEST_CASE("rebuild makes a lost or damaged table from its former version and the segments' headers") {
  for (const bool former : {true, false}) {
    for (const std::string damage : {"flip", "cut", "gone"}) {
      Fixture f;
      f.open();
      f.fill(30);
      f.tablet.reset();
      const std::string table = f.disk->content("table");
      {
        auto volume = open_faulty_volume(f.disk).value();
        if (damage == "flip") REQUIRE(f.disk->flip("table", 30, 1));
        if (damage == "cut") REQUIRE(volume->replace("table", table.substr(0, 40)).has_value());
        if (damage == "gone") REQUIRE(volume->remove("table").has_value());
        if (!former) REQUIRE(volume->remove("table.former").has_value());
      }
      CHECK(f.try_open().error().is(kDamaged));
      if (const Result<> rebuilt = f.rebuild(); !rebuilt) FAIL(damage << ": " << rebuilt.error().text());
      f.open();
      CHECK(f.count() == 30);
      CHECK(f.tablet->verify()->damage.empty());
      f.fill(20);
      f.tablet.reset();
      f.open();
      CHECK(f.count() == 50);
    }
  }
}

TEST_CASE("without a table, what a failed group left is no damage where the next segment goes on right there") {
  for (const bool followed : {true, false}) {
    Fixture f;
    f.open();
    f.fill(8);
    f.tablet.reset();
    Table former = f.table();
    Segment& first = former.segments.at(1);
    REQUIRE(first.phase == Phase::sealed);
    const std::uint64_t end = first.size;
    first = {.number = 1, .salt = first.salt, .created = first.created, .since = first.since};
    {
      auto volume = open_faulty_volume(f.disk).value();
      REQUIRE(volume->replace("table.former", former.encode()).has_value());
      REQUIRE(volume->remove("table").has_value());
      const std::uint64_t at = followed ? end : f.groups(1).back();
      REQUIRE((*volume->open(segment_name(1), Opening::existing))->write(at, "XXXX of a group").has_value());
    }
    const Result<> rebuilt = f.rebuild();
    CHECK(rebuilt.has_value() == followed);
    if (!followed) continue;
    f.open();
    CHECK(f.count() == 8);
    CHECK(f.tablet->verify()->damage.empty());
  }
}

TEST_CASE("rebuild broken off at any step leaves a store that opens, or one whose table it makes the next time") {
  for (const StateKind kind : {StateKind::sorted, StateKind::rocksdb}) {
    for (const bool lost : {false, true}) {
      std::uint64_t steps = 0;
      for (bool broken_off = true; broken_off; ++steps) {
        REQUIRE(steps < 500);
        Fixture f(kind);
        f.open();
        f.fill(20);
        f.tablet.reset();
        f.open();
        f.fill(3);
        f.power_loss();
        if (lost) REQUIRE(open_faulty_volume(f.disk).value()->remove("table").has_value());
        f.disk->arm({.crash_at = steps + 1});
        Result<> rebuilt = f.rebuild();
        f.disk->arm({});
        broken_off = !rebuilt;
        CAPTURE(steps);
        if (!rebuilt) REQUIRE(f.disk->crashed());
        if (!rebuilt && f.disk->content("table").empty()) rebuilt = f.rebuild();
        if (const Result<> opened = f.try_open(); !opened) FAIL(opened.error().text());
        CHECK(f.count() == 23);
        for (const FileEntry& file : f.disk->files()) CHECK_FALSE(file.name.starts_with("state.new/"));
      }
      CHECK(steps > 3);
    }
  }
}

TEST_CASE("rebuild makes the last group certain before the new state has it") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Fixture f;
    f.disk = std::make_shared<FaultyDisk>(seed);
    f.open();
    f.fill(3);
    f.tablet.reset();
    std::vector<std::pair<std::string, std::string>> before;
    for (const FileEntry& file : f.disk->files()) before.emplace_back(file.name, f.disk->content(file.name));
    f.open();
    f.fill(1);
    f.tablet.reset();
    const std::string after = f.disk->content(segment_name(1));
    const std::uint64_t at = f.groups(1).at(3);
    // The process was killed between write and sync: the cache has the group, the disk not.
    for (const auto& [name, octets] : before) f.replace(name, octets);
    {
      auto volume = open_faulty_volume(f.disk).value();
      auto file = volume->open(segment_name(1), Opening::existing).value();
      REQUIRE(file->write(at, std::string_view(after).substr(at)).has_value());
    }
    if (const Result<> rebuilt = f.rebuild(); !rebuilt) FAIL(rebuilt.error().text());
    f.power_loss();
    CAPTURE(seed);
    CHECK(f.groups(1).size() == 4);
    if (const Result<> rebuilt = f.rebuild(); !rebuilt) FAIL(rebuilt.error().text());
    f.open();
    CHECK(f.count() == 4);
  }
}

TEST_CASE("a table is not made where all segments are missing") {
  Fixture f;
  f.open();
  f.fill(3);
  f.tablet.reset();
  auto volume = open_faulty_volume(f.disk).value();
  for (const FileEntry& file : f.disk->files())
    if (file.name.starts_with("segment.") || file.name == "table") REQUIRE(volume->remove(file.name).has_value());
  volume.reset();
  for (const Result<>& result : {f.try_open(), f.rebuild(), f.try_open()}) {
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().is(kDamaged));
  }
}

TEST_CASE("without the former table a swept segment and its copy are not told apart, and nothing is removed") {
  Fixture f;
  TailRefs refs;
  f.options.body_refs = &refs;
  f.options.grace = std::chrono::hours(1);
  f.open();
  f.fill(30);
  Batch erase;
  erase.erase_range("k", "l");
  REQUIRE(f.tablet->commit_and_wait(std::move(erase)).has_value());
  f.clock.advance(std::chrono::hours(2));
  auto swept = f.tablet->sweep({.dead_share = -1});
  REQUIRE(swept.has_value());
  REQUIRE(swept->segments_swept > 0);
  f.tablet.reset();
  {
    auto volume = open_faulty_volume(f.disk).value();
    REQUIRE(volume->remove("table").has_value());
    REQUIRE(volume->remove("table.former").has_value());
  }
  const std::vector<FileEntry> before = f.disk->files();
  const Result<> rebuilt = f.rebuild();
  REQUIRE_FALSE(rebuilt.has_value());
  CHECK(rebuilt.error().is(kDamaged));
  CHECK(f.disk->files().size() == before.size());
}

TEST_CASE("the preallocated rest of a sealed segment that a crash left is cut at the next opening") {
  Fixture f;
  f.open();
  f.fill(8);
  f.tablet.reset();
  const Segment sealed = f.table().segments.at(1);
  REQUIRE(sealed.phase == Phase::sealed);
  {
    auto volume = open_faulty_volume(f.disk).value();
    auto file = volume->open(segment_name(1), Opening::existing).value();
    REQUIRE(file->truncate(64u << 10).has_value());
    REQUIRE(file->sync().has_value());
  }
  f.open();
  CHECK(f.disk->content(segment_name(1)).size() == sealed.size);
  CHECK(f.count() == 8);
}

TEST_CASE("a table is not made where a segment is missing or its header is damaged") {
  for (const bool missing : {true, false}) {
    Fixture f;
    f.open();
    f.fill(30);
    f.tablet.reset();
    {
      auto volume = open_faulty_volume(f.disk).value();
      REQUIRE(volume->remove("table").has_value());
      REQUIRE(volume->remove("table.former").has_value());
      if (missing) REQUIRE(volume->remove(segment_name(2)).has_value());
      if (!missing) REQUIRE(f.disk->flip(segment_name(2), 9, 1));
    }
    const Result<> rebuilt = f.rebuild();
    REQUIRE_FALSE(rebuilt.has_value());
    CHECK(rebuilt.error().is(kDamaged));
  }
}

}  // namespace angarium::store
