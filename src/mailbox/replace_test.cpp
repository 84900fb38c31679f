#include <memory>

#include "mailbox/test_world.h"
#include "store/testing.h"
#include "support/test.h"

namespace angarium::mailbox {

using namespace test;

TEST_CASE("RFC 8508 3.4: REPLACE is one batch and one MODSEQ, in one mailbox and from one to another") {
  Ready world;
  world.deliver(kAlice, text(1));
  world.deliver(kAlice, text(2));
  const EmailId old = world.view(world.inbox)->at(1).email;
  const std::uint64_t before = world.tablet->sequence();
  const AppendResult result =
      world.must(world.mail->replace(world.inbox, 1, world.inbox, {make_content(text(3)), {kDraft, {"new"}}, {}}));
  CHECK(world.tablet->sequence() == before + 1);
  CHECK(result.uids.text() == "3");
  const ViewPtr view = world.view(world.inbox);
  REQUIRE(view->size() == 2);
  CHECK(view->find(1) == nullptr);
  CHECK(view->at(2).flags() == kDraft);
  CHECK(view->at(2).modseq == result.modseq);
  CHECK(view->at(2).email != old);
  CHECK(world.octets(*world.mail, view->at(2).email) == text(3));
  CHECK(world.must(world.mail->vanished(world.inbox, result.modseq - 1, UidSet::all())).text() == "1");

  const MailboxId sent = world.id("Sent");
  CHECK(world.must(world.mail->replace(world.inbox, 3, sent, {make_content(text(4)), {}, {}})).uids.text() == "1");
  CHECK(world.view(world.inbox)->size() == 1);
  CHECK(world.view(sent)->size() == 1);
  CHECK(world.mail->quota().messages == 2);
  CHECK(verify_mail(*world.tablet)->damage.empty());
  world.again();
  CHECK(world.view(world.inbox)->at(1).uid == 2);
  CHECK(world.octets(*world.mail, world.view(world.id("Sent"))->at(1).email) == text(4));
}

TEST_CASE("RFC 8508 3.4: the quota is judged by what is left, at the limit and one past it") {
  Ready world;
  world.deliver(kAlice, text(1));
  const std::uint64_t used = world.mail->quota().octets;
  world.must(world.mail->set_quota({.octets = used, .messages = 1}));
  const std::string same = "Subject: x\r\n\r\n" + std::string(used - 14, 'x');
  CHECK(world.run(world.mail->replace(world.inbox, 1, world.inbox, {make_content(same + "x"), {}, {}}))
            .error()
            .is(kOverQuota));
  CHECK(world.view(world.inbox)->at(1).uid == 1);
  CHECK(world.must(world.mail->replace(world.inbox, 1, world.inbox, {make_content(same), {}, {}})).uids.text() == "2");
  CHECK(world.mail->quota().octets == used);
}

TEST_CASE("what is not there is not replaced, and nothing is added; nor by a keyword that is none") {
  Ready world;
  world.deliver(kAlice, text(1));
  CHECK(world.run(world.mail->replace(world.inbox, 2, world.inbox, {make_content(text(2)), {}, {}}))
            .error()
            .is(kExpunged));
  CHECK(world.run(world.mail->replace(world.inbox, 1, 999, {make_content(text(2)), {}, {}})).error().is(kNoMailbox));
  CHECK(world.run(world.mail->replace(world.inbox, 1, world.inbox, {make_content(text(2)), {0, {"a b"}}, {}}))
            .error()
            .is(kBadKeyword));
  CHECK(world.view(world.inbox)->size() == 1);
  CHECK(world.view(world.inbox)->at(1).uid == 1);
  // Of two who replace the same message one is refused.
  world.must(world.mail->replace(world.inbox, 1, world.inbox, {make_content(text(2)), {}, {}}));
  CHECK(world.run(world.mail->replace(world.inbox, 1, world.inbox, {make_content(text(3)), {}, {}}))
            .error()
            .is(kExpunged));
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("a replaced message that is in another mailbox, too, stays there") {
  Ready world;
  const Delivered precious = world.deliver(kAlice, text(1));
  world.must(world.mail->copy(world.inbox, UidSet::all(), world.id("Archive")));
  world.must(world.mail->replace(world.inbox, 1, world.inbox, {make_content(text(2)), {}, {}}));
  world.loop.advance(std::chrono::hours(2));
  world.must(world.store->tidy());
  CHECK(world.octets(*world.mail, precious.email).ends_with("body 1\r\n"));
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

}  // namespace angarium::mailbox
