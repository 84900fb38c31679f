#include "transfer/import.h"

#include "support/test.h"
#include "transfer/ledger.h"
#include "transfer/test_house.h"
#include "transfer/testing.h"

using namespace angarium;
using namespace angarium::transfer;

namespace {

using testing::House;

std::string mbox_of(int count, int size = 100) {
  std::string box;
  for (int i = 0; i < count; ++i)
    box += "From a@example.org Thu Nov 22 13:02:41 2007\nStatus: RO\nSubject: " + std::to_string(i) + "\n\n" +
           std::string(static_cast<std::size_t>(size), 'x') + "\n\n";
  return box;
}

}  // namespace

TEST_CASE("an mbox file becomes a mailbox, and a second time adds nothing") {
  House house;
  const testing::Place place;
  const std::string path = place.write("Old.mbox", mbox_of(200));
  const Report first = house.bring(path);
  CHECK(!first.stopped);
  CHECK(first.counts.imported == 200);
  CHECK(first.made == 1);
  CHECK(first.defects_found == 0);
  CHECK(house.plan.messages == 200);
  CHECK(house.plan.known == 0);
  CHECK(house.count("Old") == 200);
  CHECK(house.mail->listing()->subscribed("Old"));
  CHECK(house.first("Old") == "Subject: 0\r\n\r\n" + std::string(100, 'x') + "\r\n");
  const auto view = house.view(house.id("Old"));
  CHECK(view->at(1).flags() == mailbox::kSeen);
  CHECK(view->at(1).date == 1195736561);
  for (std::uint32_t i = 1; i < 200; ++i) CHECK(view->at(i).email < view->at(i + 1).email);

  const Report second = house.bring(path);
  CHECK(second.counts.imported == 0);
  CHECK(second.counts.known == 200);
  CHECK(house.plan.known == 200);
  CHECK(house.count("Old") == 200);

  // What came since comes, and what was deleted here does not come back.
  place.write("Old.mbox", mbox_of(203));
  house.must(house.mail->expunge(house.id("Old"), {{1, 10}}, mailbox::ExpungeOnly::any));
  const Report third = house.bring(path);
  CHECK(third.counts.imported == 3);
  CHECK(third.counts.known == 200);
  CHECK(house.count("Old") == 193);
  CHECK(mailbox::verify_mail(*house.tablet).value().damage.empty());
}

TEST_CASE("a Maildir++ comes with its folders in their places, flags, keywords and dates") {
  House house;
  const testing::Place place;
  for (const char* name : {"M", "M/.Sent Items", "M/.lists.a"}) place.maildir(name);
  place.write("M/dovecot-keywords", "0 work\n");
  place.write("M/cur/100.a.host:2,FPa", "Subject: one\n\nx\n");
  place.write("M/.Sent Items/cur/100.b.host:2,S", "Subject: two\n\nx\n");
  place.write("M/.lists.a/new/100.c.host", "Subject: three\n\nx\n");
  const Report report = house.bring(place.path("M"));
  CHECK(report.counts.imported == 3);
  CHECK(report.defects_found == 0);
  const auto inbox = house.view(house.inbox);
  REQUIRE(inbox->size() == 1);
  CHECK(inbox->at(1).flags() == mailbox::kFlagged);
  std::vector<std::string> keywords;
  inbox->keywords_of(inbox->at(1)).for_each([&](std::uint16_t i) { keywords.push_back(inbox->keywords().name(i)); });
  CHECK(keywords == std::vector<std::string>{"$Forwarded", "work"});
  CHECK(house.count("Sent") == 1);
  CHECK(house.mail->listing()->find("Sent Items") == nullptr);
  CHECK(house.count("lists/a") == 1);
  CHECK(house.bring(place.path("M")).counts.known == 3);
}

TEST_CASE("all goes below a mailbox when one is named, a single file into it") {
  House house;
  const testing::Place place;
  place.maildir("M");
  place.maildir("M/.Sent");
  place.write("M/cur/1.a:2,", "a\n");
  place.write("M/.Sent/cur/1.b:2,", "b\n");
  CHECK(house.bring(place.path("M"), "Old").counts.imported == 2);
  CHECK(house.count("Old") == 1);
  CHECK(house.count("Old/Sent") == 1);
  CHECK(house.bring(place.write("box", mbox_of(1)), "Saved").counts.imported == 1);
  CHECK(house.count("Saved") == 1);
}

TEST_CASE("what is cut off at any frame comes whole the next time, and nothing twice") {
  const testing::Place place;
  const std::string path = place.write("box", mbox_of(150));
  for (const int frames : {0, 1, 40, 63, 64, 65, 100, 129, 149}) {
    House house;
    house.talk([&](Link& link) {
      LocalSource from(path);
      Import import(link, from);
      const Plan plan = import.plan("").value();
      const auto reader = open_folder(plan.folders[0].folder, plan.folders[0].seed).value();
      REQUIRE(link.send(encode(MailboxWish{.handle = 1, .make = Make::yes, .name = "box"})));
      for (int i = 0; i < frames; ++i) {
        REQUIRE(reader->next().value());
        for (auto piece = reader->read(); !piece->empty(); piece = reader->read())
          REQUIRE(link.send_octets(Kind::octets, *piece));
        REQUIRE(link.send(encode(MessageEnd{
            .number = static_cast<std::uint64_t>(i) + 1, .handle = 1, .fingerprint = reader->message().fingerprint})));
      }
      REQUIRE(link.send(frame(Kind::octets, "half a message")));
      return link.flush().has_value();
    });
    const Report report = house.bring(path);
    CHECK(report.counts.imported + report.counts.known == 150);
    CHECK(house.count("box") == 150);
    CHECK(mailbox::verify_mail(*house.tablet).value().damage.empty());
  }
}

TEST_CASE("two commands that bring the same messages bring each once") {
  House house;
  const testing::Place place;
  const std::string path = place.write("box", mbox_of(300));
  Report late;
  const Report early = house.talk([&](Link& link) {
    LocalSource from(path);
    Import import(link, from);
    const Plan plan = import.plan("").value();
    // The other one comes between plan and work.
    late = house.bring(path);
    return import.run(plan, {});
  });
  CHECK(late.counts.imported == 300);
  CHECK(early.counts.imported == 0);
  CHECK(early.counts.known == 300);
  CHECK(house.count("box") == 300);
}

TEST_CASE("a box that is written anew between plan and work comes whole, and is counted once") {
  House house;
  const testing::Place place;
  const std::string path = place.write("box", mbox_of(10));
  CHECK(house.bring(path).counts.imported == 10);
  const std::string fresh = "From a@example.org Thu Nov 22 13:02:41 2007\nSubject: fresh\n\nx\n\n";
  for (const std::string& more : {fresh, fresh + fresh}) {
    const Report report = house.talk([&](Link& link) {
      LocalSource from(path);
      Import import(link, from);
      const Plan plan = import.plan("").value();
      place.write("box", more + mbox_of(10));
      return import.run(plan, {});
    });
    CHECK(!report.stopped);
    CHECK(report.defects_found == 0);
    CHECK(report.counts.imported == 1);
    CHECK(report.counts.known == 9 + more.size() / fresh.size());
  }
  CHECK(house.count("box") == 12);
}

TEST_CASE("an import over quota stops with what to do, keeps what fits, and goes on when there is room") {
  House house;
  const testing::Place place;
  const std::string path = place.write("box", mbox_of(100));
  house.must(house.mail->set_quota({.messages = 70}));
  const Report report = house.bring(path);
  REQUIRE(report.stopped);
  CHECK(report.stopped->text().find("--quota") != std::string::npos);
  CHECK(house.count("box") == 70);
  house.must(house.mail->set_quota({}));
  CHECK(house.bring(path).counts.imported == 30);
  CHECK(house.count("box") == 100);
}

TEST_CASE("a mailbox that takes no more keywords takes the messages without them, and tells where") {
  House house;
  const testing::Place place;
  std::string box;
  for (std::size_t i = 0; i <= mailbox::kKeywordsMax; ++i)
    box += "From a@example.org Thu Nov 22 13:02:41 2007\nX-Keywords: key" + std::to_string(i) + "\nSubject: x\n\nx\n\n";
  const Report report = house.bring(place.write("box", box));
  CHECK(report.counts.imported == mailbox::kKeywordsMax + 1);
  CHECK(report.counts.refused == 0);
  REQUIRE(report.defects.size() == 1);
  CHECK(report.defects[0].place == place.path("box") + ", message " + std::to_string(mailbox::kKeywordsMax + 1));
}

TEST_CASE("large messages stream through, and an unreadable one is named while the others come") {
  House house;
  const testing::Place place;
  place.maildir("M");
  place.write("M/cur/1.a:2,", "Subject: large\n\n" + std::string(3'000'000, 'x'));
  std::filesystem::create_directories(place.path("M/cur/2.b:2,"));
  place.write("M/cur/3.c:2,", "Subject: small\n\nx\n");
  const Report report = house.bring(place.path("M"));
  CHECK(report.counts.imported == 2);
  REQUIRE(report.defects.size() == 1);
  CHECK(report.defects[0].place == place.path("M/cur/2.b:2,"));
  CHECK(house.first("INBOX").size() == 18 + 3'000'000);
}

TEST_CASE("an account's ledger goes with the account, another's stays") {
  House house;
  store::Batch batch;
  Fingerprint one{};
  note_message(mailbox::test::kAlice, one, 1, batch);
  note_message(mailbox::test::kBob, one, 1, batch);
  REQUIRE(house.tablet->commit_and_wait(std::move(batch)));
  store::Batch erasing;
  erase_ledger(mailbox::test::kAlice, erasing);
  REQUIRE(house.tablet->commit_and_wait(std::move(erasing)));
  CHECK(!house.tablet->get(ledger_key(mailbox::test::kAlice, one)).value());
  CHECK(house.tablet->get(ledger_key(mailbox::test::kBob, one)).value());
}

TEST_CASE("what makes no sense ends the talk with words") {
  House house;
  for (const std::string& bad :
       {frame(Kind::listed), frame(Kind::message, "x"), encode(MessageEnd{.number = 1, .handle = 9}),
        frame(Kind::known, "x"), std::string("Dxxxx")}) {
    const auto answer = house.talk([&](Link& link) {
      REQUIRE(link.send(bad));
      REQUIRE(link.flush());
      return link.receive();
    });
    REQUIRE(!answer);
    CHECK(answer.error().is(kRefusedNow));
  }
}
