// Many loops, each on its own thread, on one account: for the thread sanitizer as much as for the outcome.
#include <atomic>
#include <latch>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using angarium::mailbox::test::World;

namespace {

constexpr AccountId kAccount = 5;
constexpr int kThreads = 4;
constexpr int kRounds = 40;

struct Seen {
  std::set<Uid> delivered;
  std::set<Uid> expunged;
  std::string failure;
};

io::Task<Result<>> work(MailboxStore& store, int number, Seen& seen) {
  const AccountMailPtr mail = CO_TRY(co_await store.account(kAccount));
  const MailboxId inbox = mail->listing()->find("INBOX")->id;
  const MailboxId archive = mail->listing()->find("Archive")->id;
  std::atomic<int> woken{0};
  const auto watch = mail->watch(inbox, [&] { ++woken; });
  ViewPtr told = CO_TRY(co_await mail->view(inbox));
  Modseq modseq = 0;
  for (int round = 0; round < kRounds; ++round) {
    Delivery delivery;
    delivery.content =
        make_content("Message-ID: <" + std::to_string(number) + "." + std::to_string(round) + "@t>\r\n\r\nbody\r\n");
    delivery.recipients.push_back({.account = kAccount});
    auto results = CO_TRY(co_await store.deliver(std::move(delivery)));
    const Delivered delivered = CO_TRY(std::move(results[0]));
    seen.delivered.insert(delivered.uid);
    if (!watch->take()) co_return fail(kBroken, "a watch was not told of a delivery");
    const ViewPtr now = CO_TRY(co_await mail->view(inbox));
    if (now->numbers().highest_modseq < modseq) co_return fail(kBroken, "HIGHESTMODSEQ went back");
    modseq = now->numbers().highest_modseq;
    if (!now->find(delivered.uid)) co_return fail(kBroken, "an acknowledged delivery is not visible");
    (void)difference(*told, *now);
    told = now;
    CO_TRY(co_await mail->change_flags(inbox, UidSet::all(), {FlagMode::add, {kSeen, {"w" + std::to_string(number)}}},
                                       {}));
    if (round % 4 == 0) {
      auto gone = CO_TRY(co_await mail->expunge(inbox, {{delivered.uid, delivered.uid}}, ExpungeOnly::any));
      if (gone.expunged.count() == 1) seen.expunged.insert(delivered.uid);
    }
    if (round % 5 == 0) CO_TRY(co_await mail->copy(inbox, {{delivered.uid, delivered.uid}}, archive));
    const EmailPtr email = CO_TRY(co_await mail->email(delivered.email));
    if (CO_TRY(co_await mail->read(email, 0, 1000)).size() != (*email)->size)
      co_return fail(kBroken, "a body is short");
  }
  co_return Result<>();
}

io::Task<> run_work(MailboxStore& store, int number, Seen& seen) {
  auto outcome = co_await work(store, number, seen);
  if (!outcome) seen.failure = outcome.error().text();
}

/// Lets the loops end, however the test goes.
struct Release {
  explicit Release(std::latch& held) : latch(held) {}
  Release(const Release&) = delete;
  Release& operator=(const Release&) = delete;
  ~Release() { latch.count_down(); }
  std::latch& latch;
};

}  // namespace

TEST_CASE("loops on several threads change one account at once: no UID twice, nothing acknowledged is missing") {
  World world;
  world.must(world.store->create_account(kAccount, {}));
  std::vector<Seen> seen(kThreads);
  // The loops end after the committer that answered them (io/loop.h).
  std::latch committer_ended(1);
  std::latch settled(kThreads);
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      io::SimulatedLoop loop;
      loop.spawn(run_work(*world.store, i, seen[static_cast<std::size_t>(i)]));
      loop.settle();
      if (loop.tasks() != 0) seen[static_cast<std::size_t>(i)].failure = "a task did not end";
      settled.count_down();
      committer_ended.wait();
    });
  std::optional<Release> release(committer_ended);
  settled.wait();
  std::set<Uid> delivered;
  std::size_t expunged = 0;
  for (const Seen& one : seen) {
    CHECK_MESSAGE(one.failure.empty(), one.failure);
    for (const Uid uid : one.delivered)
      CHECK_MESSAGE(delivered.insert(uid).second, "UID " << uid << " was given twice");
    expunged += one.expunged.size();
  }
  CHECK(delivered.size() == kThreads * kRounds);
  for (int round = 0; round < 2; ++round) {
    const AccountMailPtr mail = world.account(kAccount);
    const ViewPtr view = world.must(mail->view(mail->listing()->find("INBOX")->id));
    CHECK(view->size() == delivered.size() - expunged);
    CHECK(view->tally().unseen == mail->status(view->numbers().mailbox)->unseen);
    auto report = verify_mail(*world.tablet).value();
    CHECK_MESSAGE(report.damage.empty(), (report.damage.empty() ? "" : report.damage[0]));
    if (round != 0) break;
    world.crash();
    release.reset();
  }
}
