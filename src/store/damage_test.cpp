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

class Fixture {
 public:
  explicit Fixture(StateKind state = StateKind::sorted) {
    options.state = state;
    options.threads = Threads::none;
    options.segment_size = 64u << 10;
    options.reserve = 0;
    options.clock = &clock;
    options.random = &random;
    options.cache_size = 1u << 20;
  }
  Result<> try_open() {
    tablet.reset();
    std::unique_ptr<Volume> volume = TRY(open_faulty_volume(disk));
    tablet = TRY(Tablet::open(std::move(volume), options));
    return {};
  }
  void open() {
    if (Result<> opened = try_open(); !opened) FAIL(opened.error().text());
  }
  Result<> rebuild() {
    tablet.reset();
    return store::rebuild(TRY(open_faulty_volume(disk)), options);
  }
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
  void power_loss() {
    disk->crash();
    tablet.reset();
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

  SeededRandom random{42};
  ManualClock clock;
  std::shared_ptr<FaultyDisk> disk = std::make_shared<FaultyDisk>(1);
  TabletOptions options;
  std::unique_ptr<Tablet> tablet;
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
