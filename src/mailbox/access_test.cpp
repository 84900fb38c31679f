// Access control lists (RFC 4314): how they are changed and read, what stays, what goes with a mailbox, who is found by
// them; COPY to another account.
#include "mailbox/access.h"

#include <semaphore>

#include "mailbox/keys.h"
#include "mailbox/limits.h"
#include "mailbox/record.h"
#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

namespace {

using Sense = AccessEntry::Sense;

AccessEntry grant(std::string identifier, Rights rights) { return {std::move(identifier), Sense::grant, rights}; }
AccessEntry deny(std::string identifier, Rights rights) { return {std::move(identifier), Sense::deny, rights}; }

/// What somebody may do in a mailbox.
Rights rights(const AccountMail& mail, std::string_view mailbox, const std::vector<std::string>& identifiers) {
  const ListingPtr listing = mail.listing();
  const MailboxInfo* const info = listing->find(mailbox);
  REQUIRE(info);
  return info->access ? rights_of(*info->access, identifiers) : Rights{0};
}

}  // namespace

TEST_CASE(
    "RFC 4314 2, 3.1: rights are replaced, added and taken away; none left, none listed; denied goes before granted") {
  AccessList list = changed({}, grant("bob", kLookup | kRead), AccessChange::replace);
  list = changed(list, grant("bob", kWrite), AccessChange::add);
  list = changed(list, grant("anyone", kLookup | kPost), AccessChange::add);
  list = changed(list, deny("bob", kRead), AccessChange::replace);
  CHECK(list ==
        AccessList{grant("anyone", kLookup | kPost), grant("bob", kLookup | kRead | kWrite), deny("bob", kRead)});
  CHECK(rights_of(list, {"bob", "anyone"}) == (kLookup | kWrite | kPost));
  CHECK(rights_of(list, {"eve", "anyone"}) == (kLookup | kPost));
  CHECK(rights_of(list, {"eve"}) == 0);
  CHECK(rights_of(changed(list, deny("anyone", kPost), AccessChange::add), {"bob", "anyone"}) == (kLookup | kWrite));
  // DELETEACL of an identifier leaves what is denied to it.
  list = changed(list, grant("bob", 0), AccessChange::replace);
  CHECK(list == AccessList{grant("anyone", kLookup | kPost), deny("bob", kRead)});
  list = changed(list, grant("anyone", kAllRights), AccessChange::remove);
  CHECK(list == AccessList{deny("bob", kRead)});
  CHECK(decode_access(encode_access(list)) == list);
  CHECK(changed({}, grant("bob", kRead), AccessChange::remove).empty());
}

TEST_CASE("a list stays after a crash, and who watches the account is told of a change") {
  Ready world;
  auto watch = world.mail->watch(world.inbox, {});
  world.must(world.mail->set_access(world.inbox, grant("bob", kLookup | kRead), AccessChange::replace));
  CHECK(watch->take());
  watch.reset();
  for (const bool crashed : {false, true}) {
    if (crashed) {
      world.mail.reset();
      world.crash();
      world.mail = world.account(kAlice);
    }
    CHECK(rights(*world.mail, "INBOX", {"bob"}) == (kLookup | kRead));
    CHECK(rights(*world.mail, "Sent", {"bob"}) == 0);
  }
  world.must(world.mail->set_access(world.inbox, grant("bob", 0), AccessChange::replace));
  CHECK(!world.mail->listing()->find(kInbox)->access);
  world.again();
  CHECK(!world.mail->listing()->find(kInbox)->access);
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE(
    "RFC 4314 4: a new mailbox has the list of the one above it; one that is renamed keeps its own, a deleted one has "
    "none") {
  Ready world;
  const MailboxId top = world.must(world.mail->create("p")).id;
  world.must(world.mail->set_access(top, grant("bob", kLookup | kRead), AccessChange::replace));
  world.must(world.mail->create("p/q/r"));
  CHECK(rights(*world.mail, "p/q", {"bob"}) == (kLookup | kRead));
  CHECK(rights(*world.mail, "p/q/r", {"bob"}) == (kLookup | kRead));
  // Its own from then on.
  world.must(world.mail->set_access(top, grant("bob", kRead), AccessChange::remove));
  CHECK(rights(*world.mail, "p/q", {"bob"}) == (kLookup | kRead));
  world.must(world.mail->rename("p/q", "s"));
  CHECK(rights(*world.mail, "s/r", {"bob"}) == (kLookup | kRead));
  world.must(world.mail->remove("s"));
  CHECK(rights(*world.mail, "s", {"bob"}) == 0);
  world.must(world.mail->create("s"));
  CHECK(rights(*world.mail, "s", {"bob"}) == 0);
  world.must(world.mail->remove("s/r"));
  world.again();
  CHECK(rights(*world.mail, "s", {"bob"}) == 0);
  CHECK(rights(*world.mail, "p", {"bob"}) == kLookup);
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE(
    "accounts are found by whom they grant something, before and after they are loaded, and no longer when they do "
    "not") {
  Ready world;
  const AccountMailPtr bobs = world.account(kBob);
  using Owners = std::vector<AccountId>;
  auto sharing = [&](std::vector<std::string> identifiers) {
    return world.must(world.store->sharing(std::move(identifiers)));
  };
  CHECK(sharing({"eve", "anyone"}).empty());
  world.must(world.mail->set_access(world.inbox, grant("eve", kLookup), AccessChange::replace));
  world.must(world.mail->set_access(world.id("Sent"), deny("dave", kLookup), AccessChange::replace));
  world.must(bobs->set_access(bobs->listing()->find(kInbox)->id, grant("anyone", kLookup), AccessChange::replace));
  CHECK(sharing({"eve", "anyone"}) == Owners{kAlice, kBob});
  CHECK(sharing({"eve"}) == Owners{kAlice});
  CHECK(sharing({"dave"}).empty());
  world.mail.reset();
  world.reopen();
  // Bob's is loaded, and says what it grants now; Alice's is only read.
  const AccountMailPtr again = world.account(kBob);
  world.must(again->set_access(again->listing()->find(kInbox)->id, grant("eve", kLookup), AccessChange::replace));
  world.must(again->set_access(again->listing()->find(kInbox)->id, grant("anyone", 0), AccessChange::replace));
  CHECK(sharing({"anyone"}).empty());
  CHECK(sharing({"eve"}) == Owners{kAlice, kBob});
  world.mail = world.account(kAlice);
  const MailboxId box = world.must(world.mail->create("box")).id;
  world.must(world.mail->set_access(box, grant("dave", kLookup), AccessChange::replace));
  CHECK(sharing({"dave"}) == Owners{kAlice});
  world.must(world.mail->remove("box"));
  CHECK(sharing({"dave"}).empty());
  world.mail.reset();
  world.must(world.store->remove_account(kAlice));
  CHECK(sharing({"eve"}) == Owners{kBob});
}

TEST_CASE("limits of a list: lines and identifiers") {
  Ready world;
  for (std::size_t i = 0; i < kAccessEntriesMax; ++i)
    world.must(world.mail->set_access(world.inbox, grant(std::to_string(i), kLookup), AccessChange::replace));
  CHECK(world.run(world.mail->set_access(world.inbox, grant("one more", kLookup), AccessChange::replace))
            .error()
            .is(kTooMany));
  CHECK(world.run(world.mail->set_access(world.inbox, grant("7", kRead), AccessChange::add)));
  const MailboxId sent = world.id("Sent");
  CHECK(world.run(world.mail->set_access(sent, grant(std::string(kAccessIdentifierMax, 'i'), 1), AccessChange::add)));
  CHECK(world.run(world.mail->set_access(sent, grant(std::string(kAccessIdentifierMax + 1, 'i'), 1), AccessChange::add))
            .error()
            .is(kBadName));
  CHECK(world.run(world.mail->set_access(sent, grant("", 1), AccessChange::add)).error().is(kBadName));
  CHECK(world.run(world.mail->set_access(99, grant("bob", 1), AccessChange::add)).error().is(kNoMailbox));
  world.again();
  CHECK(rights(*world.mail, "INBOX", {"7"}) == (kLookup | kRead));
}

TEST_CASE("RFC 8474 section 5.1: a copy has the EMAILID of its source in whatever account, also when it comes back") {
  Ready world;
  const AccountMailPtr bobs = world.account(kBob);
  const MailboxId theirs = bobs->listing()->find("Archive")->id;
  world.deliver(kBob, text(9));  // so that numbers differ
  world.deliver(kAlice, text(1));
  const std::string first = email_id_text(world.must(world.mail->email(world.view(world.inbox)->at(1).email))->view());
  CHECK(!first.contains('-'));
  world.must(world.mail->copy_to(world.inbox, {{1, 1}}, bobs, theirs, {}));
  world.must(bobs->copy_to(theirs, {{1, 1}}, world.mail, world.inbox, {}));
  world.must(world.mail->copy_to(world.inbox, {{2, 2}}, bobs, theirs, {}));
  const auto told = [&](const AccountMailPtr& mail, MailboxId mailbox, std::uint32_t number) {
    const ViewPtr view = world.must(mail->view(mailbox));
    return email_id_text(world.must(mail->email(view->at(number).email))->view());
  };
  CHECK(told(world.mail, world.inbox, 2) == first);
  for (const std::uint32_t number : {1U, 2U})
    CHECK(told(bobs, theirs, number) == first + "-" + account_key_text(kAlice));
}

TEST_CASE(
    "COPY to another account: the same octets, dates and flags as new emails there, in its threads, by one batch") {
  Ready world;
  const AccountMailPtr bobs = world.account(kBob);
  const MailboxId theirs = bobs->listing()->find("Archive")->id;
  world.deliver(kBob, text(1));  // of the same thread
  world.deliver(kAlice, text(1), {{"INBOX", {.system = kSeen | kDeleted, .keywords = {"$Work"}}}});
  world.deliver(kAlice, "Subject: =?utf-8?q?gr=C3=BC?=\r\n\r\n" + std::string(200'000, 'x') + "\r\n");
  world.deliver(kAlice, text(3));
  const ViewPtr from = world.view(world.inbox);
  const CopyResult copied =
      world.must(world.mail->copy_to(world.inbox, {{1, 2}}, bobs, theirs, {.system = kSeen, .keywords = true}));
  CHECK(copied.source.text() == "1:2");
  CHECK(copied.target.text() == "1:2");
  CHECK(copied.uid_validity == bobs->listing()->find(theirs)->uid_validity);
  const ViewPtr there = world.must(bobs->view(theirs));
  REQUIRE(there->size() == 2);
  for (std::uint32_t i : {1U, 2U}) {
    CHECK(world.octets(*bobs, there->at(i).email) == world.octets(*world.mail, from->at(i).email));
    CHECK(there->at(i).date == from->at(i).date);
    CHECK(there->at(i).size == from->at(i).size);
    const EmailPtr here = world.must(world.mail->email(from->at(i).email));
    const EmailPtr copy = world.must(bobs->email(there->at(i).email));
    CHECK((*copy)->body == (*here)->body);
    CHECK((*copy)->ascii == (*here)->ascii);
    CHECK((*copy)->structure == (*here)->structure);
    CHECK((*here)->preview.has_value());
    CHECK((*copy)->preview == (*here)->preview);
    CHECK(email_id_text(copy->view()) == email_id_text(here->view()) + "-" + account_key_text(kAlice));
  }
  CHECK(there->at(1).flags() == kSeen);
  CHECK(there->keywords().name(there->keywords_of(there->at(1)).low == 0 ? 9 : 0) == "$Work");
  const ViewPtr inbox = world.must(bobs->view(bobs->listing()->find(kInbox)->id));
  CHECK((*world.must(bobs->email(there->at(1).email)))->thread ==
        (*world.must(bobs->email(inbox->at(1).email)))->thread);
  // The bodies outlive the emails they came from.
  world.must(world.mail->expunge(world.inbox, UidSet::all(), ExpungeOnly::any));
  world.loop.advance(std::chrono::hours(2));
  world.must(world.store->tidy());
  CHECK(verify_mail(*world.tablet)->damage.empty());
  CHECK(world.octets(*bobs, there->at(2).email).size() == there->at(2).size);
  // What is not there is passed over; nothing at all is no batch.
  CHECK(world.must(world.mail->copy_to(world.inbox, UidSet::all(), bobs, theirs, {})).target.empty());
}

TEST_CASE(
    "COPY to another account: its quota counts, all or nothing; an email that is erased meanwhile is not copied") {
  Ready world;
  const AccountMailPtr bobs = world.account(kBob);
  const MailboxId theirs = bobs->listing()->find("Archive")->id;
  for (int i = 1; i <= 3; ++i) world.deliver(kAlice, text(i));
  world.must(bobs->set_quota({.octets = 0, .messages = 2}));
  CHECK(world.run(world.mail->copy_to(world.inbox, UidSet::all(), bobs, theirs, {})).error().is(kOverQuota));
  CHECK(world.must(bobs->view(theirs))->empty());
  CHECK(bobs->quota().messages == 0);
  world.must(bobs->set_quota({}));
  CHECK(world.run(world.mail->copy_to(world.inbox, UidSet::all(), bobs, 99, {})).error().is(kNoMailbox));
  // The record goes behind the back of the account, as a sweep would take its body; the copy that comes next still sees
  // it, and is refused by the committer.
  struct Erased final : store::Completion {
    void completed(Result<store::CommitInfo>) noexcept override { done.release(); }
    std::binary_semaphore done{0};
  } erased;
  store::Batch batch;
  batch.erase(email_key(kAlice, world.view(world.inbox)->at(2).email));
  world.tablet->enqueue(std::move(batch), erased);
  const auto outcome = world.run(world.mail->copy_to(world.inbox, UidSet::all(), bobs, theirs, {}));
  erased.done.acquire();
  CHECK(!outcome);
  CHECK(outcome.error().is(kExpunged));
  CHECK(world.must(bobs->view(theirs))->empty());
}

TEST_CASE("a list of no mailbox, or that cannot be read, is found by verify") {
  for (const bool damaged : {false, true}) {
    Ready world;
    store::Batch batch;
    batch.put(access_key(kAlice, damaged ? world.inbox : 99), damaged ? "\x01\x05" : encode_access({grant("bob", 1)}));
    REQUIRE(world.tablet->commit_and_wait(std::move(batch)));
    CHECK(verify_mail(*world.tablet)->damage.size() == 1);
  }
}
