// What a mailbox and its view are to those who hold on to them.
#include "mailbox/limits.h"
#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

TEST_CASE("RFC 9051 5.2: a mailbox that somebody watches tells of new messages, however long it was silent") {
  Ready world;
  world.deliver(kAlice, text(1));
  ViewPtr told = world.view(world.inbox);
  auto watch = world.mail->watch(world.inbox, {});
  // A newer view, which the watcher does not hold.
  world.deliver(kAlice, text(2));
  CHECK(world.view(world.inbox)->size() == 2);
  CHECK(watch->take());
  world.loop.advance(std::chrono::hours(2));
  world.must(world.store->tidy());
  ViewPtr latest = world.mail->view_now(world.inbox);
  REQUIRE(latest);
  CHECK(latest->size() == 2);
  world.deliver(kAlice, text(3));
  CHECK(watch->take());
  latest = world.mail->view_now(world.inbox);
  REQUIRE(latest);
  CHECK(difference(*told, *latest).appeared.text() == "2:3");
  // Nobody watches: it may go.
  watch.reset();
  latest.reset();
  told.reset();
  world.loop.advance(std::chrono::hours(2));
  world.must(world.store->tidy());
  CHECK(!world.mail->view_now(world.inbox));
}

TEST_CASE("RFC 8474 4, RFC 9051 2.3.1.1: a name that is deleted and made again is another mailbox, inferiors or not") {
  Ready world;
  for (const char* const name : {"lone", "p", "p/q"}) world.must(world.mail->create(name));
  for (const std::string name : {"lone", "p"}) {
    for (const bool restart : {false, true}) {
      CAPTURE(name);
      CAPTURE(restart);
      const MailboxInfo old = *world.mail->listing()->find(name);
      world.must(world.mail->append(old.id, {{make_content(text(1)), {}, {}}}));
      world.view(old.id);
      world.must(world.mail->remove(name));
      CHECK(!world.mail->view_now(old.id));
      if (restart) world.again();
      const MailboxInfo made = world.must(world.mail->create(name));
      CHECK(made.id != old.id);
      CHECK(made.uid_validity > old.uid_validity);
      CHECK(made.selectable);
      CHECK(!world.mail->view_now(old.id));
      CHECK(!world.mail->listing()->find(old.id));
      CHECK(world.mail->listing()->find(name)->id == made.id);
      CHECK(world.view(made.id)->empty());
      CHECK(world.run(world.mail->view(old.id)).error().is(kNoMailbox));
      world.must(world.mail->append(made.id, {{make_content(text(2)), {}, {}}}));
      CHECK(world.view(made.id)->size() == 1);
    }
  }
  world.again();
  CHECK(world.mail->listing()->find("p/q"));
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("RFC 9051 6.3.5: a name is deleted and made again before the deletion is durable") {
  Ready world;
  world.must(world.mail->create("p/q"));
  const MailboxId old = world.id("p");
  world.loop.spawn([](AccountMail& mail) -> io::Task<> { CHECK(co_await mail.remove("p")); }(*world.mail));
  world.loop.spawn([](AccountMail& mail) -> io::Task<> { CHECK(co_await mail.create("p")); }(*world.mail));
  world.loop.settle();
  CHECK(world.id("p") != old);
  CHECK(world.mail->listing()->find("p")->selectable);
  CHECK(!world.mail->listing()->find(old));
  world.again();
  CHECK(world.mail->listing()->find("p")->selectable);
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("RFC 6154 3: the special use of a mailbox that was deleted is free, though its name stays") {
  Ready world;
  world.must(world.mail->create("flags", SpecialUse::flagged));
  world.must(world.mail->create("flags/below"));
  world.must(world.mail->remove("flags"));
  for (const bool restart : {false, true}) {
    if (restart) world.again();
    REQUIRE(world.mail->listing()->find("flags"));
    CHECK(!world.mail->listing()->find("flags")->selectable);
    CHECK(world.mail->listing()->find("flags")->use == SpecialUse::none);
  }
  CHECK(world.must(world.mail->create("other", SpecialUse::flagged)).use == SpecialUse::flagged);
  CHECK(world.must(world.mail->create("flags")).use == SpecialUse::none);
}

TEST_CASE("RFC 3501 2.3.2: recent messages are counted, not the UIDs above the mark") {
  Ready world;
  for (int i = 0; i < 4; ++i) world.deliver(kAlice, text(i));
  CHECK(world.mail->status(world.inbox)->recent == 4);
  world.view(world.inbox);
  world.must(world.mail->expunge(world.inbox, {{2, 3}}, ExpungeOnly::any));
  CHECK(world.mail->status(world.inbox)->recent == 2);
  CHECK(world.mail->take_recent(world.inbox) == 1);
  CHECK(world.mail->status(world.inbox)->recent == 0);
  world.must(world.mail->expunge(world.inbox, {{1, 1}}, ExpungeOnly::any));
  CHECK(world.mail->status(world.inbox)->recent == 0);
  for (int i = 4; i < 7; ++i) world.deliver(kAlice, text(i));
  world.must(world.mail->expunge(world.inbox, {{4, 5}}, ExpungeOnly::any));
  CHECK(world.mail->status(world.inbox)->recent == 2);
  CHECK(world.mail->peek_recent(world.inbox) == 5);
  world.again();
  CHECK(world.mail->status(world.inbox)->recent == 0);
}
