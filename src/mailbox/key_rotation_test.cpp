// Rotation of an account's key: mail reads as before at every moment, and in the end nothing opens by the key of
// before.
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "mailbox/keys.h"
#include "mailbox/record.h"
#include "mailbox/record_opener.h"
#include "mailbox/test_world.h"
#include "store/keys.h"
#include "store/testing.h"
#include "store/testing_tablet.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

namespace {

/// Tells the test of every batch before it goes on, while the locks are held under which it was made.
class Watched final : public store::testing::PassingTablet {
 public:
  using PassingTablet::PassingTablet;
  void enqueue(store::Batch batch, store::Completion& completion) override {
    if (on_enqueue) on_enqueue(batch);
    if (std::exchange(hold_next, false)) {
      held = std::pair(std::move(batch), &completion);
      return;
    }
    if (held) inner_.enqueue(std::move(held->first), *held->second);
    held.reset();
    inner_.enqueue(std::move(batch), completion);
  }
  std::function<void(const store::Batch&)> on_enqueue;
  bool hold_next = false;  ///< the next batch goes on with the one behind it
  std::optional<std::pair<store::Batch, store::Completion*>> held;
};

struct Rotating : Ready {
  Rotating() {
    mail.reset();
    seal(folder.path() + "/keys");
    mail = account(kAlice);
  }
  ~Rotating() { mail.reset(); }
  Rotating(const Rotating&) = delete;
  Rotating& operator=(const Rotating&) = delete;

  /// All batches of the mail go by it from now on, until the next opening.
  Watched& watch() {
    mail.reset();
    store.reset();
    keys.reset();
    watched = std::make_unique<Watched>(*tablet);
    keys = std::make_unique<keyring::Keys>(*watched, folder.path() + "/keys");
    store = MailboxStore::make(*watched, pool, {.clock = &loop.clock(), .keys = keys.get(), .sealing = Sealing::on});
    mail = account(kAlice);
    return *watched;
  }
  void anew() {
    mail.reset();
    reopen();
    mail = account(kAlice);
  }
  std::vector<keyring::KeyId> ids(AccountId of = kAlice) { return *keyring::Keys::ids(*tablet, of); }
  std::string record(EmailId email) { return tablet->get(email_key(kAlice, email))->value(); }
  std::optional<keyring::KeyId> sealed_by(EmailId email) { return key_of(*decode_email(email, record(email))); }
  /// All emails of Alice's INBOX, in order.
  std::vector<std::string> read_all() {
    std::vector<std::string> all;
    const ViewPtr here = view(inbox);
    here->for_each([&](std::uint32_t, const Entry& entry) { all.push_back(octets(*mail, entry.email)); });
    return all;
  }
  void commit(store::Batch batch) { REQUIRE(tablet->commit_and_wait(std::move(batch))); }

  store::testing::Directory folder;
  std::unique_ptr<Watched> watched;
};

const std::string kReturnPath = "Return-Path: <a@b>\r\n";

}  // namespace

TEST_CASE("rotated, all mail is sealed by the one new key, and reads as before; the body lies where it lay") {
  Rotating world;
  std::vector<EmailId> emails;
  for (int i = 0; i < 5; ++i) emails.push_back(world.deliver(kAlice, text(i)).email);
  world.deliver(kBob, text(9));
  const std::vector<std::string> before = world.read_all();
  const keyring::KeyId old = world.ids().front();
  const auto bobs = world.ids(kBob);
  const std::string record = world.record(emails[0]);
  const KeyRotation done = world.must(world.mail->rotate_key());
  CHECK(done.sealed == 5);
  CHECK(done.erased == 1);
  CHECK(done.damaged == 0);
  REQUIRE(world.ids().size() == 1);
  CHECK(world.ids().front() > old);
  CHECK(world.ids(kBob) == bobs);
  CHECK(decode_email(emails[0], world.record(emails[0]))->body == decode_email(emails[0], record)->body);
  for (int i = 0; i < 2; ++i) {
    CHECK(world.read_all() == before);
    for (const EmailId email : emails) CHECK(world.sealed_by(email) == world.ids().front());
    world.anew();
  }
  // What is sealed by the old key, of a copy of before, opens no more.
  CHECK(RecordOpener(world.keys.get(), kAlice, store::Tier::any).email(emails[0], record).error().is(keyring::kNoKey));
  CHECK(verify_mail(*world.tablet)->damage.empty());
  // New mail is by the new key, too, before a restart and after it.
  CHECK(world.sealed_by(world.deliver(kAlice, text(6)).email) == world.ids().front());
  CHECK(world.must(world.mail->rotate_key()).sealed == 6);
  CHECK(world.sealed_by(world.deliver(kAlice, text(7)).email) == world.ids().front());
}

TEST_CASE("what is in its grave is sealed anew, too; mail that is not sealed is as it was; who has no key gets none") {
  Rotating world;
  world.deliver(kAlice, text(1));
  const EmailId gone = world.deliver(kAlice, text(2)).email;
  const EmailPtr held = world.must(world.mail->email(gone));
  UidSet second;
  second.add(2);
  world.must(world.mail->expunge(world.inbox, second, ExpungeOnly::any));
  world.mail.reset();
  world.seal(world.folder.path() + "/keys", Sealing::off);
  world.mail = world.account(kAlice);
  const EmailId plain = world.deliver(kAlice, text(3)).email;
  const std::string record = world.record(plain);
  CHECK(world.must(world.mail->rotate_key()).sealed == 2);
  CHECK(world.record(plain) == record);
  CHECK(world.octets(*world.mail, gone) == kReturnPath + text(2));
  CHECK(world.must(world.mail->read(held, 0, 1000)) == kReturnPath + text(2));
  const AccountMailPtr bobs = world.account(kBob);
  CHECK(world.must(bobs->rotate_key()).sealed == 0);
  CHECK(world.ids(kBob).empty());
}

TEST_CASE("more emails than one batch takes") {
  Rotating world;
  for (int i = 0; i < 600; ++i) world.deliver(kAlice, text(i));
  const auto before = world.read_all();
  std::uint64_t last = 0;
  const KeyRotation done = world.must(world.mail->rotate_key([&](std::uint64_t now, std::uint64_t all) {
    CHECK(now >= last);
    CHECK(now <= all);
    last = now;
  }));
  CHECK(done.sealed == 600);
  CHECK(last > 0);
  world.anew();
  CHECK(world.ids().size() == 1);
  CHECK(world.read_all() == before);
}

TEST_CASE("without the server's key nothing is begun; a second rotation at the same time is refused for now") {
  Rotating world;
  world.deliver(kAlice, text(1));
  const auto before = world.ids();
  const std::string file = world.folder.path() + "/keys/server.keys";
  std::filesystem::rename(file, world.folder.path() + "/away");
  world.anew();
  const auto refused = world.run(world.mail->rotate_key());
  CHECK(refused.error().is(keyring::kNoServerKey));
  CHECK(refused.error().temporary());
  CHECK(world.ids() == before);
  std::filesystem::rename(world.folder.path() + "/away", file);
  std::optional<Result<KeyRotation>> first;
  std::optional<Result<KeyRotation>> second;
  const auto rotate = [](AccountMailPtr mail, std::optional<Result<KeyRotation>>& to) -> io::Task<> {
    to.emplace(co_await mail->rotate_key());
  };
  world.loop.spawn(rotate(world.mail, first));
  world.loop.spawn(rotate(world.mail, second));
  world.loop.settle();
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first);
  CHECK(second->error().is(keyring::kRotationWaits));
  CHECK(world.must(world.mail->rotate_key()).sealed == 1);
}

TEST_CASE("an email that does not open is as it was, and its key stays; one that was read and goes is no trouble") {
  Rotating world;
  const EmailId good = world.deliver(kAlice, text(1)).email;
  const EmailId bad = world.deliver(kAlice, text(2)).email;
  std::string damaged = world.record(bad);
  damaged.back() ^= 1;
  store::Batch batch;
  batch.put(email_key(kAlice, bad), damaged);
  world.commit(std::move(batch));
  const KeyRotation done = world.must(world.mail->rotate_key());
  CHECK(done.sealed == 1);
  CHECK(done.damaged == 1);
  CHECK(done.erased == 0);
  CHECK(world.ids().size() == 2);
  CHECK(world.record(bad) == damaged);
  world.anew();
  CHECK(world.octets(*world.mail, good) == kReturnPath + text(1));
  // Between their reading and their batch.
  const EmailId going = world.deliver(kAlice, text(3)).email;
  Watched& watched = world.watch();
  bool erased = false;
  watched.on_enqueue = [&](const store::Batch& sent) {
    if (erased || sent.metadata_size() < 200) return;
    erased = true;
    store::Batch erase;
    for (const EmailId one : {bad, going}) erase.erase(email_key(kAlice, one));
    REQUIRE(world.tablet->commit_and_wait(std::move(erase)));
  };
  const KeyRotation rest = world.must(world.mail->rotate_key());
  CHECK(erased);
  CHECK(rest.sealed == 1);
  CHECK(rest.damaged == 0);
  CHECK(rest.erased == 2);
  CHECK(!world.tablet->get(email_key(kAlice, going))->has_value());
  watched.on_enqueue = nullptr;
  CHECK(world.ids().size() == 1);
  CHECK(world.octets(*world.mail, good) == kReturnPath + text(1));
  world.anew();
}

TEST_CASE("an account that is removed meanwhile gets no key and no record any more") {
  Rotating world;
  world.deliver(kAlice, text(1));
  Watched& watched = world.watch();
  // Its new key is on its way when the removal comes.
  bool removed = false;
  std::optional<Result<>> removal;
  const AccountMailPtr mail = world.mail;
  watched.on_enqueue = [&](const store::Batch&) {
    if (std::exchange(removed, true)) return;
    world.loop.spawn([](MailboxStore& store, std::optional<Result<>>& to) -> io::Task<> {
      to.emplace(co_await store.remove_account(kAlice));
    }(*world.store, removal));
  };
  CHECK(world.run(mail->rotate_key()).error().is(kNoMailbox));
  REQUIRE(removal);
  CHECK(*removal);
  CHECK(world.ids().empty());
  watched.on_enqueue = nullptr;
  world.mail.reset();
}

TEST_CASE("mail that is sealed by the old key when the new one is there, and comes to the store late, is not lost") {
  Rotating world;
  Watched& watched = world.watch();
  const EmailId first = world.deliver(kAlice, text(1)).email;
  const keyring::KeyId old = world.ids().front();
  // A pass that finds something is followed by another.
  store::Batch nothing;
  nothing.erase(email_key(kAlice, first));
  world.commit(std::move(nothing));
  std::optional<EmailId> late;
  bool by_old = false;
  const auto deliver = [&]() -> io::Task<> {
    Delivery delivery;
    delivery.content = world.content(text(3));
    delivery.recipients.push_back({.account = kAlice, .prepended = kReturnPath});
    const auto results = co_await world.store->deliver(std::move(delivery));
    if (results && results->front()) late = results->front()->email;
  };
  int batches = 0;
  watched.on_enqueue = [&](const store::Batch& sent) {
    ++batches;
    // The new key goes to the store: before the rotation hears of its end, mail comes.
    if (batches == 1) world.loop.spawn(deliver());
    if (batches == 2) by_old = watched.hold_next = sent.metadata_size() > 200;
  };
  world.must(world.mail->rotate_key());
  watched.on_enqueue = nullptr;
  REQUIRE(by_old);
  REQUIRE(late);
  CHECK(world.ids().size() == 1);
  CHECK(world.ids().front() != old);
  world.anew();
  CHECK(world.octets(*world.mail, *late) == kReturnPath + text(3));
}

TEST_CASE("COPY to another account reads again what a rotation has sealed anew, and says so of what is gone") {
  Rotating world;
  world.deliver(kAlice, text(1));
  world.deliver(kAlice, text(2));
  world.deliver(kBob, text(3));
  Watched& watched = world.watch();
  const AccountMailPtr bobs = world.account(kBob);
  const MailboxId to = bobs->listing()->find(kInbox)->id;
  const ViewPtr before = world.view(world.inbox);
  int times = 0;
  // Before the batch of the copy goes on, the first of its emails is sealed anew, as a rotation does it.
  const auto reseal = [&](int how_often) {
    times = 0;
    watched.on_enqueue = [&, how_often](const store::Batch& sent) {
      if (sent.metadata_size() < 200 || ++times > how_often) return;
      const keyring::NamedKey by = *(*world.keys->newest(kAlice));
      const EmailId email = before->at(1).email;
      const std::string record = world.record(email);
      store::Batch batch;
      batch.put(email_key(kAlice, email),
                *RecordOpener(world.keys.get(), kAlice, store::Tier::any).seal_anew(email, record, by));
      REQUIRE(world.tablet->commit_and_wait(std::move(batch)));
    };
  };
  reseal(1);
  const CopyResult copied = world.must(world.mail->copy_to(world.inbox, UidSet::all(), bobs, to, {}));
  CHECK(times == 2);
  CHECK(copied.source.count() == 2);
  CHECK(copied.target.count() == 2);
  CHECK(world.must(bobs->view(to))->size() == 3);
  // Whatever changes it again and again does not keep anybody busy for ever.
  reseal(1000);
  CHECK(world.run(world.mail->copy_to(world.inbox, UidSet::all(), bobs, to, {})).error().is(kExpunged));
  CHECK(times < 10);
  // Gone.
  times = 0;
  watched.on_enqueue = [&](const store::Batch& sent) {
    if (sent.metadata_size() < 200 || ++times > 1) return;
    store::Batch batch;
    batch.erase(email_key(kAlice, before->at(1).email));
    REQUIRE(world.tablet->commit_and_wait(std::move(batch)));
  };
  CHECK(world.run(world.mail->copy_to(world.inbox, UidSet::all(), bobs, to, {})).error().is(kExpunged));
  watched.on_enqueue = nullptr;
  CHECK(world.must(bobs->view(to))->size() == 3);
  world.mail.reset();
}

TEST_CASE("deliveries, copies and rotations of both keys at the same time: all is read, by one key each, after it") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    Rotating world;
    world.deliver(kAlice, text(0));
    const AccountMailPtr bobs = world.account(kBob);
    const MailboxId to = bobs->listing()->find(kInbox)->id;
    std::size_t wrong = 0;
    std::size_t delivered = 1;
    std::size_t copied = 0;
    std::size_t rotated = 0;
    const auto deliver = [&](int number) -> io::Task<> {
      Delivery delivery;
      delivery.content = world.content(text(number));
      delivery.recipients.push_back({.account = kAlice, .prepended = kReturnPath});
      const auto results = co_await world.store->deliver(std::move(delivery));
      results && results->front() ? ++delivered : ++wrong;
    };
    const auto copy = [&]() -> io::Task<> {
      const auto result = co_await world.mail->copy_to(world.inbox, UidSet::all(), bobs, to, {});
      result ? copied += result->target.count() : ++wrong;
    };
    const auto rotate = [&](AccountMailPtr mail) -> io::Task<> {
      const auto result = co_await mail->rotate_key();
      if (result) ++rotated;
      if (!result && !result.error().is(keyring::kRotationWaits)) ++wrong;
    };
    const auto rotate_server = [&]() -> io::Task<> {
      const auto result = co_await io::run(world.pool, [&] { return world.keys->rotate_server_key(); });
      if (!result && !result.error().is(keyring::kRotationWaits)) ++wrong;
    };
    for (int number = 1; number <= 40; ++number) {
      switch (random.below(6)) {
        case 0: world.loop.spawn(rotate(world.mail)); break;
        case 1: world.loop.spawn(rotate(bobs)); break;
        case 2: world.loop.spawn(copy()); break;
        case 3: world.loop.spawn(rotate_server()); break;
        default: world.loop.spawn(deliver(number));
      }
      if (random.below(8) == 0) world.loop.settle();
    }
    world.loop.settle();
    world.must(world.mail->rotate_key());
    world.must(bobs->rotate_key());
    REQUIRE(world.keys->rotate_server_key());
    CHECK(wrong == 0);
    CHECK(rotated > 0);
    for (int i = 0; i < 2; ++i) {
      CHECK(world.read_all().size() == delivered);
      const AccountMailPtr other = world.account(kBob);
      const ViewPtr there = world.must(other->view(to));
      CHECK(there->size() == copied);
      there->for_each([&](std::uint32_t, const Entry& entry) { CHECK(!world.octets(*other, entry.email).empty()); });
      CHECK(world.ids().size() == 1);
      CHECK(keyring::Keys::wrappings(*world.tablet)->by.size() == 1);
      if (i == 0) {
        world.mail.reset();
        world.crash();
        world.mail = world.account(kAlice);
      }
    }
  }
}

namespace {

struct Counted : Rotating {
  Counted() { first = sealed_by(deliver(kAlice, text(0)).email).value(); }
  [[nodiscard]] static std::string place(keyring::KeyId id) {
    return store::KeyWriter().u8(keyring::kUsesOctet).u64(kAlice).u64(id).key();
  }
  std::uint64_t recorded(keyring::KeyId id) { return *keyring::KeyUses::decode(**tablet->get(place(id))); }
  /// As if it had been used so often; nothing: nobody counted.
  void set(keyring::KeyId id, std::optional<std::uint64_t> uses) {
    store::Batch batch;
    batch.erase(place(id));
    if (uses) keyring::Keys::put_uses(kAlice, id, *uses, batch);
    commit(std::move(batch));
    anew();
  }
  keyring::KeyId first = 0;
};

}  // namespace

TEST_CASE("an account's key is used as often as it may be, and the next mail has another; all of it reads as before") {
  Counted world;
  world.set(world.first, keyring::kUsesRenewed - keyring::kUsesStride - 1);
  CHECK(world.sealed_by(world.deliver(kAlice, text(1)).email) == world.first);
  const auto second = world.sealed_by(world.deliver(kAlice, text(2)).email);
  CHECK(second > world.first);
  CHECK(world.sealed_by(world.deliver(kAlice, text(3)).email) == second);
  CHECK(world.ids() == std::vector{world.first, *second});
  const auto before = world.read_all();
  CHECK(before.size() == 4);
  world.anew();
  CHECK(world.sealed_by(world.deliver(kAlice, text(4)).email) == second);
  CHECK(world.must(world.mail->rotate_key()).erased == 2);
  CHECK(world.read_all().size() == 5);
  CHECK(!*world.tablet->get(Counted::place(world.first)));
}

TEST_CASE("a key of an account that was worn before the start, or that nobody counted, is not used any more") {
  for (const std::optional<std::uint64_t> uses : {std::optional<std::uint64_t>(), std::optional(keyring::kUsesMax)}) {
    Counted world;
    world.set(world.first, uses);
    CHECK(world.sealed_by(world.deliver(kAlice, text(1)).email) > world.first);
    CHECK(world.read_all().size() == 2);
  }
}

TEST_CASE(
    "what is sealed by an account's key is counted by the batch that has it, once a stride, also after a restart") {
  Counted world;
  const std::uint64_t stride = world.recorded(world.first);
  for (std::uint64_t used = 1; used < stride; ++used) world.deliver(kAlice, text(1));
  CHECK(world.recorded(world.first) == stride);
  world.deliver(kAlice, text(1));
  std::uint64_t last = world.recorded(world.first);
  CHECK(last > stride);
  for (int i = 0; i < 3; ++i) {
    world.anew();
    world.deliver(kAlice, text(2));
    CHECK(world.recorded(world.first) > std::exchange(last, world.recorded(world.first)));
  }
  // What a rotation seals counts for the new key.
  world.must(world.mail->rotate_key());
  CHECK(world.recorded(world.ids().front()) > stride);
}

TEST_CASE("a count that was refused with its batch is put by the next one") {
  Counted world;
  world.anew();
  const std::uint64_t before = world.recorded(world.first);
  store::Batch also;
  also.expect("never there", "x");
  CHECK(!world.run(world.mail->append(world.inbox, {{world.content(text(1)), {}, {}}}, std::move(also))));
  CHECK(world.recorded(world.first) == before);
  world.deliver(kAlice, text(2));
  CHECK(world.recorded(world.first) > before);
}
