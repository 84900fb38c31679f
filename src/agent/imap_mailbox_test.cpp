#include "agent/imap_mailbox.h"

#include "agent/imap_account.h"
#include "agent/imap_search.h"
#include "keyring/test_folder.h"
#include "mailbox/limits.h"
#include "mailbox/test_world.h"
#include "message/downgrade.h"
#include "protocol/imap/error.h"
#include "store/testing_tablet.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;
using mailbox::test::flags;
using mailbox::test::kAlice;

namespace {

namespace imap = protocol::imap;

struct House : mailbox::test::Ready {
  explicit House(std::size_t threads = 0) : searching(threads) {}

  Searching searching;
  std::unique_ptr<ImapMailbox> select(std::string_view name, imap::Access access = imap::Access::read_write) {
    const mailbox::MailboxInfo info = *mail->listing()->find(name);
    return std::make_unique<ImapMailbox>(searching, *tablet, *store, mail, info, view(info.id), access);
  }
};

bool matches(imap::SearchNode::Key key, std::string_view value, std::string_view octets) {
  return TextMatcher({.key = key, .value = value}).matches(octets, message::parse_structure(octets));
}

}  // namespace

TEST_CASE("RFC 9051 2.3.1.1: a selected mailbox that is deleted is gone, though its name stays or is made again") {
  House house;
  house.must(house.mail->create("p/q"));
  const auto selected = house.select("p");
  io::Event news;
  const auto watcher = selected->watch(news);
  REQUIRE(selected->view());
  house.must(house.mail->remove("p"));
  CHECK(!selected->view());
  house.must(house.mail->create("p"));
  CHECK(!selected->view());
  // Renamed, it is there.
  const auto other = house.select("p/q");
  house.must(house.mail->rename("p/q", "r"));
  CHECK(other->view());
}

TEST_CASE("RFC 9051 6.3.3: nothing of a mailbox that is open read-only is changed, whoever asks") {
  House house;
  house.deliver(kAlice, mailbox::test::text(1));
  house.must(house.mail->create("p"));
  const auto examined = house.select("INBOX", imap::Access::read_only);
  imap::NumberSet all;
  all.add(imap::Range{1, 1});
  const imap::StoreRequest deleted{.uids = all, .flags = {.system = imap::kDeleted, .keywords = {}}};
  CHECK(house.run(examined->store(deleted)).error().is(imap::kReadOnly));
  const auto selected = house.select("INBOX");
  REQUIRE(house.run(selected->store(deleted)));
  CHECK(house.run(examined->expunge(std::nullopt)).error().is(imap::kReadOnly));
  CHECK(house.run(examined->copy(all, "p", imap::CopyMode::move)).error().is(imap::kReadOnly));
  CHECK(house.run(examined->copy(all, "p", imap::CopyMode::copy)));
  CHECK(selected->view()->size() == 1);
}

TEST_CASE("RFC 9051 5.2: a session that was silent for hours sees what came meanwhile") {
  House house;
  house.deliver(kAlice, mailbox::test::text(1));
  const auto selected = house.select("INBOX");
  io::Event news;
  const auto watcher = selected->watch(news);
  house.deliver(kAlice, mailbox::test::text(2));
  house.view(house.inbox);
  house.loop.advance(std::chrono::hours(1));
  house.must(house.store->tidy());
  CHECK(selected->view()->size() == 2);
  house.deliver(kAlice, mailbox::test::text(3));
  CHECK(selected->view()->size() == 3);
}

TEST_CASE("a session outlives a failure of the store: it reads on, is refused, and then sees what others do") {
  House house;
  store::testing::RefusingTablet tablet(*house.tablet);
  house.mail.reset();
  house.store = mailbox::MailboxStore::make(tablet, house.pool, {.clock = &house.loop.clock()});
  house.mail = house.account(kAlice);
  house.deliver(kAlice, mailbox::test::text(1));
  const auto selected = house.select("INBOX");
  io::Event news;
  const auto watcher = selected->watch(news);
  const auto before = selected->view();
  REQUIRE(before->size() == 1);
  auto store = [&] {
    imap::NumberSet all;
    all.add(imap::Range{1, 1});
    return house.run(selected->store({.uids = all, .flags = {.system = imap::kFlagged, .keywords = {}}}));
  };
  auto renew = [&]() -> io::Task<Result<void>> { co_return co_await selected->renew(); };

  tablet.refuses = true;
  tablet.kind = &store::kStopped;
  CHECK(store().error().is(store::kStopped));
  CHECK(house.mail->stale());
  CHECK(selected->view() == before);
  CHECK(store().error().is(store::kStopped));
  house.must(renew());
  CHECK(selected->view()->size() == 1);
  CHECK(selected->delta(*before, *selected->view()).changed.empty());

  tablet.refuses = false;
  house.must(renew());
  CHECK(store());
  CHECK(selected->delta(*before, *selected->view()).changed == std::vector<std::uint32_t>{1});
  (void)news.take();
  house.deliver(kAlice, mailbox::test::text(2));
  house.loop.settle();
  CHECK(news.is_set());
  CHECK(selected->view()->size() == 2);

  // An account that was removed does not come again.
  house.must(house.store->remove_account(kAlice, {}));
  house.must(renew());
  CHECK(!selected->view());
  house.store.reset();
}

TEST_CASE("RFC 9051 7.1: PERMANENTFLAGS has \\* for as long as there is room for a keyword") {
  House house;
  house.deliver(kAlice, mailbox::test::text(1));
  const auto selected = house.select("INBOX");
  CHECK(selected->view()->keywords_can_be_made());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < mailbox::kKeywordsMax; ++i) names.push_back("k" + std::to_string(i));
  house.must(house.mail->change_flags(house.inbox, {{1, 1}}, flags(mailbox::FlagMode::add, 0, names)));
  CHECK(!selected->view()->keywords_can_be_made());
}

TEST_CASE("a search in many small messages lets others of the loop go first") {
  House house;
  std::vector<imap::Entry> entries(64);
  for (std::size_t i = 0; i < entries.size(); ++i)
    house.deliver(kAlice, mailbox::test::text(static_cast<int>(i)) + std::string(kMatchTurn / 5, 'x') + "\r\n");
  const auto selected = house.select("INBOX");
  REQUIRE(selected->view()->read(0, entries) == entries.size());
  int turns = 0;
  bool ended = false;
  house.loop.spawn([](ImapMailbox& mailbox, std::span<const imap::Entry> searched, bool& done) -> io::Task<> {
    const auto found = co_await mailbox.match(searched, {.key = imap::SearchNode::Key::body, .value = "body 63"});
    REQUIRE(found);
    CHECK(std::count(found->begin(), found->end(), 1) == 1);
    done = true;
  }(*selected, entries, ended));
  house.loop.spawn([](bool& done, int& count) -> io::Task<> {
    while (!done) {
      ++count;
      co_await io::Loop::current().yield();
    }
  }(ended, turns));
  house.loop.settle();
  CHECK(ended);
  CHECK(turns >= 64 / 5);  // five messages pass kMatchTurn
}

TEST_CASE("RFC 9051 6.4.4: a search of several turns finds each message in its place, also behind one that is gone") {
  constexpr std::size_t kOctets = 60'000;
  constexpr std::size_t kMessages = 5 * (kMatchTurn / kOctets + 1);  // as many pass a turn
  std::size_t threads = 0;
  SUBCASE("on the loop") {}
  // Not as many as divide the messages.
  SUBCASE("side by side") { threads = 4; }
  House house(threads);
  std::vector<char> expected;
  for (std::size_t i = 0; i < kMessages; ++i) {
    expected.push_back(i % 3 == 0 ? 1 : 0);
    house.deliver(kAlice,
                  "Subject: one\r\n\r\n" + std::string(kOctets, ' ') + (i % 3 == 0 ? "wanted" : "other") + "\r\n");
  }
  const auto selected = house.select("INBOX");
  std::vector<imap::Entry> entries(kMessages);
  REQUIRE(selected->view()->read(0, entries) == kMessages);
  entries[6].email = 1000;  // as after its expunge
  expected[6] = 0;
  for (const imap::SearchNode::Key key : {imap::SearchNode::Key::body, imap::SearchNode::Key::text})
    CHECK(house.must(selected->match(entries, {.key = key, .value = "wanted"})) == expected);
  CHECK(house.must(selected->match({}, {.key = imap::SearchNode::Key::body, .value = "wanted"})).empty());
}

TEST_CASE("RFC 9051 6.4.4: texts behind large attachments are found") {
  House house;
  house.deliver(kAlice,
                "Subject: one\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nbeginning\r\n"
                "--b\r\nContent-Type: application/pdf\r\n\r\n" +
                    std::string(120'000, 'p') + "\r\n--b\r\nContent-Type: image/png; name=last.png\r\n\r\n" +
                    std::string(60'000, 'q') + "\r\n--b\r\n\r\nfooter\r\n--b\r\nContent-Type: image/gif\r\n\r\n" +
                    std::string(60'000, 'r') + "\r\n--b--\r\n");
  const auto selected = house.select("INBOX");
  std::vector<imap::Entry> entries(1);
  REQUIRE(selected->view()->read(0, entries) == 1);
  const auto found = [&](imap::SearchNode::Key key, const char* value) {
    return house.must(selected->match(entries, {.key = key, .value = value})) == std::vector<char>{1};
  };
  for (const char* value : {"beginning", "footer"}) CHECK(found(imap::SearchNode::Key::body, value));
  for (const char* value : {"last.png", "image/gif"}) CHECK(found(imap::SearchNode::Key::text, value));
  for (const char* value : {"ppp", "qqq", "rrr"}) CHECK(!found(imap::SearchNode::Key::text, value));
}

TEST_CASE("RFC 9051 6.4.4: TEXT looks at the MIME header fields of parts, BODY does not") {
  constexpr std::string_view kMessage =
      "Subject: outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
      "--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
      "--b\r\nContent-Type: image/png; name=\"report.png\"\r\nContent-Description: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n";
  using Key = imap::SearchNode::Key;
  for (const std::string_view value : {"REPORT.png", "grüße", "content-description"}) {
    CAPTURE(value);
    CHECK(matches(Key::text, value, kMessage));
    CHECK(!matches(Key::body, value, kMessage));
  }
  for (const Key key : {Key::text, Key::body}) {
    CHECK(matches(key, "hello", kMessage));
    CHECK(!matches(key, "AAEC", kMessage));
  }
  CHECK(matches(Key::text, "outer", kMessage));
  CHECK(!matches(Key::body, "outer", kMessage));
}

TEST_CASE("RFC 6154 3: a special use that is taken has its response code") {
  CHECK(imap_error(Error{mailbox::kUseTaken, "taken"}).is(imap::kUseAttr));
}

TEST_CASE("a damaged body is corruption to FETCH, and SEARCH finds the other messages") {
  House house;
  house.deliver(kAlice, "Subject: one\r\n\r\nwanted, whole\r\n");
  // Behind what the preview has, which stands in the email's record.
  house.deliver(kAlice, "Subject: two\r\n\r\nwanted, " + std::string(300, 'x') + " but broken\r\n");
  house.deliver(kAlice, "Subject: three\r\n\r\nwanted, whole too\r\n");
  REQUIRE(house.damage("but broken") == 1);
  const auto selected = house.select("INBOX");
  std::vector<imap::Entry> entries(3);
  REQUIRE(selected->view()->read(0, entries) == 3);
  const auto found = house.must(selected->match(entries, {.key = imap::SearchNode::Key::body, .value = "wanted"}));
  CHECK(found == std::vector<char>{1, 0, 1});
  auto read = [&](std::size_t index) -> io::Task<Result<imap::Octets>> {
    co_return co_await selected->read(entries[index], message::ImapForm::ascii, 0, 1000);
  };
  CHECK(house.run(read(1)).error().is(imap::kCorruption));
  CHECK(house.must(read(2)).octets.ends_with("wanted, whole too\r\n"));
}

TEST_CASE("without the server's key FETCH and SEARCH of sealed mail are UNAVAILABLE, and flags change as ever") {
  const keyring::test::KeyFolder folder;
  House house;
  const auto begin_anew = [&] {
    house.mail.reset();
    house.seal(folder.path + "/keys");
    house.mail = house.account(kAlice);
  };
  begin_anew();
  house.deliver(kAlice, "Subject: one\r\nMessage-ID: <1@x>\r\n\r\nwanted\r\n");
  const auto answers = [&] {
    const auto selected = house.select("INBOX");
    std::vector<imap::Entry> entries(1);
    REQUIRE(selected->view()->read(0, entries) == 1);
    auto body = [&]() -> io::Task<Result<imap::Octets>> {
      co_return co_await selected->read(entries[0], message::ImapForm::ascii, 0, 1000);
    };
    auto structure = [&]() -> io::Task<Result<std::shared_ptr<const message::Structure>>> {
      co_return co_await selected->structure(entries[0], message::ImapForm::utf8);
    };
    auto texts = [&]() -> io::Task<Result<imap::TextBatch>> {
      co_return co_await selected->texts(entries, imap::kFetchReferences, message::ImapForm::utf8);
    };
    const auto code = [](const auto& result) { return result ? "OK" : imap::reply_to(result.error()).code; };
    std::vector<std::string> all = {code(house.run(body())), code(house.run(structure())), code(house.run(texts()))};
    for (const auto key : {imap::SearchNode::Key::body, imap::SearchNode::Key::subject})
      all.push_back(code(house.run(selected->match(entries, {.key = key, .value = "wanted"}))));
    imap::NumberSet first;
    first.add(imap::Range{1, 1});
    CHECK(house.run(selected->store({.uids = first, .flags = {.system = imap::kFlagged, .keywords = {}}})));
    return all;
  };
  folder.lose();
  begin_anew();
  CHECK(answers() == std::vector<std::string>(5, "UNAVAILABLE"));
  folder.bring_back();
  CHECK(answers() == std::vector<std::string>(5, "OK"));
}

TEST_CASE("each form is read in pieces as it is whole, its size is RFC822.SIZE and its structure fits it") {
  House house;
  std::string octets = "Subject: \xC3\xA9\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" +
                       std::string(300'000, 'x') +
                       "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: \xC3\xA9\r\n\r\ny" + "\r\n--b--\r\n";
  house.deliver(kAlice, mailbox::test::text(1));
  auto intake = house.store->intake(mailbox::Arrival::ordinary);
  REQUIRE(intake->append(octets));
  house.must(house.mail->append(house.inbox, {{house.must(intake->finish()), {}, {}}}));
  const auto selected = house.select("INBOX");
  std::vector<imap::Entry> entries(2);
  REQUIRE(selected->view()->read(0, entries) == 2);
  CHECK(!entries[0].ascii_form);
  REQUIRE(entries[1].ascii_form);
  const std::string original = house.octets(*house.mail, entries[1].email);
  const std::string ascii = message::ascii_headers(message::parse_structure(original), original);
  CHECK(entries[1].octets(message::ImapForm::utf8) == original.size());
  CHECK(entries[1].octets(message::ImapForm::ascii) == ascii.size());
  auto read = [&](const imap::Entry& entry, message::ImapForm form, std::uint64_t at,
                  std::uint64_t count) -> io::Task<Result<imap::Octets>> {
    co_return co_await selected->read(entry, form, at, count);
  };
  auto structure = [&](message::ImapForm form) -> io::Task<Result<std::shared_ptr<const message::Structure>>> {
    co_return co_await selected->structure(entries[1], form);
  };
  // Both forms by turns, and another message between: what is kept of one must not be given for the other.
  for (const std::uint64_t step : {1000, 1'000'000}) {
    std::string got;
    std::string got_ascii;
    while (got.size() < original.size() || got_ascii.size() < ascii.size()) {
      got += house.must(read(entries[1], message::ImapForm::utf8, got.size(), step)).octets;
      got_ascii += house.must(read(entries[1], message::ImapForm::ascii, got_ascii.size(), step)).octets;
      if (step > 1000) house.must(read(entries[0], message::ImapForm::ascii, 0, 10));
    }
    CHECK(got == original);
    CHECK(got_ascii == ascii);
  }
  CHECK(house.must(read(entries[1], message::ImapForm::ascii, ascii.size(), 10)).octets.empty());
  for (const auto& [form, shown] : {std::pair{message::ImapForm::utf8, original}, {message::ImapForm::ascii, ascii}}) {
    const auto made = house.must(structure(form));
    const auto found = message::parse_structure(shown);
    CHECK(made->size == shown.size());
    REQUIRE(made->parts.size() == found.parts.size());
    for (std::size_t i = 0; i < found.parts.size(); ++i) {
      CHECK(made->parts[i].header() == found.parts[i].header());
      CHECK(made->parts[i].body() == found.parts[i].body());
    }
  }
}

TEST_CASE("who reads a long message to its end gets pieces that end where the store's chunks do") {
  House house;
  const std::string body = "Subject: long\r\n\r\n" + std::string(200'000, 'x') + "\r\n";
  house.deliver(kAlice, body);
  const auto selected = house.select("INBOX");
  std::vector<imap::Entry> entries(1);
  REQUIRE(selected->view()->read(0, entries) == 1);
  const std::string whole = house.octets(*house.mail, entries[0].email);
  const std::size_t front = whole.size() - body.size();
  REQUIRE(front > 0);
  auto read = [&](std::uint64_t at, std::uint64_t count) -> io::Task<Result<imap::Octets>> {
    co_return co_await selected->read(entries[0], message::ImapForm::utf8, at, count);
  };
  std::string got;
  std::vector<std::size_t> ends;
  while (got.size() < whole.size()) {
    got += house.must(read(got.size(), whole.size() - got.size())).octets;
    ends.push_back(got.size() - front);
  }
  CHECK(got == whole);
  CHECK(ends == std::vector<std::size_t>{64 * 1024, 2 * 64 * 1024, 3 * 64 * 1024, body.size()});
  // Whoever wants less gets that, and who begins amid a chunk the rest of it.
  CHECK(house.must(read(0, front + 10)).octets.size() == front + 10);
  CHECK(house.must(read(front + 64 * 1024 - 1, 10)).octets.size() == 1);
  CHECK(house.must(read(front + 64 * 1024, 10)).octets.size() == 10);
}

TEST_CASE("the ASCII form of a message is held neither by what is sent of it nor by a session that waits") {
  House house;
  const auto content = mailbox::make_content("Subject: \xC3\xA9\r\n\r\nbody\r\n");
  house.must(house.mail->append(house.inbox, {{content, {}, {}}}));
  const auto selected = house.select("INBOX");
  imap::Entry entry;
  REQUIRE(selected->view()->read(0, {&entry, 1}) == 1);
  REQUIRE(entry.ascii_form);
  auto read = [&](message::ImapForm form) { return selected->read(entry, form, 0, 1000); };
  auto wait = [](auto value) -> io::Task<Result<imap::Octets>> { co_return co_await std::move(value); };
  const imap::Octets first = house.must(wait(read(message::ImapForm::ascii)));
  // The session holds the form now: more of it comes without waiting. The piece is its owner's only one.
  auto next = read(message::ImapForm::ascii);
  REQUIRE(next.await_ready());
  const imap::Octets second = *next.await_resume();
  for (const imap::Octets* piece : {&first, &second}) {
    CHECK(piece->octets.starts_with("Subject: =?utf-8?"));
    CHECK(piece->owner.use_count() == 1);
  }
  house.must([](ImapMailbox& mailbox) -> io::Task<Result<void>> { co_return co_await mailbox.renew(); }(*selected));
  CHECK(read(message::ImapForm::utf8).await_ready());
  CHECK(!read(message::ImapForm::ascii).await_ready());
  CHECK(house.must(wait(read(message::ImapForm::ascii))).octets == first.octets);
}

TEST_CASE("what the store says of itself is told in fixed words") {
  const Error inner(store::kStoreFull, "preallocate /var/lib/mail: no space");
  CHECK(imap::reply_to(imap_error(inner)).code == "UNAVAILABLE");
  CHECK(imap::reply_to(imap_error(inner)).text == "Temporarily not possible, try again later");
  const Error damage(store::kDamaged, "/var/lib/mail: a body is damaged");
  CHECK(imap::reply_to(imap_error(damage)).code == "CORRUPTION");
  CHECK(imap::reply_to(imap_error(damage)).text.find("/var") == std::string::npos);
}

TEST_CASE("RFC 5256 3: references come from the record, and from the header where the record has none") {
  House house;
  const std::string header = "Message-ID: <3@x>\r\nReferences: <1@x> <2@x>\r\n";
  house.deliver(kAlice, header + "\r\nbody\r\n");
  // Too many recipients to keep the texts ready.
  std::string many = "To: a@b";
  while (many.size() <= mailbox::kReadyTextMax) many += ",\r\n a@b";
  house.deliver(kAlice, many + "\r\n" + header + "\r\nbody\r\n");
  house.deliver(kAlice, "Subject: none\r\n\r\nReferences: <1@x>\r\n");
  const auto selected = house.select("INBOX");
  std::vector<imap::Entry> entries(3);
  REQUIRE(selected->view()->read(0, entries) == 3);
  CHECK(house.must(house.mail->email(entries[0].email))->view().references == "1@x\n2@x\n");
  CHECK(!house.must(house.mail->email(entries[1].email))->view().references);
  const auto ask = [&]() -> io::Task<Result<imap::TextBatch>> {
    co_return co_await selected->texts(entries, imap::kFetchReferences, message::ImapForm::utf8);
  };
  const auto texts = house.must(ask());
  CHECK(texts.messages[0].references == "1@x\n2@x\n");
  CHECK(texts.messages[1].references == "1@x\n2@x\n");
  CHECK(texts.messages[2].references.empty());
}
