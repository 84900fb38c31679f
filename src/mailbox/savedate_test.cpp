#include "mailbox/test_world.h"
#include "support/test.h"

namespace angarium::mailbox {

using namespace test;

TEST_CASE("RFC 8514 3: each way into a mailbox is dated by now, and STORE and a new start do not change it") {
  Ready world;
  const std::int64_t first = world.loop.clock().wall().seconds();
  world.deliver(kAlice, text(1));
  world.must(world.mail->append(world.inbox, {{make_content(text(2)), {}, WallTime::from_seconds(1000)}}));
  world.loop.advance(std::chrono::hours(1));
  const std::int64_t second = first + 3600;
  const MailboxId archive = world.id("Archive");
  const MailboxId trash = world.id("Trash");
  world.must(world.mail->copy(world.inbox, {{2, 2}}, archive));
  world.must(world.mail->replace(world.inbox, 1, archive, {make_content(text(3)), {}, WallTime::from_seconds(1000)}));
  world.loop.advance(std::chrono::hours(1));
  world.must(world.mail->move(archive, {{1, 1}}, trash));
  world.must(world.mail->change_flags(archive, UidSet::all(), flags(FlagMode::add, kFlagged)));
  for (int i = 0; i < 2; ++i) {
    const auto saved = [&](MailboxId mailbox, Uid uid) {
      const ViewPtr view = world.view(mailbox);
      return view->saved_of(*view->find(uid));
    };
    CHECK(saved(world.inbox, 2) == first);
    CHECK(world.view(world.inbox)->find(2)->date == 1000);
    CHECK(saved(archive, 2) == second);
    CHECK(saved(trash, 1) == second + 3600);
    CHECK(verify_mail(*world.tablet)->damage.empty());
    world.again();
  }
}

TEST_CASE(
    "RFC 8970: a preview is stored with what is delivered, also of a large message, and of what is not ready none") {
  Ready world;
  const Delivered plain = world.deliver(kAlice, "Subject: a\r\n\r\nHello\r\nthere\r\n");
  CHECK(world.must(world.mail->email(plain.email))->view().preview == "Hello there");
  const Delivered page =
      world.deliver(kAlice,
                    "Content-Type: text/html; charset=iso-8859-1\r\n\r\n<style>p{}</style><p>Gr\xFC\xDF"
                    "e<br>all</p>\r\n");
  CHECK(world.must(world.mail->email(page.email))->view().preview ==
        "Gr\u00FC\u00DF"
        "e all");
  auto intake = world.store->intake(Arrival::ordinary);
  const auto take = [&]() -> io::Task<Result<ContentPtr>> {
    CO_TRY(
        intake->append("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nThe text\r\n--b\r\n"
                       "Content-Type: application/octet-stream\r\n\r\n"));
    for (int i = 0; i < 100; ++i) {
      CO_TRY(intake->append(std::string(10'000, 'x') + "\r\n"));
      if (intake->full()) CO_TRY(co_await intake->drain());
    }
    CO_TRY(intake->append("--b--\r\n"));
    co_return co_await intake->finish();
  };
  const ContentPtr content = world.must(take());
  intake.reset();  // before the store it streamed to
  CHECK(content->octets == nullptr);
  CHECK(content->facts.preview == "The text");
  world.must(world.mail->append(world.inbox, {{content, {}, {}}}));
  world.again();
  const ViewPtr view = world.view(world.inbox);
  CHECK(world.must(world.mail->email(view->at(3).email))->view().preview == "The text");
}

}  // namespace angarium::mailbox
