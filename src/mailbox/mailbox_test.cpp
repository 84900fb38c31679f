#include "mailbox/mailbox.h"

#include <algorithm>

#include "base/text.h"

#include "mailbox/limits.h"
#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

namespace {

using namespace std::string_literals;

}  // namespace

TEST_CASE("a new account has INBOX and the special mailboxes, subscribed; making it again changes nothing") {
  Ready world;
  std::string names;
  for (const MailboxInfo& info : world.mail->listing()->mailboxes) names += info.name + " ";
  CHECK(names == "INBOX Archive Drafts Junk Sent Trash ");
  CHECK(world.mail->listing()->find(SpecialUse::junk)->name == "Junk");
  CHECK(world.mail->listing()->subscribed("Trash"));
  world.deliver(kAlice, text(1));
  world.must(world.store->create_account(kAlice, {}));
  CHECK(world.view(world.inbox)->size() == 1);
  auto nobody = world.run(world.store->account(99));
  REQUIRE(!nobody);
  CHECK(nobody.error().is(kNoMailbox));
}

TEST_CASE("a delivered message is there at once and after a new start: octets, size, date, UID") {
  Ready world;
  const Delivered delivered = world.deliver(kAlice, text(1));
  CHECK(delivered.uid == 1);
  for (int round = 0; round < 2; ++round) {
    const ViewPtr view = world.view(world.inbox);
    REQUIRE(view->size() == 1);
    const Entry& entry = view->at(1);
    CHECK(entry.email == delivered.email);
    CHECK(entry.date == 1'700'000'000);
    CHECK(world.octets(*world.mail, entry.email) == "Return-Path: <a@b>\r\n" + text(1));
    CHECK(entry.size == text(1).size() + 20);
    CHECK(world.mail->status(world.inbox)->unseen == 1);
    world.again();
  }
}

TEST_CASE("one accept for several accounts is one batch and stores the body once") {
  Ready world;
  const std::uint64_t before = world.tablet->sequence();
  Delivery delivery;
  delivery.content = make_content(text(7));
  delivery.recipients = {
      {.account = kAlice, .prepended = "Delivered-To: alice\r\n"},
      {.account = 42},
      {.account = kBob, .prepended = "Delivered-To: bob\r\n", .targets = {{"Archive"}, {"No such"}}}};
  delivery.also.put("other room", "record");
  auto results = world.must(world.store->deliver(std::move(delivery)));
  CHECK(world.tablet->sequence() == before + 1);
  REQUIRE(results.size() == 3);
  CHECK(results[1].error().is(kNoMailbox));
  CHECK(world.tablet->get("other room").value() == "record");
  auto bob = world.account(kBob);
  const EmailPtr a = world.must(world.mail->email(results[0]->email));
  const EmailPtr b = world.must(bob->email(results[2]->email));
  CHECK((*a)->body == (*b)->body);
  CHECK(world.octets(*bob, (*b)->id) == "Delivered-To: bob\r\n" + text(7));
  // Both targets, the unknown one as INBOX, hold the same email.
  CHECK(world.must(bob->view(bob->listing()->find("INBOX")->id))->at(1).email == results[2]->email);
  CHECK(world.must(bob->view(results[2]->mailbox))->at(1).email == results[2]->email);
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("octets are read in any cut across prepended fields and body") {
  Ready world;
  const Delivered delivered =
      world.deliver(kAlice, text(1) + "bare\nLF and NUL \0"s + std::string(200'000, 'x') + "\rend");
  const EmailPtr email = world.must(world.mail->email(delivered.email));
  const std::string all = world.octets(*world.mail, delivered.email);
  CHECK(all.find('\0') == std::string::npos);
  CHECK(all.find("bare\r\nLF") != std::string::npos);
  CHECK(all.ends_with("x end"));
  for (std::uint64_t offset = 0; offset < all.size() + 10; offset += 777)
    for (const std::size_t length : {0, 1, 19, 21, 70'000})
      CHECK(world.must(world.mail->read(email, offset, length)) ==
            (offset < all.size() ? all.substr(offset, length) : ""));
  CHECK(world.must(world.mail->read_stored(email, 0, SIZE_MAX / 2)).ends_with("\rend"));
  CHECK(world.mail->read_now(*email, 0, 10).value() == all.substr(0, 10));
}

TEST_CASE("STORE: replace, add, remove; one MODSEQ a command; UNCHANGEDSINCE; nothing changed takes no MODSEQ") {
  Ready world;
  for (int i = 0; i < 3; ++i) world.deliver(kAlice, text(i));
  const Modseq start = world.mail->modseq();
  auto first = world.must(world.mail->change_flags(world.inbox, {{1, 2}}, flags(FlagMode::add, kSeen, {"$Work"})));
  CHECK(first.modseq == start + 1);
  CHECK(first.changed.text() == "1:2");
  auto again = world.must(world.mail->change_flags(world.inbox, {{1, 2}}, flags(FlagMode::add, kSeen)));
  CHECK(again.modseq == 0);
  CHECK(again.changed.empty());
  CHECK(world.mail->modseq() == start + 1);
  auto guarded = world.must(world.mail->change_flags(
      world.inbox, UidSet::all(), flags(FlagMode::replace, kFlagged, {"$work"}), {.unchanged_since = start}));
  CHECK(guarded.changed.text() == "3");
  CHECK(guarded.modified.text() == "1:2");
  world.again();
  const ViewPtr view = world.view(world.inbox);
  CHECK(view->at(1).flags() == kSeen);
  CHECK(view->at(3).flags() == kFlagged);
  CHECK(view->at(3).modseq == guarded.modseq);
  CHECK(view->keywords().names() == std::vector<std::string>{"$Work"});
  CHECK(view->keywords_of(view->at(3)).contains(0));
  CHECK(world.mail->status(world.inbox)->unseen == 1);
  auto removed =
      world.must(world.mail->change_flags(world.inbox, {{1, 1}}, flags(FlagMode::remove, 0, {"$work", "unknown"})));
  CHECK(removed.changed.text() == "1");
  CHECK(world.run(world.mail->change_flags(world.inbox, {{1, 1}}, flags(FlagMode::add, 0, {"no atom"})))
            .error()
            .is(kBadKeyword));
}

TEST_CASE("messages without octets, without a line end, and of one octet are kept as they are") {
  Ready world;
  for (const std::string& octets : {""s, "x"s, "\r\n"s, "Subject: only a header"s}) {
    auto appended = world.must(world.mail->append(world.inbox, {{make_content(octets), {}, {}}}));
    world.again();
    const Entry& entry = *world.view(world.inbox)->find(appended.uids.ranges()[0].first);
    CHECK(entry.size == octets.size());
    CHECK(world.octets(*world.mail, entry.email) == octets);
  }
}

TEST_CASE("keywords: at the limit of a mailbox, and one past it") {
  Ready world;
  world.deliver(kAlice, text(1));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kKeywordsMax; ++i) names.push_back("k" + std::to_string(i));
  world.must(world.mail->change_flags(world.inbox, {{1, 1}}, flags(FlagMode::add, 0, names)));
  CHECK(world.run(world.mail->change_flags(world.inbox, {{1, 1}}, flags(FlagMode::add, 0, {"more"})))
            .error()
            .is(kTooMany));
  world.again();
  std::size_t count = 0;
  const ViewPtr view = world.view(world.inbox);
  view->keywords_of(view->at(1)).for_each([&](std::uint16_t) { ++count; });
  CHECK(count == kKeywordsMax);
}

TEST_CASE("expunged mail stays readable for an hour to who still has it in a view, then it is gone") {
  Ready world;
  for (int i = 0; i < 3; ++i) world.deliver(kAlice, text(i));
  const ViewPtr old = world.view(world.inbox);
  world.must(world.mail->change_flags(world.inbox, {{2, 3}}, flags(FlagMode::add, kDeleted)));
  auto some = world.must(world.mail->expunge(world.inbox, {{1, 2}}, ExpungeOnly::deleted));
  CHECK(some.expunged.text() == "2");
  const ViewPtr now = world.view(world.inbox);
  CHECK(difference(*old, *now).expunged.text() == "2");
  CHECK(world.octets(*world.mail, old->at(2).email).ends_with(text(1)));
  world.loop.advance(std::chrono::seconds(kGraveSeconds - 1));
  world.must(world.store->tidy());
  CHECK(world.octets(*world.mail, old->at(2).email).ends_with(text(1)));
  world.loop.advance(std::chrono::seconds(2));
  world.must(world.store->tidy());
  CHECK(world.run(world.mail->email(old->at(2).email)).error().is(kExpunged));
  CHECK(world.octets(*world.mail, old->at(3).email).ends_with(text(2)));
  auto report = verify_mail(*world.tablet).value();
  CHECK(report.damage.empty());
  CHECK(report.emails == 2);
}

TEST_CASE("COPY shares the email, MOVE keeps it; the last one out ends it") {
  Ready world;
  world.deliver(kAlice, text(1));
  world.must(world.mail->change_flags(world.inbox, {{1, 1}}, flags(FlagMode::add, kFlagged, {"first", "second"})));
  const MailboxId archive = world.id("Archive");
  world.must(world.mail->append(archive, {{make_content(text(2)), {0, {"second"}}, {}}}));
  auto copied = world.must(world.mail->copy(world.inbox, UidSet::all(), archive));
  CHECK(copied.source.text() == "1");
  CHECK(copied.target.text() == "2");
  const ViewPtr view = world.view(archive);
  const EmailId email = world.view(world.inbox)->at(1).email;
  CHECK(view->at(2).email == email);
  CHECK(view->at(2).flags() == kFlagged);
  // The keywords keep their names though the tables differ.
  std::string names;
  view->keywords_of(view->at(2)).for_each([&](std::uint16_t i) { names += view->keywords().name(i) + " "; });
  CHECK(names == "second first ");
  CHECK(world.mail->quota().messages == 3);
  auto moved = world.must(world.mail->move(world.inbox, UidSet::all(), world.id("Trash")));
  CHECK(world.view(world.inbox)->empty());
  CHECK(verify_mail(*world.tablet)->damage.empty());
  world.again();
  world.must(world.mail->expunge(world.id("Trash"), UidSet::all(), ExpungeOnly::any));
  world.loop.advance(std::chrono::seconds(kGraveSeconds + 1));
  world.must(world.store->tidy());
  CHECK(world.octets(*world.mail, email).ends_with(text(1)));
  world.must(world.mail->expunge(archive, UidSet::all(), ExpungeOnly::any));
  world.loop.advance(std::chrono::seconds(kGraveSeconds + 1));
  world.must(world.store->tidy());
  CHECK(world.run(world.mail->email(email)).error().is(kExpunged));
  CHECK(verify_mail(*world.tablet)->emails == 0);
  CHECK(world.mail->quota().octets == 0);
}

TEST_CASE("MOVE within a mailbox gives new UIDs, COPY within it doubles") {
  Ready world;
  for (int i = 0; i < 3; ++i) world.deliver(kAlice, text(i));
  world.must(world.mail->move(world.inbox, {{1, 2}}, world.inbox));
  CHECK(world.view(world.inbox)->uids().text() == "3:5");
  world.must(world.mail->copy(world.inbox, {{3, 3}}, world.inbox));
  CHECK(world.view(world.inbox)->uids().text() == "3:6");
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("RFC 3502: MULTIAPPEND is one batch and one MODSEQ, also beyond the bodies of a batch") {
  Ready world;
  constexpr int kMessages = store::kBatchBodiesMax + 6;
  std::vector<AppendItem> items;
  for (int i = 0; i < kMessages; ++i)
    items.push_back(
        {make_content(text(i)), {i % 2 ? kSeen : SystemFlags{0}, {}}, WallTime::from_seconds(1000 + i), 60});
  const std::uint64_t before = world.tablet->sequence();
  auto appended = world.must(world.mail->append(world.inbox, items));
  CHECK(world.tablet->sequence() == before + 1);
  CHECK(appended.uids.text() == "1:" + std::to_string(kMessages));
  const ViewPtr view = world.view(world.inbox);
  CHECK(view->at(70).date == 1069);
  CHECK(view->at(70).zone_minutes() == 60);
  CHECK(view->at(70).modseq == view->at(1).modseq);
  for (const int sequence : {1, kMessages - 6, kMessages - 5, kMessages})
    CHECK(world.octets(*world.mail, view->at(static_cast<std::uint32_t>(sequence)).email) == text(sequence - 1));
}

TEST_CASE("MULTIAPPEND: what fits a batch is written with it; only what is beyond its bodies or octets goes aside") {
  struct Case {
    std::size_t messages, octets;
    bool aside;
  };
  constexpr std::size_t kLarge = store::kBatchOctetsMax / store::kGroupBodyMax;
  for (const Case& one : {Case{store::kBatchBodiesMax, 100, false}, Case{store::kBatchBodiesMax + 1, 100, true},
                          Case{kLarge, store::kGroupBodyMax, false}, Case{kLarge + 1, store::kGroupBodyMax, true}}) {
    CAPTURE(one.messages);
    Ready world;
    const ContentPtr content = make_content("Subject: x\r\n\r\n" + std::string(one.octets - 14, 'x'));
    REQUIRE(content->octets->size() == one.octets);
    world.must(world.mail->append(world.inbox, std::vector<AppendItem>(one.messages, {content, {}, {}})));
    const ViewPtr view = world.view(world.inbox);
    const auto segment = [&](std::size_t number) {
      return (*world.must(world.mail->email(view->at(static_cast<std::uint32_t>(number)).email)))->body.segment;
    };
    CHECK((segment(1) != segment(one.messages)) == one.aside);
    CHECK(segment(1) == segment(one.messages - 1));
  }
}

TEST_CASE(
    "quota: at the limit and one past it, for append, copy and delivery; one SMTP recipient may go over by a message") {
  Ready world;
  const std::uint64_t size = text(1).size();
  world.must(world.mail->set_quota({.octets = 2 * size, .messages = 3}));
  CHECK(world.mail->may_accept(2 * size));
  CHECK(!world.mail->may_accept(2 * size + 1));
  world.must(world.mail->append(world.inbox, {{make_content(text(1)), {}, {}}}));
  world.again();
  world.must(world.mail->copy(world.inbox, UidSet::all(), world.inbox));
  CHECK(world.run(world.mail->copy(world.inbox, {{1, 1}}, world.inbox)).error().is(kOverQuota));
  CHECK(world.run(world.mail->append(world.inbox, {{make_content("x"), {}, {}}})).error().is(kOverQuota));
  world.must(world.mail->move(world.inbox, UidSet::all(), world.id("Trash")));
  world.must(world.mail->set_quota({.octets = 2 * size + 1}));
  Delivery delivery;
  delivery.content = make_content(text(3));
  delivery.recipients = {{.account = kAlice, .over_quota = OverQuota::refuse},
                         {.account = kAlice, .over_quota = OverQuota::take_one}};
  auto results = world.must(world.store->deliver(std::move(delivery)));
  CHECK(results[0].error().is(kOverQuota));
  CHECK(results[1].has_value());
  CHECK(world.mail->quota().octets == 3 * size);
  CHECK(world.mail->may_accept(0).error().is(kOverQuota));
}

TEST_CASE("all or nothing: one recipient who cannot be reached leaves the others without the message") {
  Ready world;
  world.must(world.store->create_account(kAlice + 100, {.octets = 0, .messages = 1}));
  world.deliver(kAlice + 100, text(1));
  const std::uint64_t before = world.mail->quota().messages;
  for (AccountId refused : {kAlice + 100, kAlice + 101}) {
    Delivery delivery;
    delivery.content = make_content(text(3));
    delivery.together = Together::all_or_nothing;
    delivery.recipients = {{.account = kAlice, .over_quota = OverQuota::take_one},
                           {.account = refused, .over_quota = OverQuota::take_one}};
    const auto outcome = world.run(world.store->deliver(std::move(delivery)));
    REQUIRE(!outcome);
    CHECK(outcome.error().is(refused == kAlice + 100 ? kOverQuota : kNoMailbox));
    CHECK(world.mail->quota().messages == before);
  }
}

TEST_CASE("RFC 9051 6.3.4-6.3.6: create makes superiors, delete keeps a name with inferiors, rename takes them along") {
  Ready world;
  const MailboxInfo made = world.must(world.mail->create("a/b/c", SpecialUse::none));
  CHECK(world.mail->listing()->find("a/b")->has_children);
  CHECK(world.run(world.mail->create("a/b", SpecialUse::none)).error().is(kMailboxExists));
  CHECK(world.run(world.mail->create("inbox", SpecialUse::none)).error().is(kMailboxExists));
  CHECK(world.run(world.mail->create("other junk", SpecialUse::junk)).error().is(kUseTaken));
  world.must(world.mail->append(world.id("a/b"), {{make_content(text(1)), {}, {}}}));
  const std::uint32_t validity = world.mail->listing()->find("a/b")->uid_validity;
  world.must(world.mail->remove("a/b"));
  CHECK(!world.mail->listing()->find("a/b")->selectable);
  CHECK(world.run(world.mail->view(world.id("a/b"))).error().is(kNotSelectable));
  CHECK(world.run(world.mail->remove("a/b")).error().is(kHasChildren));
  CHECK(world.run(world.mail->remove("INBOX")).error().is(kBadName));
  CHECK(world.mail->quota().messages == 0);
  world.again();
  const MailboxInfo renewed = world.must(world.mail->create("a/b", SpecialUse::none));
  CHECK(renewed.uid_validity > validity);
  CHECK(world.view(renewed.id)->empty());
  world.must(world.mail->rename("a", "x/y"));
  CHECK(world.mail->listing()->find("x/y/b/c")->id == made.id);
  CHECK(world.mail->listing()->find("x/y/b/c")->uid_validity == made.uid_validity);
  CHECK(!world.mail->listing()->find("a"));
  CHECK(world.run(world.mail->rename("x", "x/z")).error().is(kBadName));
  CHECK(world.run(world.mail->rename("x", "Sent")).error().is(kMailboxExists));
  CHECK(world.run(world.mail->rename("nothing", "q")).error().is(kNoMailbox));
  world.must(world.mail->remove("x/y/b/c"));
  world.again();
  CHECK(!world.mail->listing()->find("x/y/b/c"));
  CHECK(world.mail->listing()->find("x/y/b"));
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("RFC 9051 6.3.6: RENAME INBOX moves its messages and leaves it, by one batch") {
  Ready world;
  world.deliver(kAlice, text(1), {{"INBOX", {kSeen, {"$Work"}}}});
  const std::uint64_t before = world.tablet->sequence();
  world.must(world.mail->rename("inbox", "old/mail"));
  CHECK(world.tablet->sequence() == before + 1);
  for (int life = 0; life < 2; ++life) {
    const ViewPtr moved = world.view(world.id("old/mail"));
    CHECK(world.view(world.inbox)->empty());
    REQUIRE(moved->size() == 1);
    CHECK(moved->at(1).flags() == kSeen);
    REQUIRE(moved->keywords_of(moved->at(1)).contains(0));
    CHECK(moved->keywords().name(0) == "$Work");
    CHECK(verify_mail(*world.tablet)->damage.empty());
    world.again();
  }
  CHECK(world.deliver(kAlice, text(2)).uid == 2);
  // A name that is there is refused, and nothing has moved; one that holds no messages takes them.
  CHECK(world.run(world.mail->rename("INBOX", "old/mail")).error().is(kMailboxExists));
  CHECK(world.run(world.mail->rename("INBOX", "INBOX")).error().is(kMailboxExists));
  CHECK(world.view(world.inbox)->size() == 1);
  world.must(world.mail->remove("old"));
  CHECK(!world.mail->listing()->find("old")->selectable);
  world.again();
  world.must(world.mail->rename("INBOX", "old"));
  CHECK(world.view(world.id("old"))->size() == 1);
  world.again();
  CHECK(world.view(world.id("old"))->size() == 1);
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("UIDVALIDITY is never used again, though a mailbox is made and deleted within a second") {
  Ready world;
  std::uint32_t last = 0;
  for (int i = 0; i < 5; ++i) {
    const MailboxInfo made = world.must(world.mail->create("again", SpecialUse::none));
    CHECK(made.uid_validity > last);
    last = made.uid_validity;
    world.must(world.mail->remove("again"));
    if (i == 2) world.again();
  }
}

TEST_CASE("RFC 9051 6.3.7: subscriptions are of names, and survive the mailbox") {
  Ready world;
  world.must(world.mail->subscribe("not there", AccountMail::Subscription::on));
  world.must(world.mail->remove("Sent"));
  world.must(world.mail->subscribe("Junk", AccountMail::Subscription::off));
  world.must(world.mail->subscribe("Junk", AccountMail::Subscription::off));
  world.again();
  CHECK(world.mail->listing()->subscribed("not there"));
  CHECK(world.mail->listing()->subscribed("Sent"));
  CHECK(!world.mail->listing()->subscribed("Junk"));
}

TEST_CASE("a watch is told once until it looks, of its own mailbox only, and of all with 0") {
  Ready world;
  int woken = 0;
  int woken_any = 0;
  auto inbox = world.mail->watch(world.inbox, [&] { ++woken; });
  auto any = world.mail->watch(0, [&] { ++woken_any; });
  world.deliver(kAlice, text(1));
  world.deliver(kAlice, text(2));
  CHECK(woken == 1);
  CHECK(woken_any == 1);
  CHECK(inbox->take());
  CHECK(!inbox->take());
  CHECK(any->take());
  world.must(world.mail->append(world.id("Sent"), {{make_content(text(3)), {}, {}}}));
  CHECK(woken == 1);
  CHECK(!inbox->take());
  CHECK(woken_any == 2);
  any.reset();
  world.deliver(kAlice, text(3));
  CHECK(woken == 2);
  CHECK(woken_any == 2);
}

TEST_CASE("RFC 7162: what vanished is told from the log, limited to what the client knew") {
  Ready world;
  for (int i = 0; i < 10; ++i) world.deliver(kAlice, text(i));
  world.must(world.mail->expunge(world.inbox, {{1, 2}}, ExpungeOnly::any));
  const Modseq since = world.mail->modseq();
  world.must(world.mail->expunge(world.inbox, {{4, 4}, {9, 10}}, ExpungeOnly::any));
  world.again();
  CHECK(world.must(world.mail->vanished(world.inbox, since, UidSet::all())).text() == "4,9:10");
  CHECK(world.must(world.mail->vanished(world.inbox, since, {{1, 9}})).text() == "4,9");
  CHECK(world.must(world.mail->vanished(world.inbox, 1, UidSet::all())).text() == "1:2,4,9:10");
  auto changes = world.must(world.mail->changes(since, 100));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].kind == Change::Kind::expunged);
  CHECK(changes[0].emails.size() == 3);
}

TEST_CASE("replies join the thread of what they answer, in whatever order they come") {
  Ready world;
  const Delivered first = world.deliver(kAlice, text(1));
  const Delivered reply =
      world.deliver(kAlice, "Message-ID: <r@test>\r\nIn-Reply-To: <1@test>\r\nSubject: Re: number 1\r\n\r\n");
  const Delivered other =
      world.deliver(kAlice, "Message-ID: <o@test>\r\nIn-Reply-To: <1@test>\r\nSubject: else\r\n\r\n");
  const Delivered sibling =
      world.deliver(kAlice, "Message-ID: <s@test>\r\nReferences: <lost@x> <1@test>\r\nSubject: Number 1\r\n\r\n");
  const Delivered late = world.deliver(kAlice, "Message-ID: <lost@x>\r\nSubject: number 1\r\n\r\n");
  CHECK(reply.thread == first.thread);
  CHECK(sibling.thread == first.thread);
  CHECK(late.thread == first.thread);
  CHECK(other.thread != first.thread);
  world.again();
  const auto emails = world.must(world.mail->thread(first.thread));
  CHECK(emails == std::vector<EmailId>{first.email, reply.email, sibling.email, late.email});
  const Delivered after =
      world.deliver(kAlice, "Message-ID: <z@test>\r\nIn-Reply-To: <lost@x>\r\nSubject: number 1\r\n\r\n");
  CHECK(after.thread == first.thread);
}

TEST_CASE("recent are the messages nobody was told of as recent before") {
  Ready world;
  world.deliver(kAlice, text(1));
  world.deliver(kAlice, text(2));
  CHECK(world.mail->peek_recent(world.inbox) == 1);
  CHECK(world.mail->take_recent(world.inbox) == 1);
  CHECK(world.mail->take_recent(world.inbox) == 3);
  world.deliver(kAlice, text(3));
  CHECK(world.mail->take_recent(world.inbox) == 3);
}

TEST_CASE("a large body streams aside and is the same, with the headers' facts") {
  Ready world;
  std::string large = text(1);
  while (large.size() < 3 * store::kGroupBodyMax) large += "a line of some length, again and again\r\n";
  for (const std::string_view end : {"", "\nbare"}) {
    const std::string octets = large + std::string(end);
    auto intake = world.store->intake(Arrival::ordinary);
    for (std::size_t at = 0; at < octets.size(); at += 10'007) {
      REQUIRE(intake->append(std::string_view(octets).substr(at, 10'007)));
      if (intake->full()) world.must(intake->drain());
    }
    const ContentPtr content = world.must(intake->finish());
    CHECK(!content->octets);
    CHECK(content->facts.presentation.identity() == end.empty());
    CHECK(content->facts.threads == make_content(text(1))->facts.threads);
    CHECK(content->facts.structure == make_content(octets)->facts.structure);
    CHECK(content->facts.ascii == make_content(octets)->facts.ascii);
    auto appended = world.must(world.mail->append(world.inbox, {{content, {}, {}}}));
    const ViewPtr view = world.view(world.inbox);
    const std::string read = world.octets(*world.mail, view->find(appended.uids.ranges()[0].first)->email);
    CHECK(read == (end.empty() ? octets : large + "\r\nbare"));
  }
}

TEST_CASE(
    "RFC 9051 7.5.2: ENVELOPE and BODYSTRUCTURE are ready, in both forms where they differ, unless they are too "
    "large") {
  Ready world;
  const EmailPtr plain = world.must(world.mail->email(world.deliver(kAlice, text(1)).email));
  REQUIRE((*plain)->ready);
  CHECK((*plain)->ascii.envelope.find("\"number 1\"") != std::string_view::npos);
  CHECK(starts_with_ignore_case((*plain)->ascii.body_structure, "(\"text\" \"plain\""));
  CHECK((*plain)->ascii.body_structure.size() > (*plain)->ascii.body.size());
  CHECK((*plain)->utf8 == (*plain)->ascii);
  CHECK((*plain)->utf8.envelope.data() == (*plain)->ascii.envelope.data());
  const EmailPtr utf8 = world.must(world.mail->email(world
                                                         .deliver(kAlice,
                                                                  "Subject: Gr\xC3\xBC\xC3\x9F"
                                                                  "e\r\n\r\n")
                                                         .email));
  CHECK((*utf8)->utf8.envelope.find("Gr\xC3\xBC\xC3\x9F"
                                    "e") != std::string_view::npos);
  CHECK(std::all_of((*utf8)->ascii.envelope.begin(), (*utf8)->ascii.envelope.end(), is_ascii));
  const EmailPtr huge = world.must(
      world.mail->email(world.deliver(kAlice, "Subject: " + std::string(kReadyTextMax, 'x') + "\r\n\r\n").email));
  CHECK(!(*huge)->ready);
  CHECK((*huge)->ascii.envelope.empty());
}

TEST_CASE("many emails are read in their order, across gaps, and those that are gone are left out") {
  Ready world;
  std::vector<EmailId> ids;
  for (int i = 0; i < 60; ++i) ids.push_back(world.deliver(kAlice, text(i)).email);
  std::vector<EmailId> asked = {ids[59], ids[3], ids[4], 100'000, ids[5], ids[20], ids[21], ids[0]};
  std::string seen;
  world.must(world.mail->emails(asked, [&](std::size_t index, const EmailView& email) {
    seen += std::to_string(index) + (email.id == asked[index] ? " " : "! ");
    return store::Step::next;
  }));
  CHECK(seen == "0 1 2 4 5 6 7 ");
  int count = 0;
  world.must(world.mail->emails(
      ids, [&](std::size_t, const EmailView&) { return ++count == 7 ? store::Step::stop : store::Step::next; }));
  CHECK(count == 7);
}

TEST_CASE("views that nobody uses are dropped, and come back the same") {
  Ready world;
  world.deliver(kAlice, text(1));
  CHECK(world.view(world.inbox)->size() == 1);
  world.loop.advance(std::chrono::minutes(11));
  world.must(world.store->tidy());
  CHECK(!world.mail->view_now(world.inbox));
  world.deliver(kAlice, text(2));
  CHECK(world.view(world.inbox)->size() == 2);
}

TEST_CASE("a removed account is gone with all its mail, and its sessions are told") {
  Ready world;
  const Delivered delivered = world.deliver(kAlice, text(1));
  world.deliver(kBob, text(2));
  auto watch = world.mail->watch(world.inbox, {});
  world.must(world.store->remove_account(kAlice));
  CHECK(watch->take());
  CHECK(world.run(world.mail->view(world.inbox)).error().is(kNoMailbox));
  CHECK(world.run(world.mail->email(delivered.email)).error().is(kExpunged));
  CHECK(world.run(world.store->account(kAlice)).error().is(kNoMailbox));
  auto report = verify_mail(*world.tablet).value();
  CHECK(report.accounts == 1);
  CHECK(report.damage.empty());
}

TEST_CASE("an APPEND that was refused leaves no thread behind that later messages would join") {
  Ready world;
  std::vector<AppendItem> items;
  items.push_back({make_content(text(7)), {}, {}});
  items.push_back({make_content(text(8)), {0, {"no keyword"}}, {}});
  CHECK(world.run(world.mail->append(world.inbox, items)).error().is(kBadKeyword));
  const Delivered first = world.deliver(kAlice, text(7));
  CHECK(first.thread == first.email);
  world.again();
  const Delivered reply =
      world.deliver(kAlice, "Message-ID: <9@test>\r\nIn-Reply-To: <7@test>\r\nSubject: Re: number 7\r\n\r\nbody\r\n");
  CHECK(reply.thread == first.thread);
  CHECK(verify_mail(*world.tablet)->damage.empty());
}

TEST_CASE("an account is made and removed together with what else its batch carries, or neither is") {
  World world;
  constexpr AccountId kCarol = 77;
  store::Batch refused;
  refused.expect("other", "not so");
  world.store->create_account(kCarol, {}, refused);
  CHECK(world.tablet->commit_and_wait(std::move(refused)).error().is(store::kExpectation));
  CHECK(world.run(world.store->account(kCarol)).error().is(kNoMailbox));
  store::Batch made;
  made.put("other", "carol");
  world.store->create_account(kCarol, {.octets = 0, .messages = 5}, made);
  REQUIRE(world.tablet->commit_and_wait(std::move(made)));
  world.crash();
  REQUIRE(world.account(kCarol)->listing()->find("INBOX"));
  CHECK(world.tablet->get("other", {})->value() == "carol");
  // Refused, the account is as before.
  store::Batch late;
  late.expect("other", "somebody else's");
  late.erase("other");
  CHECK(world.run(world.store->remove_account(kCarol, std::move(late))).error().is(store::kExpectation));
  REQUIRE(world.account(kCarol)->listing()->find("INBOX"));
  world.deliver(kCarol, text(1));
  store::Batch gone;
  gone.expect("other", "carol");
  gone.erase("other");
  world.must(world.store->remove_account(kCarol, std::move(gone)));
  world.crash();
  CHECK(world.run(world.store->account(kCarol)).error().is(kNoMailbox));
  CHECK(!world.tablet->get("other", {})->has_value());
  // What an earlier version left half made: the entry goes without mail.
  store::Batch half;
  half.put("other", "x");
  world.must(world.store->remove_account(kCarol, std::move(half)));
  CHECK(world.tablet->get("other", {})->value() == "x");
  CHECK(world.run(world.store->remove_account(kCarol)).error().is(kNoMailbox));
}
