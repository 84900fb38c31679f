// Commands on more messages than one batch takes (limits.h: kBatchMessagesMax).
#include <latch>

#include "mailbox/limits.h"
#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

namespace {

struct Large : Ready {
  using Ready::view;
  ViewPtr view(std::string_view name) { return view(id(name)); }
  /// Copies what is in a mailbox into it again until it holds at least so many.
  void fill(std::string_view name, std::uint32_t count) {
    if (view(name)->empty()) deliver(kAlice, "Subject: one of many\r\n\r\nbody\r\n", {{std::string(name), {}}});
    while (view(name)->size() < count) {
      const std::uint32_t more = std::min({view(name)->size(), count - view(name)->size(), 50'000U});
      must(mail->copy(id(name), {{1, more}}, id(name)));
    }
  }
  static UidSet every_other(Uid last) {
    UidSet set;
    for (Uid uid = 1; uid <= last; uid += 2) set.add(uid);
    return set;
  }
  void check_same_after_restart() {
    CHECK(verify_mail(*tablet)->damage.empty());
    again();
  }
};

/// Holds the store's committer from its batch on.
struct Gate : store::Completion {
  void completed(Result<store::CommitInfo> result) noexcept override {
    good = result.has_value();
    opened.wait();
  }
  bool good = false;
  std::latch opened{1};
};

}  // namespace

TEST_CASE("MOVE of more messages than a batch takes moves all of them, whatever UIDs they get") {
  Large world;
  constexpr std::uint32_t kCount = kBatchMessagesMax + 10'000;
  world.fill("INBOX", kCount);
  // The target's next UIDs are among those that are still to be moved.
  world.fill("Archive", kBatchMessagesMax + 4'999);
  const CopyResult moved = world.must(world.mail->move(world.id("INBOX"), UidSet::all(), world.id("Archive")));
  CHECK(moved.source == UidSet{{1, kCount}});
  CHECK(moved.target == UidSet{{kBatchMessagesMax + 5'000, kBatchMessagesMax + 4'999 + kCount}});
  CHECK(world.view("INBOX")->empty());
  // Into the mailbox they are in: each once.
  const CopyResult again = world.must(world.mail->move(world.id("Archive"), UidSet::all(), world.id("Archive")));
  CHECK(again.source.count() == kCount + kBatchMessagesMax + 4'999);
  world.check_same_after_restart();
  CHECK(world.view("INBOX")->empty());
  CHECK(world.view("Archive")->size() == kCount + kBatchMessagesMax + 4'999);
}

TEST_CASE("RFC 9051 6.4.7: COPY of more messages than a batch takes copies each once, or none at all") {
  Large world;
  constexpr std::uint32_t kCount = kBatchMessagesMax + 10'000;
  world.fill("INBOX", kCount);
  const CopyResult copied = world.must(world.mail->copy(world.id("INBOX"), UidSet::all(), world.id("Archive")));
  CHECK(copied.source == UidSet{{1, kCount}});
  CHECK(copied.target == UidSet{{1, kCount}});
  CHECK(world.view("INBOX")->size() == kCount);
  // Into the mailbox they are in: each once.
  const CopyResult again = world.must(world.mail->copy(world.id("INBOX"), UidSet::all(), world.id("INBOX")));
  CHECK(again.target == UidSet{{kCount + 1, 2 * kCount}});
  CHECK(world.view("INBOX")->size() == 2 * kCount);
  // Room for the first batch, but not for all.
  world.must(world.mail->set_quota({.octets = 0, .messages = 3 * kCount + kBatchMessagesMax}));
  CHECK(world.run(world.mail->copy(world.id("Archive"), UidSet::all(), world.id("Trash"))).error().is(kOverQuota));
  CHECK(world.view("Trash")->empty());
  world.check_same_after_restart();
  CHECK(world.view("Archive")->size() == kCount);
  CHECK(world.mail->quota().messages == 3 * kCount);
}

TEST_CASE("RFC 9051 6.4.7: a COPY that is refused in a later batch leaves the target as it was") {
  Large world;
  constexpr std::uint32_t kCount = kBatchMessagesMax + 10'000;
  world.fill("INBOX", kCount);
  std::optional<Result<CopyResult>> copied;
  // When the first batch has been judged, and before the second is, the quota becomes smaller.
  Gate gate;
  store::Batch batch;
  batch.put("zz", "");
  world.tablet->enqueue(std::move(batch), gate);
  world.loop.spawn([](Large& self) -> io::Task<> {
    (void)co_await self.mail->set_quota({.octets = 0, .messages = kCount + kBatchMessagesMax});
  }(world));
  world.loop.spawn([](Large& self, std::optional<Result<CopyResult>>& outcome) -> io::Task<> {
    outcome.emplace(co_await self.mail->copy(self.id("INBOX"), UidSet::all(), self.id("Trash")));
  }(world, copied));
  world.loop.spawn([](Gate& open) -> io::Task<> {
    open.opened.count_down();
    co_return;
  }(gate));
  world.loop.settle();
  CHECK(gate.good);
  REQUIRE(copied);
  REQUIRE_FALSE(copied->has_value());
  CHECK(copied->error().is(kOverQuota));
  CHECK(world.view("Trash")->empty());
  CHECK(world.view("INBOX")->size() == kCount);
  CHECK(world.mail->quota().messages == kCount);
  // Its UIDs are spent (RFC 9051 §2.3.1.1).
  CHECK(world.must(world.mail->copy(world.id("INBOX"), {{1, 1}}, world.id("Trash"))).target ==
        UidSet{{kBatchMessagesMax + 1, kBatchMessagesMax + 1}});
  world.check_same_after_restart();
  CHECK(world.view("Trash")->size() == 1);
}

TEST_CASE("STORE and EXPUNGE of more messages than a batch takes leave none out and touch no other") {
  Large world;
  constexpr std::uint32_t kCount = 2 * kBatchMessagesMax + 2'000;
  world.fill("INBOX", kCount);
  const MailboxId inbox = world.id("INBOX");
  const Modseq before = world.must(world.mail->change_flags(inbox, {{3, 3}}, {FlagMode::add, {kSeen, {}}})).modseq;
  const UidSet odd = Large::every_other(kCount);
  // Those that failed UNCHANGEDSINCE are all named, and what the command changed itself does not fail it.
  const FlagResult stored = world.must(
      world.mail->change_flags(inbox, odd, {FlagMode::add, {kDeleted, {"gone"}}}, {.unchanged_since = before - 1}));
  CHECK(stored.modified == UidSet{{3, 3}});
  CHECK(stored.changed == difference(odd, {{3, 3}}));
  CHECK(world.view("INBOX")->tally().deleted == kCount / 2 - 1);
  const ExpungeResult expunged = world.must(world.mail->expunge(inbox, UidSet::all(), ExpungeOnly::deleted));
  CHECK(expunged.expunged == stored.changed);
  world.check_same_after_restart();
  const ViewPtr left = world.view("INBOX");
  CHECK(left->size() == kCount / 2 + 1);
  CHECK(left->uids() == difference({{1, kCount}}, stored.changed));
  CHECK(left->tally().deleted == 0);
  // Who was away since before is told of every one (RFC 7162 §3.2.6).
  CHECK(world.must(world.mail->vanished(inbox, before, {{1, kCount}})) == stored.changed);
}

TEST_CASE("RENAME INBOX and DELETE of more messages than a batch takes leave none behind") {
  Large world;
  constexpr std::uint32_t kCount = kBatchMessagesMax + 10'000;
  world.fill("INBOX", kCount);
  world.must(world.mail->rename("INBOX", "old"));
  CHECK(world.view("INBOX")->empty());
  CHECK(world.view("old")->size() == kCount);
  world.fill("old", 4 * kBatchMessagesMax + 1);
  world.must(world.mail->remove("old"));
  CHECK(!world.mail->listing()->find("old"));
  CHECK(world.mail->quota().messages == 0);
  world.check_same_after_restart();
  CHECK(world.mail->quota().messages == 0);
}
