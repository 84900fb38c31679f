// Rotation of the queue's key: mail that waits is read at every moment, and the key of before goes with the last that
// needs it.
#include "queue/keys.h"
#include "queue/test_sealed.h"
#include "store/codec.h"
#include "store/keys.h"
#include "store/testing.h"
#include "store/testing_tablet.h"

using namespace angarium;
using namespace angarium::queue;
using namespace angarium::queue::test;

namespace {

constexpr Duration kNoPatience{0};
const std::string kOctets = "Subject: for nobody\r\n\r\nthe text\r\n";

keyring::KeyId key_of(const SealedKey& sealed) { return store::RecordReader(sealed.octets).number(); }

/// Records of a room beside the queue: 'z' and anything; '1', or '2' and a sealed key.
SealedElsewhere beside() {
  return {.from = "z", .to = "{", .sealed_key = [](std::string_view value) -> std::optional<std::string_view> {
            if (value == "1") return "";
            if (!value.starts_with('2')) return std::nullopt;
            return value.substr(1);
          }};
}

struct Rotating : Sealed {
  Rotating() {
    elsewhere = {beside()};
    again();
  }
  OldKeys rotate(Duration patience = keyring::kRotationPatience) {
    const auto outcome = must_in_time(body_keys->rotate(patience));
    REQUIRE(outcome);
    return *outcome;
  }
  OldKeys forget() { return must_in_time(body_keys->forget_old(kNoPatience)); }
  void put(const std::string& at, std::optional<std::string> value) {
    store::Batch batch;
    value ? batch.put(at, *value) : batch.erase(at);
    must(queue::commit(*tablet, std::move(batch)));
  }
  keyring::KeyId sealed_by_now() { return key_of(must(body_keys->seal(keyring::Key::make()))); }
};

}  // namespace

TEST_CASE("a queue that has no key gets none by a rotation") {
  Rotating world;
  CHECK(!world.must_in_time(world.body_keys->rotate()));
  CHECK(world.ids().empty());
  CHECK(world.forget().erased == 0);
}

TEST_CASE(
    "rotated: what comes is sealed by the new key at once; what waits is read, and keeps its key until it is gone") {
  Rotating world;
  world.admit_sealed(kOctets);
  const keyring::KeyId first = world.ids().front();
  const OldKeys done = world.rotate();
  CHECK(done.erased == 0);
  CHECK(done.kept == 1);
  REQUIRE(world.ids().size() == 2);
  const keyring::KeyId second = world.ids().back();
  CHECK(world.sealed_by_now() == second);
  for (int i = 0; i < 2; ++i) {
    CHECK(world.forget().kept == 1);
    const Job job = world.job();
    CHECK(key_of(job.entry->sealed_key) == first);
    CHECK(*world.read(*job.entry) == kOctets);
    world.queue->put_back(job);
    // Also by who knows nothing of before.
    world.again();
    CHECK(world.sealed_by_now() == second);
  }
  const Job job = world.job();
  world.settle(job);
  const OldKeys forgotten = world.forget();
  CHECK(forgotten.erased == 1);
  CHECK(forgotten.kept == 0);
  CHECK(world.ids() == std::vector{second});
  world.again();
  world.admit_sealed(kOctets);
  CHECK(*world.read(*world.job().entry) == kOctets);
}

TEST_CASE("with nothing that waits the key of before goes with the rotation, also one that was cut short before") {
  Rotating world;
  world.admit_sealed(kOctets);
  world.settle(world.job());
  CHECK(world.rotate().erased == 1);
  CHECK(world.ids().size() == 1);
  // A new key was made, and nobody lived to use it, or to forget the one of before.
  keyring::NewKey made = *world.keys->make(keyring::kQueue, world.ids().front());
  world.put(made.at, made.wrapped);
  world.put(made.uses_at, keyring::KeyUses::encode(keyring::kUsesStride));
  made.on_its_way.reset();
  world.again();
  CHECK(world.forget().erased == 1);
  CHECK(world.ids() == std::vector{made.named.id});
  CHECK(world.sealed_by_now() == made.named.id);
}

TEST_CASE("what is on its way keeps its key: before its batch, in it, and when it is in the store") {
  Rotating world;
  auto late = std::make_unique<Sealed::Admission>(world.admission(kOctets));
  const keyring::KeyId first = world.ids().front();
  OldKeys done = world.rotate(kNoPatience);
  CHECK(done.kept == 1);
  CHECK(world.forget().kept == 1);
  // The batch was refused: nothing needs it any more.
  late->change.refused();
  CHECK(world.forget().erased == 1);
  CHECK(world.ids().front() != first);
  late = std::make_unique<Sealed::Admission>(world.admission(kOctets));
  std::optional<Result<std::optional<OldKeys>>> outcome;
  world.loop.spawn(
      [](Rotating& of, auto& into) -> io::Task<> { into.emplace(co_await of.body_keys->rotate()); }(world, outcome));
  world.loop.advance(keyring::kRotationPatience / 2);
  CHECK(!outcome);
  CHECK(world.ids().size() == 2);
  world.commit(std::move(late->batch), std::move(late->change));
  world.loop.advance(std::chrono::seconds(1));
  REQUIRE(outcome);
  REQUIRE(*outcome);
  CHECK((**outcome)->kept == 1);
  CHECK(*world.read(*world.job().entry) == kOctets);
}

TEST_CASE("a sealed key that nobody has put anywhere yet is waited for, and no longer than patience goes") {
  Rotating world;
  std::optional<SealedKey> held = world.must(world.body_keys->seal(keyring::Key::make()));
  CHECK(world.rotate().kept == 1);
  // Of the key in between, too.
  CHECK(world.rotate().kept == 1);
  CHECK(world.ids().size() == 2);
  SealedKey copy = *held;
  held.reset();
  CHECK(world.forget().kept == 1);
  copy = {};
  CHECK(world.forget().erased == 1);
  CHECK(world.ids().size() == 1);
}

TEST_CASE("what is sent on is another entry with the same key, which stays for its sake") {
  Rotating world;
  world.admit_sealed(kOctets);
  const keyring::KeyId first = world.ids().front();
  world.rotate();
  const Job job = world.job();
  Entry on = *job.entry;
  on.id = DeliveryId(77);
  store::Batch batch;
  auto admitted = world.queue->admit(on, {{.destination = "c.example", .recipients = {recipient("<u@c.example>")}}},
                                     std::nullopt, batch);
  Change settled = world.queue->settle(job, {}, {}, batch);
  world.must(queue::commit(*world.tablet, std::move(batch)));
  admitted->done();
  settled.done();
  CHECK(world.forget().kept == 1);
  world.again();
  world.must(world.queue->gather());
  const auto sent = world.take("c.example");
  REQUIRE(sent);
  CHECK(key_of(sent->entry->sealed_key) == first);
  CHECK(*world.read(*sent->entry) == kOctets);
}

TEST_CASE("records of other rooms keep their keys; where one does not say what it needs, all stay") {
  Rotating world;
  const SealedKey first = world.must(world.body_keys->seal(keyring::Key::make()));
  world.put("z1", "2" + first.octets);
  world.put("z2", "1");
  world.rotate(kNoPatience);
  world.again();
  CHECK(world.forget().kept == 1);
  world.put("z1", std::nullopt);
  for (const std::string unknown : {"3", "2\x80"}) {
    world.put("z3", unknown);
    const OldKeys kept = world.forget();
    CHECK(kept.kept == 1);
    CHECK(kept.damaged == 1);
  }
  world.put("z3", std::nullopt);
  world.put(entry_key(DeliveryId(5)), "no entry");
  CHECK(world.forget().damaged == 1);
  world.put(entry_key(DeliveryId(5)), std::nullopt);
  CHECK(world.forget().erased == 1);
}

TEST_CASE("without the server's key none is made, and none forgotten") {
  Rotating world;
  world.admit_sealed(kOctets);
  world.rotate();
  world.settle(world.job());
  const auto before = world.ids();
  const std::string file = world.folder + "/keys/server.keys";
  std::filesystem::rename(file, world.folder + "/away");
  world.again();
  CHECK(world.run(world.body_keys->rotate()).error().is(keyring::kNoServerKey));
  CHECK(world.run(world.body_keys->forget_old()).error().is(keyring::kNoServerKey));
  CHECK(world.ids() == before);
  std::filesystem::rename(world.folder + "/away", file);
  CHECK(world.rotate().erased == 2);
}

namespace {

struct Counted : Rotating {
  std::uint64_t recorded(keyring::KeyId id) {
    const auto record = *tablet->get(store::KeyWriter().u8(keyring::kUsesOctet).u64(keyring::kQueue).u64(id).key());
    REQUIRE(record);
    return *keyring::KeyUses::decode(*record);
  }
  /// As if it had been used so often.
  void set(keyring::KeyId id, std::uint64_t uses) {
    store::Batch batch;
    keyring::Keys::put_uses(keyring::kQueue, id, uses, batch);
    must(queue::commit(*tablet, std::move(batch)));
    again();
  }
};

}  // namespace

TEST_CASE("the queue's key is used as often as it may be, and the next sealing has another; what waits is read") {
  Counted world;
  world.admit_sealed(kOctets);
  const keyring::KeyId first = world.ids().front();
  world.set(first, keyring::kUsesRenewed - keyring::kUsesStride - 1);
  CHECK(world.sealed_by_now() == first);
  const keyring::KeyId second = world.sealed_by_now();
  CHECK(second > first);
  CHECK(world.sealed_by_now() == second);
  CHECK(world.ids().size() == 2);
  const Job job = world.job();
  CHECK(*world.read(*job.entry) == kOctets);
  CHECK(world.forget().kept == 1);
  world.settle(job);
  CHECK(world.forget().erased == 1);
}

TEST_CASE("a key of the queue that nobody counted, as an older version made it, is not used any more") {
  Counted world;
  const keyring::KeyId first = world.sealed_by_now();
  world.put(store::KeyWriter().u8(keyring::kUsesOctet).u64(keyring::kQueue).u64(first).key(), std::nullopt);
  world.again();
  CHECK(world.sealed_by_now() > first);
}

TEST_CASE("what is sealed by the queue's key was written down before, a stride at once; a count goes with its key") {
  Counted world;
  const keyring::KeyId first = world.sealed_by_now();
  const std::uint64_t stride = world.recorded(first);
  for (std::uint64_t used = 1; used < stride; ++used) REQUIRE(world.sealed_by_now() == first);
  CHECK(world.recorded(first) == stride);
  world.sealed_by_now();
  const std::uint64_t next = world.recorded(first);
  CHECK(next > 2 * stride);
  // Whatever a process has used of it counts.
  world.again();
  world.sealed_by_now();
  CHECK(world.recorded(first) > next);
  CHECK(world.rotate().erased == 1);
  CHECK(!*world.tablet->get(store::KeyWriter().u8(keyring::kUsesOctet).u64(keyring::kQueue).u64(first).key()));
}

TEST_CASE("where the count cannot be written nothing is sealed, and later it goes on") {
  Counted world;
  const keyring::KeyId first = world.sealed_by_now();
  world.again();
  store::testing::RefusingTablet tablet(*world.tablet);
  BodyKeys body_keys(tablet, world.pool, world.keys.get());
  tablet.refuses = true;
  CHECK(world.run(body_keys.seal(keyring::Key::make())).error().is(store::kStoreFull));
  tablet.refuses = false;
  CHECK(key_of(world.must(body_keys.seal(keyring::Key::make()))) == first);
}

TEST_CASE("the power goes at every write and every sync of a rotation: what waits is read, and the next one ends it") {
  for (const bool sync : {false, true}) {
    bool whole = false;
    for (std::uint64_t at = 1; !whole; ++at) {
      CAPTURE(sync);
      CAPTURE(at);
      REQUIRE(at < 100);
      store::testing::Directory folder;
      store::testing::OnFaultyDisk disk;
      io::SimulatedLoop loop;
      io::Pool pool{{.name = "test", .threads = 0}};
      Records records;
      disk.options.body_refs = &records;
      disk.options.on_waiting = [&] {
        loop.post([&] {
          while (disk.tablet && disk.tablet->commit_waiting()) {
          }
        });
      };
      std::optional<keyring::Keys> keys;
      std::optional<BodyKeys> body_keys;
      const auto again = [&] {
        disk.open();
        body_keys.reset();
        keys.emplace(*disk.tablet, folder.path() + "/keys");
        body_keys.emplace(*disk.tablet, pool, &*keys);
      };
      const auto rotate = [&] {
        std::optional<Result<std::optional<OldKeys>>> outcome;
        loop.spawn(
            [](BodyKeys& of, auto& into) -> io::Task<> { into.emplace(co_await of.rotate()); }(*body_keys, outcome));
        loop.advance(std::chrono::minutes(1));
        REQUIRE(outcome);
        return *outcome;
      };
      const auto put_sealed = [&](DeliveryId id) {
        Entry entry;
        entry.id = id;
        entry.sender = envelope::parse_sender("<a@b.example>").value();
        entry.body = {.segment = 1, .offset = 4096, .length = keyring::sealed_size(1), .crc = 7};
        const keyring::Key key = keyring::Key::make();
        entry.sealed_key = *angarium::test::settled(loop, body_keys->seal(key));
        store::Batch batch;
        batch.put(entry_key(id), encode(entry));
        REQUIRE(disk.tablet->commit_and_wait(std::move(batch)));
        return std::pair(id, key);
      };
      const auto opens = [&](const std::pair<DeliveryId, keyring::Key>& one) {
        const auto entry = decode_entry(one.first, **disk.tablet->get(entry_key(one.first)));
        return *open_body_key(&*keys, entry->sealed_key.octets, store::Tier::any) == one.second;
      };
      again();
      const auto waits = put_sealed(DeliveryId(1));
      const auto gone = put_sealed(DeliveryId(2));
      REQUIRE(rotate());
      store::Batch batch;
      batch.erase(entry_key(waits.first));
      batch.erase(entry_key(gone.first));
      const auto stays = put_sealed(DeliveryId(3));
      REQUIRE(disk.tablet->commit_and_wait(std::move(batch)));
      // Two keys: nothing needs the first any more, and something the second. This makes a third.
      if (sync)
        disk.disk->arm({.fail_sync_at = at, .syncs_failing = 100});
      else
        disk.disk->arm({.crash_at = at});
      whole = rotate().has_value();
      body_keys.reset();
      keys.reset();
      disk.power_loss();
      disk.disk->arm({});
      again();
      CHECK(opens(stays));
      const auto last = put_sealed(DeliveryId(4));
      CHECK(rotate());
      CHECK(opens(stays));
      CHECK(opens(last));
      // That of what stays, that of the last and the newest; where the second rotation was whole, its key is the
      // last's.
      CHECK(keyring::Keys::ids(*disk.tablet, keyring::kQueue)->size() <= 3);
      again();
      CHECK(opens(stays));
      CHECK(opens(last));
    }
  }
}
