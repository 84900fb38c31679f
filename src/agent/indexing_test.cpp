#include "agent/indexing.h"

#include "agent/imap_mailbox.h"
#include "index/keys.h"
#include "keyring/test_folder.h"
#include "mailbox/stored_mail.h"
#include "mailbox/test_world.h"
#include "protocol/imap/error.h"
#include "store/testing_tablet.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;
using mailbox::test::kAlice;
using mailbox::test::kBob;

namespace {

namespace imap = protocol::imap;
using Key = imap::SearchNode::Key;
using Verdict = imap::Candidates::Verdict;

/// Mail that is indexed on the loop, under virtual time.
struct House : mailbox::test::Ready {
  House() { start(); }
  void start() {
    mail.reset();
    store.reset();
    indexing.emplace(*tablet, Indexing::Options{.clock = &loop.clock(), .threads = 0, .keys = keys.get()});
    store = mailbox::MailboxStore::make(*tablet, pool,
                                        {.clock = &loop.clock(),
                                         .on_added = [this](mailbox::AccountId id) { indexing->added(id); },
                                         .keys = keys.get(),
                                         .sealing = keys ? mailbox::Sealing::on : mailbox::Sealing::off});
    mail = account(kAlice);
    loop.spawn(indexing->run());
    loop.settle();  // it has looked for what was there before
  }
  void finish() {
    if (!indexing) return;
    indexing->stop();
    loop.advance(std::chrono::seconds(2));
    loop.settle();
  }
  /// What is on the disk when the process ends suddenly.
  void crash_and_start() {
    finish();
    mail.reset();
    crash();
    start();
  }
  ~House() {
    finish();
    mail.reset();
    store.reset();
  }
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  void wait(Duration duration) {
    loop.advance(duration);
    loop.settle();
  }
  index::State state(mailbox::AccountId id = kAlice) { return *index::Index(*tablet, id).state(); }
  std::unique_ptr<ImapMailbox> select(std::string_view name = "INBOX") {
    const mailbox::MailboxInfo info = *mail->listing()->find(name);
    return std::make_unique<ImapMailbox>(searching, *tablet, *store, mail, info, view(info.id),
                                         imap::Access::read_write);
  }
  std::vector<imap::Entry> entries(const ImapMailbox& mailbox) {
    std::vector<imap::Entry> all(mailbox.view()->size());
    (void)mailbox.view()->read(0, all);
    return all;
  }

  std::optional<Indexing> indexing;
  Searching searching{0};
};

std::string letter(std::string_view subject, std::string_view text) {
  return "From: Anna <anna@example.org>\r\nSubject: " + std::string(subject) + "\r\n\r\n" + std::string(text) + "\r\n";
}

/// Its second text lies beyond what is read first.
std::string around_attachment(std::string_view first, std::string_view second) {
  return "Subject: attached\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + std::string(first) +
         "\r\n--b\r\nContent-Type: image/png\r\n\r\n" + std::string(100'000, 'p') + "\r\n--b\r\n\r\n" +
         std::string(second) + "\r\n--b--\r\n";
}

}  // namespace

TEST_CASE("mail is indexed behind its acknowledgement: alone after a while, many at once") {
  House house;
  house.deliver(kAlice, letter("one", "first words"));
  house.wait(kIndexPatience / 2);
  CHECK(house.state().mark == 0);
  house.wait(kIndexPatience);
  CHECK(house.state().mark == 1);
  for (std::size_t i = 0; i < kUnindexedMax; ++i) house.deliver(kAlice, letter("more", "words"));
  house.wait(std::chrono::seconds(2));
  CHECK(house.state().mark == 1 + kUnindexedMax);
  CHECK(house.state().documents() == 1 + kUnindexedMax);
  CHECK(house.state(kBob).mark == 0);
}

TEST_CASE("RFC 9051 6.4.4: the newest mail is found before it is indexed, and all by the index as without it") {
  House house;
  std::vector<std::string> words = {"alpha", "beta", "gamma", "del", "delta", "Äpfel", "中文字", "a", "b@c"};
  SeededRandom random(7);
  const auto text = [&] {
    std::string made;
    for (std::uint64_t i = 0; i < 1 + random.below(4); ++i)
      made += words[random.below(words.size())] + (random.below(3) == 0 ? "" : " ");
    return made;
  };
  for (int i = 0; i < 60; ++i) {
    house.deliver(kAlice, i % 7 == 0   ? "no header at all, " + text() + "\r\n" + text()
                          : i % 7 == 1 ? around_attachment(text(), text())
                                       : letter(text(), text()));
    if (i == 50) house.wait(kIndexPatience * 2);
  }
  CHECK(house.state().mark == 51);
  const auto selected = house.select();
  const auto entries = house.entries(*selected);
  std::size_t known = 0;
  for (int i = 0; i < 120; ++i) {
    const std::string value = i % 4 == 0 ? text().substr(0, 3) : text();
    if (value.empty() || (static_cast<unsigned char>(value.back()) & 0x80) != 0) continue;
    const imap::TextKey key{.key = i % 3 == 0 ? Key::subject : i % 3 == 1 ? Key::body : Key::text, .value = value};
    const auto matches = house.must(selected->match(entries, key));
    const auto candidates = house.must(selected->candidates(key));
    if (!candidates) continue;
    for (std::size_t e = 0; e < entries.size(); ++e) {
      const Verdict verdict = candidates->of(entries[e]);
      CAPTURE(value);
      CAPTURE(e);
      if (e > 50) CHECK(verdict == Verdict::look);
      if (verdict == Verdict::look) continue;
      ++known;
      CHECK((verdict == Verdict::yes) == (matches[e] != 0));
    }
  }
  CHECK(known > 1000);
}

TEST_CASE("RFC 6203: mail that is indexed is scored as mail that is read") {
  House house;
  const std::vector<std::string> words = {"hello",  "helo",   "work", "working", "world",
                                          "report", "reprot", "中文", "a1"};
  SeededRandom random(11);
  const auto text = [&] {
    std::string made;
    for (std::uint64_t i = 0; i < 1 + random.below(4); ++i) made += words[random.below(words.size())] + " ";
    return made;
  };
  for (int i = 0; i < 40; ++i) {
    house.deliver(kAlice, letter(text(), text()));
    if (i == 30) house.wait(kIndexPatience * 2);
  }
  const auto selected = house.select();
  const auto entries = house.entries(*selected);
  std::size_t known = 0;
  for (int i = 0; i < 60; ++i) {
    const std::string value = text();
    imap::TextKey key{.key = i % 3 == 0   ? Key::subject
                             : i % 3 == 1 ? Key::body
                                          : Key::text,
                      .value = value,
                      .fuzzy = true};
    const auto candidates = house.must(selected->candidates(key));
    REQUIRE(candidates != nullptr);
    key.weights = candidates->weights();
    const auto scores = house.must(selected->match(entries, key));
    for (std::size_t e = 0; e < entries.size(); ++e) {
      const Verdict verdict = candidates->of(entries[e]);
      CAPTURE(value);
      CAPTURE(e);
      if (e > 30) CHECK(verdict == Verdict::look);
      if (verdict == Verdict::look) continue;
      known += verdict == Verdict::yes ? 1 : 0;
      CHECK(static_cast<int>(scores[e]) == (verdict == Verdict::yes ? candidates->score(entries[e]) : 0));
    }
  }
  CHECK(known > 100);
}

TEST_CASE("keys by date have no candidates, and neither has a mailbox that is not indexed") {
  House house;
  house.deliver(kAlice, letter("one", "two"));
  auto selected = house.select();
  CHECK(!house.must(selected->candidates({.key = Key::sent_on})));
  CHECK(!house.must(selected->candidates({.key = Key::text, .value = "two"})));  // nothing is indexed yet
  house.wait(kIndexPatience * 2);
  CHECK(house.must(selected->candidates({.key = Key::text, .value = "two"})));
  CHECK(!house.must(selected->candidates({.key = Key::text, .value = "--"})));
}

TEST_CASE("after a crash the index goes on where it was, and mail that came without it is indexed") {
  House house;
  for (std::size_t i = 0; i < kUnindexedMax; ++i) house.deliver(kAlice, letter("s", "word" + std::to_string(i)));
  house.wait(std::chrono::seconds(2));
  house.deliver(kAlice, letter("late", "lateword"));
  house.deliver(kBob, letter("late", "other"));
  house.crash_and_start();
  house.wait(std::chrono::seconds(2));
  CHECK(house.state().mark == kUnindexedMax + 1);
  CHECK(house.state().documents() == kUnindexedMax + 1);
  CHECK(house.state(kBob).documents() == 1);
  const auto found = *index::Index(*house.tablet, kAlice).find({"lateword", index::kAllPlaces, {}});
  CHECK(found->of(kUnindexedMax + 1) == index::Found::Verdict::yes);
  CHECK(found->of(1) == index::Found::Verdict::no);
}

TEST_CASE("a damaged message does not keep the others out of the index, and is never taken as known") {
  House house;
  house.deliver(kAlice, letter("one", "whole"));
  // Behind what the preview has, which stands in the email's record.
  house.deliver(kAlice, letter("two", std::string(300, 'x') + " spoiled octets"));
  house.deliver(kAlice, letter("three", "whole"));
  REQUIRE(house.damage("spoiled octets") == 1);
  house.wait(kIndexPatience * 2);
  CHECK(house.state().mark == 3);
  const auto found = *index::Index(*house.tablet, kAlice).find({"whole", index::kAllPlaces, {}});
  CHECK(found->of(1) == index::Found::Verdict::yes);
  CHECK(found->of(2) == index::Found::Verdict::look);
  CHECK(found->of(3) == index::Found::Verdict::yes);
}

TEST_CASE("a damaged index is made anew, and searches read the mail meanwhile") {
  House house;
  house.deliver(kAlice, letter("one", "word"));
  house.wait(kIndexPatience * 2);
  store::Batch batch;
  batch.put(index::record_key(index::RecordKind::state, kAlice), "nonsense");
  REQUIRE(house.tablet->commit_and_wait(std::move(batch)));
  const auto selected = house.select();
  CHECK(!house.must(selected->candidates({.key = Key::text, .value = "word"})));
  house.deliver(kAlice, letter("two", "word"));
  house.wait(kIndexPatience * 2);
  CHECK(house.state().mark == 2);
  CHECK(house.must(selected->candidates({.key = Key::text, .value = "word"})));
}

TEST_CASE("an account that is removed leaves nothing in the index, not even what was being indexed") {
  House house;
  house.deliver(kBob, letter("one", "secret"));
  house.wait(kIndexPatience * 2);
  CHECK(house.state(kBob).mark == 1);
  // As by a slice that ends behind the removal.
  house.must(house.store->remove_account(kBob, {}));
  house.indexing->added(kBob);
  house.wait(kIndexPatience * 2);
  CHECK(house.state(kBob) == index::State());
  // And by one before a crash.
  house.deliver(kAlice, letter("one", "mine"));
  store::Batch batch;
  batch.put(index::record_key(index::RecordKind::state, kBob), index::State{.mark = 1}.encode());
  REQUIRE(house.tablet->commit_and_wait(std::move(batch)));
  house.crash_and_start();
  house.wait(std::chrono::seconds(2));
  CHECK(house.state(kBob) == index::State());
  CHECK(house.state(kAlice).mark == 1);
}

TEST_CASE("the index is made anew on demand, and tells how far it is") {
  House house;
  for (int i = 0; i < 10; ++i) house.deliver(kAlice, letter("s", "word" + std::to_string(i)));
  house.deliver(kBob, letter("s", "bob"));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  house.must(house.indexing->rebuild({kAlice, kBob},
                                     [&](std::uint64_t done, std::uint64_t all) { told.emplace_back(done, all); }));
  REQUIRE(!told.empty());
  CHECK(told.back() == std::pair<std::uint64_t, std::uint64_t>(11, 11));
  CHECK(std::ranges::is_sorted(told));
  CHECK(house.state().documents() == 10);
  house.must(house.indexing->rebuild({kAlice}, [](std::uint64_t, std::uint64_t) {}));
  CHECK(house.state().documents() == 10);
  const auto standing = house.must(house.indexing->standing(kBob));
  REQUIRE(standing.size() == 1);
  CHECK(standing[0].newest == 1);
  CHECK(standing[0].state.mark == 1);
}

TEST_CASE("words of expunged mail leave the index within days, though nothing new comes") {
  House house;
  for (int i = 0; i < 3; ++i) house.deliver(kAlice, letter("s", "secret" + std::to_string(i)));
  house.wait(kIndexPatience * 2);
  house.must(house.mail->expunge(house.inbox, {{2, 2}}, mailbox::ExpungeOnly::any));
  house.wait(std::chrono::hours(2));
  house.must(house.store->tidy());  // the grave is emptied
  CHECK(house.state().documents() == 3);
  for (int day = 0; day < 5; ++day) house.wait(std::chrono::hours(24));
  CHECK(house.state().documents() == 2);
  bool there = false;
  (void)house.tablet->scan("iW", "iX", {}, [&](std::string_view, std::string_view words) {
    there = there || words.contains("SECRET1");
    return store::Step::next;
  });
  CHECK(!there);
}

TEST_CASE("without the server's key sealed mail waits to be indexed, is passed over by none, and then is indexed") {
  const keyring::test::KeyFolder folder;
  House house;
  const auto begin_anew = [&] {
    house.finish();
    house.mail.reset();
    house.seal(folder.path + "/keys");
    house.start();
  };
  begin_anew();
  house.deliver(kAlice, letter("one", "sealedword"));
  house.deliver(kAlice, letter("two", std::string(300, 'x') + " anotherword"));
  folder.lose();
  begin_anew();
  house.wait(std::chrono::minutes(10));
  CHECK(house.state().mark == 0);
  folder.bring_back();
  house.wait(std::chrono::minutes(2));
  CHECK(house.state().mark == 2);
  CHECK(house.state().documents() == 2);
  const auto found = *index::Index(*house.tablet, kAlice).find({"anotherword", index::kAllPlaces, {}});
  CHECK(found->of(1) == index::Found::Verdict::no);
  CHECK(found->of(2) == index::Found::Verdict::yes);
}

TEST_CASE("while the store refuses, mail waits to be indexed, and then is") {
  House house;
  store::testing::RefusingTablet tablet(*house.tablet);
  Indexing indexing(tablet, {.clock = &house.loop.clock(), .threads = 0});
  house.finish();
  house.deliver(kAlice, letter("s", "word"));
  tablet.refuses = true;
  house.loop.spawn(indexing.run());
  house.wait(std::chrono::seconds(5));
  CHECK(house.state().mark == 0);
  tablet.refuses = false;
  house.wait(std::chrono::minutes(2));
  CHECK(house.state().mark == 1);
  indexing.stop();
  house.wait(std::chrono::seconds(2));
}
