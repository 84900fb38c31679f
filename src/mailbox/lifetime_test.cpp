// What a mailbox and its view are to those who hold on to them.
#include <coroutine>
#include <latch>

#include "mailbox/limits.h"
#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

namespace {

/// A task that is ended where it stands when this goes.
struct Endable {
  struct promise_type {
    Endable get_return_object() { return Endable(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::abort(); }
  };
  explicit Endable(std::coroutine_handle<promise_type> frame) : handle(frame) {}
  Endable(const Endable&) = delete;
  Endable& operator=(const Endable&) = delete;
  ~Endable() { handle.destroy(); }
  std::coroutine_handle<promise_type> handle;
};
Endable begin(io::Task<> task) { co_await std::move(task); }

}  // namespace

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

TEST_CASE("however many ask for a mailbox that is not in memory, one reads it and all get the same view") {
  Ready world;
  constexpr std::size_t kMessages = kLoadOnLoopMax + 1;  // so many are read on the pool
  constexpr std::size_t kSessions = 300;                 // more than the pool lets wait
  std::vector<AppendItem> items(kMessages, {make_content(text(1)), {}, {}});
  world.must(world.mail->append(world.inbox, items));
  world.again();
  REQUIRE(!world.mail->view_now(world.inbox));
  std::vector<Result<ViewPtr>> views;
  for (std::size_t i = 0; i < kSessions; ++i)
    world.loop.spawn([](AccountMail& mail, MailboxId inbox, std::vector<Result<ViewPtr>>& seen) -> io::Task<> {
      seen.push_back(co_await mail.view(inbox));
    }(*world.mail, world.inbox, views));
  world.loop.settle();
  REQUIRE(views.size() == kSessions);
  for (const Result<ViewPtr>& view : views) {
    REQUIRE(view);
    CHECK(view->get() == views[0]->get());
  }
  CHECK((*views[0])->size() == kMessages);
}

TEST_CASE("whoever waits for another's reading of a mailbox reads it himself when that other is ended") {
  Ready world;
  std::vector<AppendItem> items(kLoadOnLoopMax + 1, {make_content(text(1)), {}, {}});
  world.must(world.mail->append(world.inbox, items));
  world.again();
  auto ask = [](AccountMail& mail, MailboxId inbox, ViewPtr& into) -> io::Task<> {
    if (auto view = co_await mail.view(inbox)) into = *std::move(view);
  };
  // The pool has something else to do until the first has ended amid its reading.
  std::latch ended(1);
  REQUIRE(world.pool.submit([&ended] { ended.wait(); }));
  ViewPtr first;
  ViewPtr second;
  world.loop.spawn([](auto& ask, Ready& world, ViewPtr& first, ViewPtr& second, std::latch& ended) -> io::Task<> {
    {
      const Endable one = begin(ask(*world.mail, world.inbox, first));
      world.loop.spawn(ask(*world.mail, world.inbox, second));
      co_await world.loop.yield();
      co_await world.loop.yield();
    }
    ended.count_down();
  }(ask, world, first, second, ended));
  world.loop.settle();
  CHECK(!first);
  REQUIRE(second);
  CHECK(second->size() == kLoadOnLoopMax + 1);
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
