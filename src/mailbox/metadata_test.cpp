// Annotations (RFC 5464): what stays, what goes with a mailbox, how much there may be, who is told.
#include "mailbox/keys.h"
#include "mailbox/limits.h"
#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

namespace {

using Item = AccountMail::MetadataItem;

Item set(MetadataOwner owner, std::string name, std::string value) {
  return {owner, {std::move(name), std::make_shared<const std::string>(std::move(value))}};
}
Item unset(MetadataOwner owner, std::string name) { return {owner, {std::move(name), nullptr}}; }

/// "name=value" of all of an owner.
std::string all_of(const AccountMail& mail, MailboxId mailbox, MetadataOwner owner) {
  std::string text;
  for (const Metadata& entry : mail.metadata(mailbox, owner)) text += entry.name + "=" + *entry.value + " ";
  return text;
}

}  // namespace

TEST_CASE("RFC 5464 3.1: annotations of mailboxes and of the account, of everybody and of one, stay after a crash") {
  Ready world;
  world.must(world.mail->set_metadata(
      world.inbox, {set(kEverybody, "/shared/comment", "ours"), set(kAlice, "/private/comment", "mine")}, 0));
  world.must(world.mail->set_metadata(world.inbox, {set(kBob, "/private/comment", "Bob's")}, 0));
  world.must(world.mail->set_metadata(0, {set(kAlice, "/private/vendor/x/y", std::string("a\0b", 3))}, 0));
  for (const bool crashed : {false, true}) {
    if (crashed) {
      world.mail.reset();
      world.crash();
      world.mail = world.account(kAlice);
    }
    CHECK(all_of(*world.mail, world.inbox, kEverybody) == "/shared/comment=ours ");
    CHECK(all_of(*world.mail, world.inbox, kAlice) == "/private/comment=mine ");
    CHECK(all_of(*world.mail, world.inbox, kBob) == "/private/comment=Bob's ");
    CHECK(all_of(*world.mail, 0, kAlice) == std::string("/private/vendor/x/y=a\0b ", 24));
    CHECK(all_of(*world.mail, 0, kEverybody).empty());
    CHECK(all_of(*world.mail, world.id("Sent"), kEverybody).empty());
  }
  world.must(
      world.mail->set_metadata(world.inbox, {unset(kAlice, "/private/comment"), unset(kAlice, "/private/none")}, 0));
  world.again();
  CHECK(all_of(*world.mail, world.inbox, kAlice).empty());
  CHECK(all_of(*world.mail, world.inbox, kBob) == "/private/comment=Bob's ");
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("RFC 5464 4.1: annotations follow a mailbox that is renamed and go with one that is deleted") {
  Ready world;
  const MailboxId box = world.must(world.mail->create("p")).id;
  world.must(world.mail->create("p/q"));
  world.must(world.mail->set_metadata(box, {set(kEverybody, "/shared/comment", "ours")}, 0));
  world.must(world.mail->rename("p", "r"));
  CHECK(all_of(*world.mail, world.id("r"), kEverybody) == "/shared/comment=ours ");
  // The name stays, as r/q is below it: without what was said of the mailbox. The name may have some of its own.
  world.must(world.mail->remove("r"));
  CHECK(all_of(*world.mail, world.id("r"), kEverybody).empty());
  world.must(world.mail->set_metadata(world.id("r"), {set(kEverybody, "/shared/comment", "a name")}, 0));
  CHECK(all_of(*world.mail, world.id("r"), kEverybody) == "/shared/comment=a name ");
  world.must(world.mail->create("r"));
  CHECK(all_of(*world.mail, world.id("r"), kEverybody).empty());
  world.must(world.mail->set_metadata(world.id("r/q"), {set(kBob, "/private/comment", "mine")}, 0));
  world.must(world.mail->remove("r/q"));
  world.must(world.mail->create("r/q"));
  CHECK(all_of(*world.mail, world.id("r/q"), kBob).empty());
  CHECK(
      world.run(world.mail->set_metadata(box, {set(kEverybody, "/shared/comment", "late")}, 0)).error().is(kNoMailbox));
  world.again();
  CHECK(all_of(*world.mail, world.id("r"), kEverybody).empty());
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("RFC 5464 4.1: RENAME of INBOX copies its annotations") {
  Ready world;
  world.must(
      world.mail->set_metadata(world.inbox, {set(kEverybody, "/shared/comment", "ours"), set(kBob, "/p", "B")}, 0));
  world.must(world.mail->rename("INBOX", "old"));
  for (const bool restart : {false, true}) {
    if (restart) world.again();
    for (const char* const name : {"INBOX", "old"}) {
      CHECK(all_of(*world.mail, world.id(name), kEverybody) == "/shared/comment=ours ");
      CHECK(all_of(*world.mail, world.id(name), kBob) == "/p=B ");
    }
  }
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("limits of annotations: length, name, number, octets of one owner; a refused one changes nothing") {
  Ready world;
  auto put = [&](MailboxId mailbox, std::vector<Item> items) {
    return world.run(world.mail->set_metadata(mailbox, std::move(items), 0));
  };
  const std::string longest(kMetadataValueMax, 'v');
  CHECK(put(world.inbox, {set(kEverybody, "/shared/a", longest)}));
  CHECK(put(world.inbox, {set(kEverybody, "/shared/b", "b"), set(kEverybody, "/shared/c", longest + "v")})
            .error()
            .is(kMetadataTooLong));
  CHECK(all_of(*world.mail, world.inbox, kEverybody) == "/shared/a=" + longest + " ");
  CHECK(put(world.inbox, {set(kEverybody, std::string(kMetadataNameMax, 'n'), "")}));
  CHECK(put(world.inbox, {set(kEverybody, std::string(kMetadataNameMax + 1, 'n'), "")}).error().is(kBadName));
  CHECK(put(world.inbox, {set(kEverybody, "", "")}).error().is(kBadName));

  const MailboxId sent = world.id("Sent");
  std::vector<Item> many;
  for (std::size_t i = 0; i < kMetadataEntriesMax; ++i) many.push_back(set(kAlice, std::to_string(i), "v"));
  CHECK(put(sent, many));
  CHECK(put(sent, {set(kAlice, "one more", "v")}).error().is(kMetadataTooMany));
  // The others have room of their own, here and there; what is there may be changed, or exchanged for another.
  CHECK(put(sent, {set(kBob, "one more", "v"), set(kEverybody, "one more", "v")}));
  CHECK(put(world.inbox, {set(kAlice, "one more", "v")}));
  CHECK(put(sent, {set(kAlice, "1", "w")}));
  CHECK(put(sent, {unset(kAlice, "1"), set(kAlice, "one more", "v")}));

  const std::size_t fitting = kMetadataOctetsMax / kMetadataValueMax - 1;
  for (std::size_t i = 0; i < fitting; ++i) CHECK(put(0, {set(kBob, std::to_string(i), longest)}));
  // What is left for one more, its name counted.
  std::size_t used = std::string("one more").size() + 1;
  for (std::size_t i = 0; i < fitting; ++i) used += longest.size() + std::to_string(i).size();
  const std::string rest(kMetadataOctetsMax - used - 2, 'r');
  CHECK(put(0, {set(kBob, "zz", rest + "r")}).error().is(kMetadataTooMany));
  CHECK(put(0, {set(kBob, "zz", rest)}));
  CHECK(put(world.inbox, {set(kBob, "z", "")}).error().is(kMetadataTooMany));
  CHECK(put(world.inbox, {set(kAlice, "z", "")}));
}

TEST_CASE("RFC 5464 4.4: what was changed is told once, with its author, and wakes who watches the account") {
  Ready world;
  const std::uint64_t before = world.mail->metadata_seen();
  auto watch = world.mail->watch(0, {});
  auto elsewhere = world.mail->watch(world.inbox, {});
  world.must(world.mail->set_metadata(world.inbox, {set(kEverybody, "/shared/a", "1"), unset(kBob, "/private/b")}, 7));
  CHECK(watch->take());
  CHECK(!elsewhere->take());
  const MetadataNews news = world.mail->metadata_news(before);
  REQUIRE(news.changes.size() == 2);
  CHECK(news.changes[0].name == "/shared/a");
  CHECK(news.changes[0].author == 7);
  CHECK(news.changes[1].owner == kBob);
  CHECK(world.mail->metadata_news(news.seen).changes.empty());
  for (std::size_t i = 0; i <= kMetadataNewsMax; ++i)
    world.must(world.mail->set_metadata(0, {set(kAlice, "/private/x", std::to_string(i))}, 7));
  CHECK(world.mail->metadata_news(before).changes.size() == kMetadataNewsMax);
  CHECK(world.mail->metadata_news(before).changes.front().name == "/private/x");
}

TEST_CASE("an annotation of no mailbox is found by verify, and its account does not load") {
  Ready world;
  store::Batch batch;
  batch.put(metadata_key(kAlice, 99, kEverybody, "/shared/a"), "v");
  REQUIRE(world.tablet->commit_and_wait(std::move(batch)));
  CHECK(verify_mail(*world.tablet)->damage.size() == 1);
  world.mail.reset();
  world.reopen();
  CHECK(!world.run(world.store->account(kAlice)));
}
