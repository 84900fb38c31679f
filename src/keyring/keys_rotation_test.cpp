// Rotation of the server's key, step by step and cut short at every one: no key is lost, and in the end the versions of
// before open nothing.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "keyring/keys.h"
#include "store/keys.h"
#include "store/schedule.h"
#include "store/testing.h"
#include "store/testing_tablet.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::keyring;

namespace {

constexpr auto kAny = store::Tier::any;
constexpr Duration kNoPatience{0};

/// Calls the test before a value is handed out, and before a batch goes on.
class Watched final : public store::testing::PassingTablet {
 public:
  using PassingTablet::PassingTablet;
  Result<std::optional<std::string>> get(std::string_view key, store::Reading reading) override {
    auto value = inner_.get(key, reading);
    if (on_get) std::exchange(on_get, nullptr)();
    return value;
  }
  void enqueue(store::Batch batch, store::Completion& completion) override {
    if (on_enqueue) on_enqueue(batch);
    inner_.enqueue(std::move(batch), completion);
  }
  std::function<void()> on_get;
  std::function<void(const store::Batch&)> on_enqueue;
};

struct World {
  World() {
    disk.open();
    again();
  }
  /// As a new process finds it.
  void again() {
    keys.reset();
    tablet = std::make_unique<Watched>(*disk.tablet);
    keys = std::make_unique<Keys>(*tablet, keys_folder());
  }
  void commit(const NewKey& made) {
    store::Batch batch;
    made.put(batch);
    REQUIRE(disk.tablet->commit_and_wait(std::move(batch)));
  }
  NamedKey add(Owner owner) {
    const NewKey made = *keys->make(owner, 0);
    commit(made);
    return made.named;
  }
  void erase(Owner owner) {
    store::Batch batch;
    Keys::erase(owner, batch);
    REQUIRE(disk.tablet->commit_and_wait(std::move(batch)));
  }
  [[nodiscard]] std::string keys_folder() const { return folder.path() + "/keys"; }
  [[nodiscard]] std::string file() const { return keys_folder() + "/server.keys"; }
  [[nodiscard]] ServerKeys in_file() const { return *ServerKeys::read(keys_folder()); }
  /// Keys in the store by the version they are wrapped by.
  [[nodiscard]] std::map<std::uint64_t, std::uint64_t> by() const { return Keys::wrappings(*disk.tablet)->by; }
  void keep_file() { std::filesystem::copy_file(file(), folder.path() + "/kept"); }
  void bring_kept_file() {
    std::filesystem::remove(file());
    std::filesystem::rename(folder.path() + "/kept", file());
  }

  store::testing::Directory folder;
  store::testing::OnFaultyDisk disk;
  std::unique_ptr<Watched> tablet;
  std::unique_ptr<Keys> keys;
};

}  // namespace

TEST_CASE(
    "after a rotation every key is as it was, wrapped by the one version there is, and the one before opens none") {
  World world;
  const NamedKey one = world.add(7);
  const NamedKey queue = world.add(kQueue);
  const std::uint64_t before = world.in_file().current().id;
  world.keep_file();
  const Rotated done = *world.keys->rotate_server_key();
  CHECK(done.wrapped == 2);
  CHECK(done.forgotten == 1);
  CHECK(world.in_file().versions().size() == 1);
  CHECK(world.in_file().current().id == done.version);
  CHECK(done.version != before);
  CHECK(world.by() == std::map<std::uint64_t, std::uint64_t>{{done.version, 2}});
  for (int i = 0; i < 2; ++i) {
    CHECK(*world.keys->find(7, one.id, kAny) == one.key);
    CHECK(*world.keys->find(kQueue, queue.id, kAny) == queue.key);
    world.again();
  }
  world.bring_kept_file();
  world.again();
  CHECK(world.keys->find(7, one.id, kAny).error().is(kNoServerKey));
  CHECK(world.keys->find(kQueue, queue.id, kAny).error().is(kNoServerKey));
}

TEST_CASE("without a file there is nothing to rotate, and none is made") {
  World world;
  CHECK(world.keys->rotate_server_key().error().is(kNoServerKey));
  CHECK(!std::filesystem::exists(world.file()));
  const NamedKey one = world.add(7);
  world.keep_file();
  std::filesystem::remove(world.file());
  CHECK(world.keys->rotate_server_key().error().is(kNoServerKey));
  CHECK(!std::filesystem::exists(world.file()));
  world.bring_kept_file();
  CHECK(*world.keys->find(7, one.id, kAny) == one.key);
}

TEST_CASE("a key that was wrapped before and comes to the store after: the rotation waits for it, then wraps it, too") {
  World world;
  world.add(7);
  auto late = std::make_unique<NewKey>(*world.keys->make(8, 0));
  const NamedKey named = late->named;
  const auto waits = world.keys->rotate_server_key({}, kNoPatience);
  CHECK(waits.error().is(kRotationWaits));
  CHECK(waits.error().temporary());
  CHECK(world.in_file().versions().size() == 2);
  // One that is made now is waited for no more by the same, but by the next.
  NewKey after = *world.keys->make(9, 0);
  CHECK(world.keys->rotate_server_key({}, kNoPatience).error().is(kRotationWaits));
  world.commit(after);
  after.on_its_way.reset();
  CHECK(world.keys->rotate_server_key({}, kNoPatience).error().is(kRotationWaits));
  world.commit(*late);
  late.reset();
  const Rotated done = *world.keys->rotate_server_key({}, kNoPatience);
  CHECK(done.wrapped == 3);
  CHECK(world.by() == std::map<std::uint64_t, std::uint64_t>{{done.version, 3}});
  world.again();
  CHECK(*world.keys->find(8, named.id, kAny) == named.key);
  CHECK(*world.keys->find(9, after.named.id, kAny) == after.named.key);
}

TEST_CASE("who waits is let go as soon as the last record is answered, on whatever thread") {
  World world;
  auto late = std::make_unique<NewKey>(*world.keys->make(8, 0));
  const NamedKey named = late->named;
  std::atomic<bool> begun = false;
  world.tablet->on_enqueue = [&](const store::Batch&) { begun = true; };
  std::thread rotating([&] { CHECK(world.keys->rotate_server_key()); });
  // The new version is in the file, and no batch follows as long as the key is on its way.
  while (world.in_file().versions().size() == 1) std::this_thread::yield();
  CHECK(world.keys->rotate_server_key().error().is(kRotationWaits));  // one at a time
  CHECK(!begun);
  world.commit(*late);
  late.reset();
  rotating.join();
  CHECK(begun);
  CHECK(world.by() == std::map<std::uint64_t, std::uint64_t>{{world.in_file().current().id, 1}});
  CHECK(*world.keys->find(8, named.id, kAny) == named.key);
}

TEST_CASE("keys that are made, and owners that go, amid the pass") {
  World world;
  for (Owner owner = 1; owner <= 2500; ++owner) world.add(owner);
  int batches = 0;
  std::optional<NamedKey> made;
  world.tablet->on_enqueue = [&](const store::Batch& batch) {
    // Read already, and not written yet.
    if (batch.metadata_size() != 0 && ++batches <= 2) world.erase(batches == 1 ? 500 : 1700);
    if (batches == 2 && !made) made = world.add(3000);
  };
  std::uint64_t last = 0;
  const Rotated done = *world.keys->rotate_server_key([&](std::uint64_t now, std::uint64_t all) {
    CHECK(now > last);
    CHECK(now <= all);
    last = now;
  });
  CHECK(done.wrapped == 2498);
  CHECK(last == 2498);
  CHECK(world.by() == std::map<std::uint64_t, std::uint64_t>{{done.version, 2499}});
  world.again();
  CHECK(*world.keys->find(3000, made->id, kAny) == made->key);
  CHECK(!*world.keys->newest(500));
}

TEST_CASE("who read a key's record before it was wrapped anew, and the file after, finds the key") {
  World world;
  const NamedKey one = world.add(7);
  world.again();
  world.tablet->on_get = [&] { REQUIRE(world.keys->rotate_server_key()); };
  const auto found = world.keys->find(7, one.id, kAny);
  REQUIRE(found);
  CHECK(*found == one.key);
}

TEST_CASE("a key that does not open keeps the versions of before; one of a version that nobody has lets none begin") {
  World world;
  const NamedKey good = world.add(7);
  NewKey damaged = *world.keys->make(8, 0);
  damaged.wrapped.back() ^= 1;
  world.commit(damaged);
  damaged.on_its_way.reset();
  const auto refused = world.keys->rotate_server_key();
  CHECK(refused.error().is(kNoKey));
  CHECK(world.in_file().versions().size() == 2);
  world.again();
  CHECK(*world.keys->find(7, good.id, kAny) == good.key);
  world.erase(8);
  // Of a file that is gone.
  NewKey foreign = *world.keys->make(9, 0);
  for (std::size_t i = 1; i <= 8; ++i) foreign.wrapped[i] = '!';
  world.commit(foreign);
  foreign.on_its_way.reset();
  CHECK(world.keys->rotate_server_key().error().is(kNoServerKey));
  CHECK(world.in_file().versions().size() == 2);
  CHECK(*world.keys->find(7, good.id, kAny) == good.key);
  world.erase(9);
  const Rotated done = *world.keys->rotate_server_key();
  CHECK(done.wrapped == 1);
  CHECK(done.forgotten == 2);
  CHECK(world.in_file().versions().size() == 1);
  world.again();
  CHECK(*world.keys->find(7, good.id, kAny) == good.key);
  // What says nothing of its version may be of any.
  store::Batch batch;
  batch.put(store::KeyWriter().u8(kKeyOctet).u64(10).u64(1).key(), "?");
  REQUIRE(world.disk.tablet->commit_and_wait(std::move(batch)));
  CHECK(Keys::wrappings(*world.disk.tablet)->damaged == 1);
  CHECK(world.keys->rotate_server_key().error().is(kNoKey));
}

TEST_CASE("the file of before is put back over that of a rotation: what the process still knows goes back into it") {
  World world;
  const NamedKey one = world.add(7);
  world.keep_file();
  REQUIRE(world.keys->rotate_server_key());
  world.bring_kept_file();
  // Nothing is wrapped by what opens nothing here.
  CHECK(world.keys->make(8, 0).error().is(kNoServerKey));
  CHECK(*world.keys->find(7, one.id, kAny) == one.key);
  const Rotated done = *world.keys->rotate_server_key();
  CHECK(world.by() == std::map<std::uint64_t, std::uint64_t>{{done.version, 1}});
  const NamedKey two = world.add(8);
  world.again();
  CHECK(*world.keys->find(7, one.id, kAny) == one.key);
  CHECK(*world.keys->find(8, two.id, kAny) == two.key);
}

TEST_CASE("the file of before, and a process that knows no other: no rotation begins, and no key is made") {
  World world;
  const NamedKey one = world.add(7);
  world.keep_file();
  REQUIRE(world.keys->rotate_server_key());
  std::filesystem::copy_file(world.file(), world.folder.path() + "/right");
  world.bring_kept_file();
  world.again();
  const std::uint64_t before = world.in_file().current().id;
  CHECK(world.keys->find(7, one.id, kAny).error().is(kNoServerKey));
  CHECK(world.keys->make(8, 0).error().is(kNoServerKey));
  CHECK(world.keys->rotate_server_key().error().is(kNoServerKey));
  CHECK(world.in_file().current().id == before);
  CHECK(world.in_file().versions().size() == 1);
  std::filesystem::rename(world.folder.path() + "/right", world.file());
  CHECK(*world.keys->find(7, one.id, kAny) == one.key);
  const NamedKey two = world.add(8);
  world.again();
  CHECK(*world.keys->find(8, two.id, kAny) == two.key);
}

TEST_CASE("a record that does not open, of a key that is in memory, is wrapped anew by a rotation") {
  World world;
  const NamedKey one = world.add(7);
  REQUIRE(world.keys->find(7, one.id, kAny));
  store::Batch batch;
  const std::string at = store::KeyWriter().u8(kKeyOctet).u64(7).u64(one.id).key();
  std::string record = **world.disk.tablet->get(at);
  record.back() ^= 1;
  batch.put(at, record);
  REQUIRE(world.disk.tablet->commit_and_wait(std::move(batch)));
  REQUIRE(world.keys->rotate_server_key());
  world.again();
  CHECK(*world.keys->find(7, one.id, kAny) == one.key);
}

TEST_CASE("as many rotations were cut short as the file has room for: the next ends the last, and is one itself") {
  World world;
  const NamedKey one = world.add(7);
  const NewKey late = *world.keys->make(8, 0);
  while (world.in_file().versions().size() < kServerKeysMax)
    REQUIRE(world.keys->rotate_server_key({}, kNoPatience).error().is(kRotationWaits));
  world.again();
  const std::uint64_t last = world.in_file().current().id;
  const Rotated done = *world.keys->rotate_server_key();
  CHECK(done.version != last);
  CHECK(done.forgotten == kServerKeysMax);
  CHECK(world.in_file().versions().size() == 1);
  world.again();
  CHECK(*world.keys->find(7, one.id, kAny) == one.key);
}

TEST_CASE("the file cannot be written, or is another: what was begun goes on later, and nothing is written over") {
  World world;
  const NamedKey one = world.add(7);
  const std::string in_the_way = world.file() + ".new";
  std::filesystem::create_directory(in_the_way);
  const std::uint64_t first = world.in_file().current().id;
  CHECK(world.keys->rotate_server_key().error().is(kNoServerKey));
  CHECK(world.in_file().current().id == first);
  CHECK(world.by().contains(first));
  std::filesystem::remove(in_the_way);
  // At the last step.
  CHECK(world.keys->rotate_server_key([&](auto, auto) { std::filesystem::create_directory(in_the_way); })
            .error()
            .is(kNoServerKey));
  CHECK(world.in_file().versions().size() == 2);
  std::filesystem::remove(in_the_way);
  CHECK(*world.keys->find(7, one.id, kAny) == one.key);
  world.again();
  CHECK(*world.keys->find(7, one.id, kAny) == one.key);
  const auto changed =
      world.keys->rotate_server_key([&](auto, auto) { REQUIRE(world.in_file().with_new(world.keys_folder())); });
  CHECK(changed.error().is(kRotationWaits));
  CHECK(world.in_file().versions().size() == 4);
  CHECK(world.keys->rotate_server_key());
  world.again();
  CHECK(*world.keys->find(7, one.id, kAny) == one.key);
}

TEST_CASE("the power goes at every write and every sync of a rotation: all keys are there, and the next one ends it") {
  for (const bool sync : {false, true}) {
    bool whole = false;
    for (std::uint64_t at = 1; !whole; ++at) {
      CAPTURE(at);
      REQUIRE(at < 100);
      World world;
      std::map<Owner, NamedKey> there;
      for (Owner owner = 1; owner <= 2100; ++owner) there.emplace(owner, world.add(owner));
      if (sync)
        world.disk.disk->arm({.fail_sync_at = at, .syncs_failing = 100});
      else
        world.disk.disk->arm({.crash_at = at});
      whole = world.keys->rotate_server_key().has_value();
      world.keys.reset();
      world.tablet.reset();
      world.disk.power_loss();
      world.disk.disk->arm({});
      world.disk.open();
      world.again();
      for (const auto& [owner, key] : there) REQUIRE(*world.keys->find(owner, key.id, kAny) == key.key);
      CHECK(world.in_file().versions().size() == (whole ? 1 : 2));
      const Rotated done = *world.keys->rotate_server_key();
      CHECK(world.by() == std::map<std::uint64_t, std::uint64_t>{{done.version, there.size()}});
      world.again();
      for (const auto& [owner, key] : there) REQUIRE(*world.keys->find(owner, key.id, kAny) == key.key);
    }
  }
}

namespace {

/// Lives in which keys are made, come late, go with their owners, and rotations are cut short by whatever happens.
class RotationSchedule final : public store::testing::Schedule {
 public:
  RotationSchedule(std::uint64_t seed, store::StateKind state) : Schedule(seed, state) {
    options_.segment_size = 4096 + random_.below(60'000);
    options_.flush_batches = 1 + random_.below(60);
  }

 private:
  bool begin_life() override {
    keys_ = std::make_unique<Keys>(*tablet_, folder_.path() + "/keys");
    return true;
  }
  void leave_life() override {
    late_.clear();
    keys_.reset();
  }
  [[nodiscard]] bool failed() const { return disk_->crashed() || !tablet_->running(); }

  void check() override {
    for (const auto& [name, key] : sure_) {
      const auto found = keys_->find(name.first, name.second, kAny);
      if (failed()) return;
      if (!found) return blame("a key is lost: " + found.error().text());
      if (!(*found == key)) return blame("a key is another");
    }
  }
  void check_end() override {
    disk_->arm({});
    if (sure_.empty() || failed()) return;
    const auto done = keys_->rotate_server_key();
    if (!done) return blame("the last rotation: " + done.error().text());
    for (const auto& [by, count] : Keys::wrappings(*tablet_)->by)
      if (by != done->version) return blame("a version of before opens something");
    if (ServerKeys::read(folder_.path() + "/keys")->versions().size() != 1) blame("the file has two versions");
    keys_ = std::make_unique<Keys>(*tablet_, folder_.path() + "/keys");
    check();
  }

  void put(const NewKey& made, Owner owner) {
    store::Batch batch;
    made.put(batch);
    if (!tablet_->commit_and_wait(std::move(batch))) return;
    ++counts_.acknowledged;
    sure_.emplace(std::pair(owner, made.named.id), made.named.key);
  }
  void live() override {
    for (std::uint64_t steps = 4 + random_.below(20); steps > 0 && wrong_.empty() && !failed(); --steps) {
      const Owner owner = random_.below(4);
      switch (random_.below(8)) {
        case 0: (void)tablet_->flush(); break;
        case 1: (void)tablet_->sweep(); break;
        case 2:
        case 3:
          // Some rotations end while others' keys are still on their way, and have to begin again.
          if (const auto done = keys_->rotate_server_key({}, kNoPatience); done && !late_.empty())
            blame("a rotation ended before what was on its way");
          break;
        case 4:
          for (auto& [late, made] : late_) put(made, late);
          late_.clear();
          break;
        case 5: erase(owner); break;
        default:
          auto made = keys_->make(owner, 0);
          if (!made) return blame("no key: " + made.error().text());
          if (random_.below(3) == 0)
            late_.emplace_back(owner, *std::move(made));
          else
            put(*made, owner);
      }
      if (!failed()) check();
    }
  }
  void erase(Owner owner) {
    // Whether it is done nobody knows, if it fails.
    std::erase_if(sure_, [&](const auto& one) { return one.first.first == owner; });
    store::Batch batch;
    Keys::erase(owner, batch);
    (void)tablet_->commit_and_wait(std::move(batch));
  }

  store::testing::Directory folder_;
  std::unique_ptr<Keys> keys_;
  std::map<std::pair<Owner, KeyId>, Key> sure_;
  std::vector<std::pair<Owner, NewKey>> late_;
};

}  // namespace

TEST_CASE("seeded lives with crashes, lost syncs and full disks: rotations lose no key") {
  store::testing::run_schedules<RotationSchedule>(store::testing::schedules(40, 10), store::StateKind::sorted);
}
