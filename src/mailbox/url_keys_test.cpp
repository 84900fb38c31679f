// Keys that sign URLs (RFC 4467): one a mailbox, durable, gone with it, nobody's annotation.
#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

TEST_CASE("RFC 4467 2.2: the first key of a mailbox stays its key, also after a crash") {
  Ready world;
  const MailboxId sent = world.id("Sent");
  CHECK(!world.mail->url_key(world.inbox));
  CHECK(world.must(world.mail->make_url_key(world.inbox, "one")) == "one");
  CHECK(world.must(world.mail->make_url_key(world.inbox, "two")) == "one");
  CHECK(world.must(world.mail->make_url_key(sent, "three")) == "three");
  world.mail.reset();
  world.crash();
  world.mail = world.account(kAlice);
  CHECK(world.mail->url_key(world.inbox) == "one");
  CHECK(world.mail->url_key(sent) == "three");
  CHECK(!world.mail->url_key(world.id("Drafts")));
  CHECK(verify_mail(*world.tablet)->damage.empty());
  CHECK(world.run(world.mail->make_url_key(4711, "none")).error().is(kNoMailbox));
}

TEST_CASE("RFC 4467 7: RESETKEY of one mailbox, of all, and who watches is told") {
  Ready world;
  const MailboxId sent = world.id("Sent");
  const auto watch = world.mail->watch(world.inbox, {});
  world.must(world.mail->make_url_key(world.inbox, "one"));
  world.must(world.mail->make_url_key(sent, "two"));
  (void)watch->take();
  world.must(world.mail->remove_url_keys(sent));
  CHECK(!watch->take());
  CHECK(!world.mail->url_key(sent));
  CHECK(world.mail->url_keys_removed(sent) == 1);
  CHECK(world.mail->url_keys_removed(world.inbox) == 0);
  // Of one that has none nothing is removed.
  world.must(world.mail->remove_url_keys(sent));
  CHECK(world.mail->url_keys_removed(sent) == 1);
  world.must(world.mail->remove_url_keys(std::nullopt));
  CHECK(watch->take());
  CHECK(world.mail->url_keys_removed(world.inbox) == 1);
  CHECK(world.must(world.mail->make_url_key(world.inbox, "three")) == "three");
  CHECK(world.run(world.mail->remove_url_keys(4711)).error().is(kNoMailbox));
  world.again();
  CHECK(world.mail->url_key(world.inbox) == "three");
  CHECK(!world.mail->url_key(sent));
}

TEST_CASE("a key goes with its mailbox, and is nobody's annotation") {
  Ready world;
  const MailboxId box = world.must(world.mail->create("box")).id;
  world.must(world.mail->make_url_key(box, "one"));
  world.must(world.mail->make_url_key(world.inbox, "in"));
  world.must(world.mail->rename("box", "other"));
  CHECK(world.mail->url_key(world.id("other")) == "one");
  for (const MetadataOwner owner : {kEverybody, MetadataOwner{kAlice}}) CHECK(world.mail->metadata(box, owner).empty());
  world.must(world.mail->remove("other"));
  CHECK(!world.mail->url_key(box));
  // RENAME of INBOX moves its messages: those of the new mailbox were not signed by its key.
  world.must(world.mail->rename("INBOX", "old"));
  CHECK(world.mail->url_key(world.inbox) == "in");
  CHECK(!world.mail->url_key(world.id("old")));
  world.again();
  CHECK(!world.mail->url_key(world.id("old")));
  CHECK(verify_mail(*world.tablet)->damage.empty());
}
