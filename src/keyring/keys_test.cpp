#include "keyring/keys.h"

#include <cstdlib>
#include <filesystem>

#include "keyring/standing.h"
#include "store/keys.h"
#include "store/volume_memory.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::keyring;

namespace {

struct World {
  World() {
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    auto volume = store::open_memory_volume(std::make_shared<store::MemoryDisk>());
    REQUIRE(volume);
    store::TabletOptions options;
    options.state = store::StateKind::sorted;
    options.reserve = 0;
    auto opened = store::Tablet::open(*std::move(volume), options);
    REQUIRE(opened);
    tablet = *std::move(opened);
    again();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() { std::filesystem::remove_all(folder); }
  /// As a new process finds it.
  void again() { keys = std::make_unique<Keys>(*tablet, folder + "/keys"); }
  void commit(store::Batch batch) { REQUIRE(tablet->commit_and_wait(std::move(batch))); }
  NamedKey add(Owner owner, KeyId before = 0) {
    NewKey made = *keys->make(owner, before);
    store::Batch batch;
    made.put(batch);
    commit(std::move(batch));
    return made.named;
  }
  [[nodiscard]] std::string file() const { return folder + "/keys/server.keys"; }

  std::string folder = "/tmp/angarium-keys-XXXXXX";
  std::unique_ptr<store::Tablet> tablet;
  std::unique_ptr<Keys> keys;
};

constexpr auto kAny = store::Tier::any;

}  // namespace

TEST_CASE("a key is found again by its owner and id, and the newest is the one made last") {
  World world;
  CHECK(!*world.keys->newest(7));
  const NamedKey first = world.add(7);
  const NamedKey second = world.add(7, first.id);
  const NamedKey other = world.add(8);
  CHECK(second.id > first.id);
  for (int i = 0; i < 2; ++i) {
    CHECK(*world.keys->find(7, first.id, kAny) == first.key);
    CHECK((*world.keys->newest(7))->id == second.id);
    CHECK((*world.keys->newest(7))->key == second.key);
    CHECK((*world.keys->newest(8))->key == other.key);
    CHECK(*Keys::ids(*world.tablet, 7) == std::vector<KeyId>{first.id, second.id});
    CHECK(*Keys::ids(*world.tablet, 8) == std::vector<KeyId>{other.id});
    CHECK(Keys::ids(*world.tablet, 9)->empty());
    CHECK(world.keys->find(8, first.id, kAny).error().is(kNoKey));
    CHECK(!*world.keys->newest(6));
    CHECK(!*world.keys->newest(9));
    world.again();
  }
}

TEST_CASE("a key that is made anew never has the name of one that is gone") {
  World world;
  const NamedKey gone = world.add(7);
  store::Batch batch;
  Keys::erase(7, batch);
  world.commit(std::move(batch));
  CHECK(!*world.keys->newest(7));
  const NamedKey fresh = world.add(7);
  CHECK(fresh.id != gone.id);
  CHECK(*world.keys->find(7, fresh.id, kAny) == fresh.key);
}

TEST_CASE("erasing an owner's keys leaves its neighbours'") {
  World world;
  for (const Owner owner : {kQueue, Owner{255}, Owner{256}, Owner{257}, UINT64_MAX}) world.add(owner);
  store::Batch batch;
  Keys::erase(256, batch);
  world.commit(std::move(batch));
  world.again();
  CHECK(!*world.keys->newest(256));
  for (const Owner owner : {kQueue, Owner{255}, Owner{257}, UINT64_MAX}) CHECK(world.keys->newest(owner)->has_value());
}

TEST_CASE("nobody waits for the file on a loop: from memory alone it would block, until somebody has read it") {
  World world;
  const NamedKey one = world.add(7);
  const NamedKey two = world.add(8);
  world.again();
  CHECK(world.keys->find(7, one.id, store::Tier::memory).error().is(store::kWouldBlock));
  CHECK(world.keys->find(7, one.id, kAny));
  CHECK(*world.keys->find(7, one.id, store::Tier::memory) == one.key);
  CHECK(*world.keys->find(8, two.id, store::Tier::memory) == two.key);
}

TEST_CASE("what is forgotten of an owner is not in memory any more, of others it is") {
  World world;
  const NamedKey one = world.add(7);
  const NamedKey two = world.add(8);
  for (const auto& [owner, key] : {std::pair(Owner{7}, one), std::pair(Owner{8}, two)})
    REQUIRE(world.keys->find(owner, key.id, kAny));
  store::Batch batch;
  Keys::erase(7, batch);
  world.commit(std::move(batch));
  CHECK(world.keys->find(7, one.id, store::Tier::memory));
  world.keys->forget(7);
  CHECK(world.keys->find(7, one.id, store::Tier::memory).error().is(kNoKey));
  CHECK(*world.keys->find(8, two.id, store::Tier::memory) == two.key);
}

TEST_CASE("without the server's key everything is temporary, no other is made, and it is looked for again") {
  World world;
  const NamedKey one = world.add(7);
  std::filesystem::rename(world.file(), world.folder + "/away");
  world.again();
  for (const Error& error : {world.keys->find(7, one.id, kAny).error(), world.keys->newest(7).error(),
                             world.keys->make(7, one.id).error(), world.keys->make(9, 0).error()}) {
    CHECK(error.is(kNoServerKey));
    CHECK(error.temporary());
  }
  CHECK(!std::filesystem::exists(world.file()));
  // Another server's opens nothing, and is as good as none.
  REQUIRE(ServerKeys::make(world.folder + "/keys"));
  CHECK(world.keys->find(7, one.id, kAny).error().is(kNoServerKey));
  std::filesystem::rename(world.folder + "/away", world.file());
  CHECK(*world.keys->find(7, one.id, kAny) == one.key);
}

TEST_CASE("a record that was changed, cut or put elsewhere opens nothing, and is temporary: mail is not passed over") {
  World world;
  NewKey made = *world.keys->make(7, 0);
  const auto put = [&](const std::string& at, const std::string& value) {
    store::Batch batch;
    batch.put(at, value);
    world.commit(std::move(batch));
    world.again();
  };
  put(made.at, made.wrapped);
  REQUIRE(world.keys->find(7, made.named.id, kAny));
  for (std::size_t i = 0; i < made.wrapped.size(); ++i) {
    std::string changed = made.wrapped;
    changed[i] ^= 1;
    for (const std::string& wrong : {changed, made.wrapped.substr(0, i)}) {
      put(made.at, wrong);
      const auto found = world.keys->find(7, made.named.id, kAny);
      REQUIRE(!found);
      CHECK(found.error().temporary());
    }
  }
  put(store::KeyWriter().u8(kKeyOctet).u64(8).u64(made.named.id).key(), made.wrapped);
  CHECK(world.keys->find(8, made.named.id, kAny).error().is(kNoKey));
  put(store::KeyWriter().u8(kKeyOctet).u64(7).u64(made.named.id + 1).key(), made.wrapped);
  CHECK(world.keys->find(7, made.named.id + 1, kAny).error().is(kNoKey));
}

TEST_CASE("after a rotation of the server's key was begun, what either version wrapped opens") {
  World world;
  const NamedKey one = world.add(7);
  REQUIRE(ServerKeys::read(world.folder + "/keys")->with_new(world.folder + "/keys"));
  world.again();
  const NamedKey two = world.add(8);
  world.again();
  CHECK(*world.keys->find(7, one.id, kAny) == one.key);
  CHECK(*world.keys->find(8, two.id, kAny) == two.key);
  REQUIRE(ServerKeys::read(world.folder + "/keys")->forget_old(world.folder + "/keys"));
  world.again();
  CHECK(world.keys->find(7, one.id, kAny).error().is(kNoServerKey));
  CHECK(*world.keys->find(8, two.id, kAny) == two.key);
}

TEST_CASE("more keys than are kept in memory: those used last stay, the others are read again") {
  World world;
  store::Batch batch;
  std::vector<NewKey> made;
  for (Owner owner = 1; owner <= Keys::kKept + 1; ++owner) {
    made.push_back(*world.keys->make(owner, 0));
    made.back().put(batch);
  }
  world.commit(std::move(batch));
  const auto find = [&](Owner owner) { return world.keys->find(owner, made[owner - 1].named.id, kAny); };
  for (Owner owner = 1; owner <= Keys::kKept + 1; ++owner) REQUIRE(*find(owner) == made[owner - 1].named.key);
  // What is not in the store any more is found by who has it in memory.
  store::Batch erased;
  Keys::erase(1, erased);
  Keys::erase(2, erased);
  world.commit(std::move(erased));
  CHECK(!find(1));
  CHECK(find(2));
  CHECK(find(Keys::kKept + 1));
}

TEST_CASE("how it stands with the server's key goes by the file, not by what is in memory") {
  World world;
  Standing before = *standing(*world.tablet, world.folder + "/keys");
  CHECK(before.wrapped == 0);
  CHECK(before.well());
  CHECK(before.trouble);  // there is none yet
  CHECK(!std::filesystem::exists(world.file()));
  world.add(7);
  world.add(8);
  const Standing now = *standing(*world.tablet, world.folder + "/keys");
  CHECK(now.wrapped == 2);
  CHECK(now.well());
  CHECK(!now.trouble);
  CHECK(now.file == world.file());
  std::filesystem::rename(world.file(), world.folder + "/away");
  CHECK(world.keys->newest(7));  // in memory
  const Standing lost = *standing(*world.tablet, world.folder + "/keys");
  CHECK(lost.shut == 2);
  CHECK(!lost.well());
  REQUIRE(lost.trouble);
  CHECK(lost.trouble->text().contains("No such file"));
  // A file of another server is there, and opens nothing.
  REQUIRE(ServerKeys::make(world.folder + "/keys"));
  const Standing other = *standing(*world.tablet, world.folder + "/keys");
  CHECK(other.shut == 2);
  CHECK(!other.trouble);
}
