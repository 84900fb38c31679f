// A change that the store refuses leaves nothing behind: what comes later sees what is durable.
#include "mailbox/limits.h"
#include "mailbox/test_world.h"
#include "store/testing_tablet.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

namespace {

struct Refusals : Ready {
  Refusals() {
    mail.reset();
    store = MailboxStore::make(full, pool, {.clock = &loop.clock()});
    again_loaded();
  }
  ~Refusals() { store.reset(); }
  Refusals(const Refusals&) = delete;
  Refusals& operator=(const Refusals&) = delete;
  void again_loaded() {
    mail.reset();
    mail = account(kAlice);
  }
  template <class T>
  void refused(io::Task<Result<T>> task) {
    full.refuses = true;
    Result<T> result = run(std::move(task));
    full.refuses = false;
    REQUIRE(!result.has_value());
    CHECK(result.error().is(store::kStoreFull));
    again_loaded();
  }

  store::testing::RefusingTablet full{*tablet};
};

}  // namespace

TEST_CASE("an EXPUNGE refused on a full disk and given again leaves the copy in another mailbox") {
  Refusals world;
  const Delivered precious = world.deliver(kAlice, text(1));
  world.must(world.mail->copy(world.inbox, UidSet::all(), world.id("Archive")));
  world.refused(world.mail->expunge(world.inbox, UidSet::all(), ExpungeOnly::any));
  CHECK(world.view(world.inbox)->size() == 1);
  CHECK(world.must(world.mail->expunge(world.inbox, UidSet::all(), ExpungeOnly::any)).expunged.count() == 1);
  CHECK(verify_mail(*world.tablet)->damage.empty());
  world.loop.advance(std::chrono::hours(2));
  world.must(world.store->tidy());
  CHECK(world.view(world.id("Archive"))->size() == 1);
  CHECK(world.octets(*world.mail, precious.email).ends_with("body 1\r\n"));
}

TEST_CASE("a COPY or MOVE refused on a full disk counts for nothing") {
  Refusals world;
  world.deliver(kAlice, text(1));
  world.refused(world.mail->copy(world.inbox, UidSet::all(), world.id("Archive")));
  world.refused(world.mail->move(world.inbox, UidSet::all(), world.id("Archive")));
  CHECK(world.view(world.id("Archive"))->empty());
  CHECK(world.must(world.mail->expunge(world.inbox, UidSet::all(), ExpungeOnly::any)).expunged.count() == 1);
  CHECK(verify_mail(*world.tablet)->damage.empty());
  CHECK(world.mail->quota().messages == 0);
}

TEST_CASE("CREATE, RENAME and DELETE refused on a full disk can be given again") {
  Refusals world;
  world.refused(world.mail->create("new", SpecialUse::none));
  CHECK(!world.mail->listing()->find("new"));
  world.must(world.mail->create("new", SpecialUse::none));
  CHECK(world.mail->listing()->find("new"));
  world.refused(world.mail->rename("new", "other"));
  CHECK(!world.mail->listing()->find("other"));
  world.must(world.mail->rename("new", "other"));
  world.refused(world.mail->remove("other"));
  CHECK(world.mail->listing()->find("other"));
  world.must(world.mail->remove("other"));
  CHECK(!world.mail->listing()->find("other"));
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("a delivery refused on a full disk leaves the account in use") {
  Refusals world;
  const AccountMailPtr same = world.mail;
  world.full.refuses = true;
  Delivery delivery;
  delivery.content = make_content(text(1));
  delivery.recipients.push_back({.account = kAlice, .prepended = {}, .targets = {DeliveryTarget{}}});
  CHECK(world.run(world.store->deliver(std::move(delivery))).error().is(store::kStoreFull));
  world.full.refuses = false;
  CHECK(world.account(kAlice) == same);
  world.deliver(kAlice, text(2));
  CHECK(world.view(world.inbox)->size() == 1);
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("a message with a long To field reaches all members of a large group") {
  constexpr AccountId kMembers = 200;
  World world;
  std::string octets = "To: ";
  for (int i = 0; i < 800; ++i)
    octets += "\"Some Person " + std::to_string(i) + "\" <person.number." + std::to_string(i) + "@domain.test>,\r\n ";
  octets += "last@domain.test\r\nSubject: to all\r\n\r\nbody\r\n";
  Delivery delivery;
  delivery.content = make_content(std::move(octets));
  for (AccountId id = 1; id <= kMembers; ++id) {
    world.must(world.store->create_account(id, {}));
    delivery.recipients.push_back({.account = id, .prepended = {}, .targets = {DeliveryTarget{}}});
  }
  const std::size_t size = delivery.content->size();
  const auto results = world.must(world.store->deliver(std::move(delivery)));
  for (AccountId id = 1; id <= kMembers; ++id) {
    CAPTURE(id);
    REQUIRE(results[id - 1].has_value());
    CHECK(world.octets(*world.account(id), results[id - 1]->email).size() == size);
  }
  CHECK(verify_mail(*world.tablet)->damage.empty());
}
