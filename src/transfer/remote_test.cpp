// Mail of an IMAP account comes here: our own server as the other side, and servers that do what they should not.
#include "transfer/remote.h"

#include "protocol/imap/testing.h"
#include "sasl/memory_gss.h"
#include "support/dialogue.h"
#include "transfer/remote_session.h"
#include "transfer/test_house.h"

using namespace angarium;
using namespace angarium::transfer;

namespace {

namespace imap = protocol::imap;
using testing::House;

fetch::Url url_of(fetch::Tls tls = fetch::Tls::none) {
  return {.protocol = fetch::Protocol::imap, .tls = tls, .host = "There.test", .port = 143, .user = "fred"};
}

RemoteOptions options_of(fetch::Tls tls = fetch::Tls::none) {
  return {.url = url_of(tls), .password = sasl::Secret::copy("secret"), .key = {}, .folders = {}};
}

/// Our server over a store in memory, each time on a connection of its own.
struct There {
  std::shared_ptr<imap::MemoryStore> store = std::make_shared<imap::MemoryStore>();
  std::shared_ptr<imap::ServerOptions> options = std::make_shared<imap::ServerOptions>();
  There() { store->add_account("fred", "secret"); }
  imap::MemoryAccountState& fred() { return *store->find("fred"); }
  void put(std::string_view mailbox, int count, imap::FlagList flags = {}) {
    for (int i = 0; i < count; ++i)
      imap::MemoryStore::deliver(fred(), mailbox, "Subject: " + std::to_string(++made_) + "\r\n\r\nx\r\n", flags);
  }

  Plan plan;
  Result<std::unique_ptr<RemoteBox>> enter(io::SimulatedLoop& loop, RemoteOptions wanted) {
    auto ends = wire::memory_connections({.offers_tls = false});
    loop.spawn(serve(std::move(ends.server)));
    return RemoteBox::enter(loop, std::move(ends.client), std::move(wanted));
  }
  Report bring(House& house, RemoteOptions wanted, const std::string& into = "") {
    io::SimulatedLoop loop;
    return house.talk([&](Link& link) {
      const auto box = enter(loop, std::move(wanted)).value();
      Import import(link, *box);
      plan = import.plan(into).value();
      return import.run(plan, {});
    });
  }
  Report bring(House& house, const std::string& into = "", std::vector<std::string> folders = {}) {
    RemoteOptions wanted = options_of();
    wanted.folders = std::move(folders);
    return bring(house, std::move(wanted), into);
  }

 private:
  io::Task<> serve(std::unique_ptr<wire::Connection> connection) {
    co_await imap::testing::serve(store, options, imap::MemoryAuthenticator::Plaintext::always, *connection);
    connection->close();
  }
  int made_ = 0;
};

/// Everything up to the messages of INBOX, which has three: 1, 2 and 5.
constexpr std::string_view kOpening =
    "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\n"
    "C: A1 AUTHENTICATE PLAIN AGZyZWQAc2VjcmV0\n"
    "S: A1 OK in\n";
constexpr std::string_view kListed =
    "C: A2 CAPABILITY\n"
    "S: * CAPABILITY IMAP4rev1\n"
    "S: A2 OK\n"
    "C: A3 LIST \"\" \"*\"\n"
    "S: * LIST () \"/\" INBOX\n"
    "S: A3 OK\n"
    "C: A4 LSUB \"\" \"*\"\n"
    "S: A4 OK\n";

std::string selected(int tag, int validity = 7, std::string_view uids = "1 2 5") {
  std::string out = "C: A" + std::to_string(tag) + " EXAMINE INBOX\n";
  int count = 0;
  std::string rows;
  for (std::string_view rest = uids; !rest.empty();) {
    ++count;
    rows += "S: * " + std::to_string(count) + " FETCH (UID " + std::string(take_until(rest, ' ')) + " RFC822.SIZE 3)\n";
  }
  out += "S: * " + std::to_string(count) + " EXISTS\n";
  if (validity != 0) out += "S: * OK [UIDVALIDITY " + std::to_string(validity) + "] ok\n";
  out += "S: A" + std::to_string(tag) + " OK [READ-ONLY] done\n";
  const std::string next = "A" + std::to_string(tag + 1);
  if (count > 0) out += "C: " + next + " UID FETCH 1:* (UID RFC822.SIZE)\n" + rows + "S: " + next + " OK\n";
  return out;
}

std::string asked(int tag, std::string_view set) {
  return "C: A" + std::to_string(tag) + " UID FETCH " + std::string(set) + " (UID FLAGS INTERNALDATE BODY.PEEK[])\n";
}

/// A message whose octets are "uUID\r\n".
std::string letter(int number, int uid,
                   std::string_view more = "FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\"") {
  const std::string body = "u" + std::to_string(uid);
  return "S: * " + std::to_string(number) + " FETCH (UID " + std::to_string(uid) + " " + std::string(more) +
         " BODY[] {" + std::to_string(body.size() + 2) + "}\nS: " + body + "\nS: )\n";
}

struct Told {
  Plan plan;
  Report report;
  std::string missed;
};

/// Imports from a server that says what the script has.
Told hear(House& house, const std::string& text, test::Cutting cutting = {}) {
  std::vector<test::Step> steps;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = take_until(rest, '\n');
    steps.push_back(test::dialogue_step(line).value());
  }
  io::SimulatedLoop loop;
  test::ScriptedServer server(steps, cutting);
  loop.spawn(server.serve());
  Told told;
  told.report = house.talk([&](Link& link) -> Report {
    auto box = RemoteBox::enter(loop, server.take_client_end(), options_of());
    if (!box) return {.counts = {}, .stopped = box.error()};
    Import import(link, **box);
    auto plan = import.plan("");
    if (!plan) return {.counts = {}, .stopped = plan.error()};
    told.plan = *plan;
    return import.run(*plan, {});
  });
  told.missed = server.missed();
  return told;
}

/// The octets of all messages of INBOX here, in their order.
std::string inbox_of(House& house) {
  std::string all;
  const auto view = house.view(house.inbox);
  for (std::uint32_t i = 1; i <= view->size(); ++i) all += house.octets(*house.mail, view->at(i).email);
  return all;
}

}  // namespace

TEST_CASE("all folders of an IMAP account come, with flags, keywords, dates, subscriptions and special uses") {
  There there;
  there.put("INBOX", 3, {.system = imap::kFlagged | imap::kDeleted, .keywords = {"work"}});
  there.put("Sent", 1);
  there.fred().make("lists", 0)->selectable = false;
  there.fred().make("lists/a&b", 0);
  there.fred().make("quiet", 0);
  there.fred().make("Deleted Messages", imap::kNameTrash);
  there.fred().make("Starred", imap::kNameFlagged);
  there.fred().subscriptions.insert("lists/a&b");
  there.put("lists/a&b", 1);
  there.put("Deleted Messages", 2);
  there.put("Starred", 1);
  House house;
  const Report report = there.bring(house);
  CHECK(!report.stopped);
  CHECK(report.counts.imported == 7);
  CHECK(report.defects_found == 0);
  CHECK(there.plan.messages == 7);
  CHECK(there.plan.octets > 100);
  REQUIRE(there.plan.left_out.size() == 1);
  CHECK(there.plan.left_out.front().place == "Starred");
  CHECK(house.count("INBOX") == 3);
  CHECK(house.count("Sent") == 1);
  CHECK(house.count("lists/a&b") == 1);
  CHECK(house.count("Trash") == 2);
  CHECK(house.mail->listing()->find("Deleted Messages") == nullptr);
  CHECK(house.mail->listing()->subscribed("lists/a&b"));
  CHECK(!house.mail->listing()->subscribed("quiet"));
  CHECK(house.first("INBOX") == "Subject: 1\r\n\r\nx\r\n");
  const auto inbox = house.view(house.inbox);
  CHECK(inbox->at(1).flags() == (mailbox::kFlagged | mailbox::kDeleted));
  CHECK(inbox->at(1).date == 1'700'000'000);
  CHECK(inbox->keywords().name(0) == "work");
  // Nothing was changed there.
  CHECK(there.fred().find("INBOX")->entries().size() == 3);

  const Report second = there.bring(house);
  CHECK(second.counts.imported == 0);
  CHECK(second.counts.known == 7);
  CHECK(there.plan.known == 7);
  there.put("INBOX", 2);
  const Report third = there.bring(house);
  CHECK(third.counts.imported == 2);
  CHECK(third.counts.known == 7);
  CHECK(house.count("INBOX") == 5);
  CHECK(mailbox::verify_mail(*house.tablet).value().damage.empty());
}

TEST_CASE("folders that are named come alone, below a mailbox when one is given") {
  There there;
  there.put("INBOX", 1);
  there.fred().make("Starred", imap::kNameFlagged);
  there.put("Starred", 1);
  House house;
  const Report report = there.bring(house, "Old", {"Starred", "Away"});
  CHECK(report.counts.imported == 1);
  CHECK(house.count("Old/Starred") == 1);
  REQUIRE(report.defects.size() == 1);
  CHECK(report.defects.front().place == "Away");
}

TEST_CASE("windows of many messages are asked for at once, and those between them that are known are not") {
  There there;
  there.put("INBOX", 4500);
  House house;
  CHECK(there.bring(house).counts.imported == 4500);
  CHECK(house.count("INBOX") == 4500);
  there.put("INBOX", 1);
  const Report second = there.bring(house);
  CHECK(second.counts.imported == 1);
  CHECK(second.counts.known == 4500);
}

TEST_CASE("a server's own words for names: prefix of what is one's own, delimiters, and what belongs to others") {
  House house;
  const Told told =
      hear(house, std::string(kOpening) +
                      "C: A2 CAPABILITY\nS: * CAPABILITY IMAP4rev1 NAMESPACE\nS: A2 OK\n"
                      "C: A3 NAMESPACE\nS: * NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) NIL\nS: A3 OK\n"
                      "C: A4 LIST \"\" \"*\"\n"
                      "S: * LIST () \".\" INBOX\n"
                      "S: * LIST () \".\" INBOX.Gesendet\n"
                      "S: * LIST () \".\" INBOX.a/b.c\n"
                      "S: * LIST (\\Noselect) \".\" INBOX.no\n"
                      "S: * LIST () \".\" user.wilma\n"
                      "S: A4 OK\n"
                      "C: A5 LSUB \"\" \"*\"\nS: A5 NO what\n" +
                      "C: A6 EXAMINE INBOX\nS: * 0 EXISTS\nS: A6 OK\n"
                      "C: A7 EXAMINE INBOX.Gesendet\nS: * 0 EXISTS\nS: A7 OK\n"
                      "C: A8 EXAMINE INBOX.a/b.c\nS: A8 NO locked\n"
                      "C: A9 EXAMINE INBOX\nS: * 0 EXISTS\nS: A9 OK\n"
                      "C: A10 EXAMINE INBOX.Gesendet\nS: * 0 EXISTS\nS: A10 OK\n");
  CHECK(told.missed.empty());
  REQUIRE(told.plan.folders.size() == 3);
  CHECK(told.plan.folders[1].target == "Sent");
  CHECK(told.plan.folders[2].target == "a_b/c");
  CHECK(told.plan.folders[2].refused.find("locked") != std::string::npos);
  REQUIRE(told.plan.left_out.size() == 1);
  CHECK(told.plan.left_out.front().place == "user.wilma");
  CHECK(!told.report.stopped);
  REQUIRE(told.report.defects.size() == 1);
}

TEST_CASE("an answer in any order, news in between, no date, a quoted message: all comes as it was told") {
  House house;
  const std::string text =
      std::string(kOpening) + std::string(kListed) + selected(5) + selected(7) + asked(9, "1:5") +
      letter(3, 5, "FLAGS (\\Seen \\Recent $x)") + "S: * 4 EXISTS\nS: * 1 FETCH (FLAGS (\\Draft))\n" +
      "S: * 1 FETCH (BODY[] {37}\nS-raw: Date: Thu, 22 Nov 2007 13:02:41 +0100 FLAGS () INTERNALDATE NIL UID "
      "1)\\r\\n\n" +
      "S: * 2 FETCH (UID 2 FLAGS () INTERNALDATE \"01-Jan-2000 00:00:00 +0200\" BODY[] \"quoted\")\nS: A9 OK\n";
  const Told told = hear(house, text);
  CHECK(told.missed.empty());
  CHECK(!told.report.stopped);
  CHECK(told.report.counts.imported == 3);
  CHECK(told.report.defects_found == 0);
  CHECK(inbox_of(house) == "u5\r\nDate: Thu, 22 Nov 2007 13:02:41 +0100quoted");
  const auto view = house.view(house.inbox);
  CHECK(view->at(1).flags() == mailbox::kSeen);
  CHECK(view->at(2).date == 1195732961);
  CHECK(view->at(3).date == 946677600);
}

TEST_CASE("what is expunged in between does not come; what the server cannot give is a defect, and the others come") {
  House house;
  const std::string text = std::string(kOpening) + std::string(kListed) + selected(5) + selected(7) + asked(9, "1:5") +
                           letter(1, 1) + "S: A9 NO [SERVERBUG] cannot read one\n" + asked(10, "2") +
                           "S: A10 NO [EXPUNGEISSUED] gone\n" + asked(11, "5") + "S: A11 NO [SERVERBUG] broken\n";
  const Told told = hear(house, text);
  CHECK(told.missed.empty());
  CHECK(!told.report.stopped);
  CHECK(told.report.counts.imported == 1);
  REQUIRE(told.report.defects.size() == 1);
  CHECK(told.report.defects.front().place == "INBOX, message with the UID 5");
  CHECK(told.report.defects.front().words.find("broken") != std::string::npos);

  House other;
  const Told nil =
      hear(other, std::string(kOpening) + std::string(kListed) + selected(5) + selected(7) + asked(9, "1:5") +
                      "S: * 1 FETCH (UID 1 BODY[] NIL)\n" + letter(2, 2) + letter(3, 5) + "S: A9 OK\n");
  CHECK(nil.report.counts.imported == 2);
  REQUIRE(nil.report.defects.size() == 1);
}

TEST_CASE("a server that breaks off, or sends what nobody asked for, ends the import; what came is kept, once") {
  const std::string before =
      std::string(kOpening) + std::string(kListed) + selected(5) + selected(7) + asked(9, "1:5") + letter(1, 1);
  struct Odd {
    std::string says;
    std::string words;
    std::uint64_t imported;
  };
  const std::vector<Odd> odds = {
      {"S: * BYE going down\nCLOSE\n", "going down", 1},
      {"S: * 2 FETCH (UID 2 FLAGS () BODY[] {4000}\nS: u2\nCLOSE\n", "", 1},
      // A literal that is longer than was said.
      {"S: * 2 FETCH (UID 2 FLAGS () BODY[] {3}\nS: u2-and-more\nS: )\n", "", 1},
      {letter(1, 1), "not asked for", 1},
      {letter(9, 9), "not asked for", 1},
      {"S: * 2 FETCH (BODY[] {2}\nS: xx)\n", "not asked for", 1},
      {"S: A9 BAD what\n", "what", 1},
      {"S: A9 NO [UNAVAILABLE] later\n", "later", 1},
  };
  for (const Odd& odd : odds) {
    House house;
    const Told told = hear(house, before + odd.says);
    REQUIRE_MESSAGE(told.report.stopped, odd.says);
    CHECK_MESSAGE(told.report.stopped->text().find(odd.words) != std::string::npos, told.report.stopped->text());
    CHECK_MESSAGE(told.report.counts.imported == odd.imported, odd.says);
    CHECK(inbox_of(house) == "u1\r\n");
    // The next run brings the others.
    const Told again = hear(house, std::string(kOpening) + std::string(kListed) + selected(5) + selected(7) +
                                       asked(9, "2:5") + letter(2, 2) + letter(3, 5) + "S: A9 OK\n");
    CHECK(again.missed.empty());
    CHECK(again.plan.known == 1);
    CHECK(again.report.counts.imported == 2);
    CHECK(inbox_of(house) == "u1\r\nu2\r\nu5\r\n");
  }
}

TEST_CASE("what a server sends without literals, and what it tells beside, has an end: it cannot fill the memory") {
  const std::string before = std::string(kOpening) + std::string(kListed) + selected(5) + selected(7) + asked(9, "1:5");
  const auto quoted = [&](std::size_t octets) {
    // The label counts, too.
    return before + "S: * 1 FETCH (UID 1 FLAGS () BODY[] \"" + std::string(octets - 6, 'q') + "\")\n" + letter(2, 2) +
           letter(3, 5) + "S: A9 OK\n";
  };
  House house;
  const Told most = hear(house, quoted(kQuotedMax));
  CHECK(!most.report.stopped);
  CHECK(most.report.counts.imported == 3);
  House other;
  const Told more = hear(other, quoted(kQuotedMax + 1));
  REQUIRE(more.report.stopped);
  CHECK(more.report.stopped->is(imap::kServerBroke));
  CHECK(more.report.counts.imported == 0);
  // What is told beside a message lies there twice: as the message begins and as it ends.
  for (const std::size_t more_than : {0, 1}) {
    House third;
    const auto told_beside = [&](int number, int uid, std::size_t quoted) {
      return "S: * " + std::to_string(number) + " FETCH (UID " + std::to_string(uid) + " FLAGS () BODY[] \"" +
             std::string(quoted, 'q') + "\" ENVELOPE (\"" + std::string(kAheadMax / 4 - 4, 'e') + "\"))\n";
    };
    const Told beside = hear(third, before + told_beside(1, 1, 0) + told_beside(2, 2, more_than) + "S: A9 OK\n" +
                                        asked(10, "5") + "S: A10 OK\n");
    CHECK(beside.report.stopped.has_value() == (more_than != 0));
    CHECK(beside.report.counts.imported == (more_than != 0 ? 1 : 2));
  }
}

TEST_CASE("cut at every octet an import comes to an end, and the next one brings what is missing") {
  const std::string text = std::string(kOpening) + std::string(kListed) + selected(5) + selected(7) + asked(9, "1:5") +
                           letter(1, 1) + letter(2, 2) + letter(3, 5) + "S: A9 OK\n";
  std::size_t said = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = take_until(rest, '\n');
    if (line.starts_with("S:")) said += line.size() - 3 + 2;
  }
  for (std::size_t drop = 0; drop < said; drop += 7) {
    House house;
    const Told told = hear(house, text, {.octets = drop % 2 == 0, .drop_after = drop});
    CHECK_MESSAGE(told.report.stopped, drop);
    std::string known = inbox_of(house);
    CHECK(std::string_view("u1\r\nu2\r\nu5\r\n").starts_with(known));
    There there;
    CHECK(mailbox::verify_mail(*house.tablet).value().damage.empty());
  }
}

TEST_CASE("under another UIDVALIDITY what is here is known by its octets, and from then on by its new numbers") {
  House house;
  const auto all = [](int tag, std::string_view set) {
    return asked(tag, set) + letter(1, 1) + letter(2, 2) + letter(3, 5);
  };
  const std::string begin = std::string(kOpening) + std::string(kListed);
  CHECK(hear(house, begin + selected(5) + selected(7) + all(9, "1:5") + "S: A9 OK\n").report.counts.imported == 3);
  // Other numbers: two old messages and a new one.
  const std::string renumbered = asked(9, "11:13") + "S: * 1 FETCH (UID 11 BODY[] {4}\nS: u2\nS: )\n" +
                                 "S: * 2 FETCH (UID 12 BODY[] {4}\nS: u5\nS: )\n" + letter(3, 13) + "S: A9 OK\n";
  const Told second = hear(house, begin + selected(5, 8, "11 12 13") + selected(7, 8, "11 12 13") + renumbered);
  CHECK(second.missed.empty());
  REQUIRE(second.plan.folders.size() == 1);
  CHECK(second.plan.folders[0].renumbered);
  CHECK(!second.report.stopped);
  CHECK(second.report.counts.imported == 1);
  CHECK(second.report.counts.known == 2);
  CHECK(inbox_of(house) == "u1\r\nu2\r\nu5\r\nu13\r\n");
  const Told third = hear(house, begin + selected(5, 8, "11 12 13") + selected(7, 8, "11 12 13"));
  CHECK(third.missed.empty());
  CHECK(!third.plan.folders[0].renumbered);
  CHECK(third.report.counts.known == 3);
  CHECK(!third.report.stopped);
}

TEST_CASE("a renumbering that is broken off is taken up again, and nothing comes twice") {
  House house;
  const std::string begin = std::string(kOpening) + std::string(kListed);
  CHECK(hear(house, begin + selected(5) + selected(7) + asked(9, "1:5") + letter(1, 1) + letter(2, 2) + letter(3, 5) +
                        "S: A9 OK\n")
            .report.counts.imported == 3);
  const std::string again = begin + selected(5, 8, "11 12 13") + selected(7, 8, "11 12 13");
  const std::string first = "S: * 1 FETCH (UID 11 BODY[] {4}\nS: u1\nS: )\n";
  const std::string rest =
      "S: * 2 FETCH (UID 12 BODY[] {4}\nS: u2\nS: )\nS: * 3 FETCH (UID 13 BODY[] {4}\nS: u5\nS: )\nS: A9 OK\n";
  const Told broken = hear(house, again + asked(9, "11:13") + first + "S: * BYE\nCLOSE\n");
  CHECK(broken.report.stopped);
  CHECK(broken.report.counts.imported == 0);
  const Told taken_up = hear(house, again + asked(9, "12:13") + rest);
  CHECK(taken_up.missed.empty());
  CHECK(taken_up.plan.folders[0].renumbered);
  CHECK(taken_up.report.counts.imported == 0);
  CHECK(taken_up.report.counts.known == 3);
  CHECK(inbox_of(house) == "u1\r\nu2\r\nu5\r\n");
}

TEST_CASE("without lasting UIDs messages are known by their octets; equal ones are as many as there") {
  House house;
  const auto run = [&](int count) {
    const std::string uids = count == 2 ? "1 2" : "1 2 3";
    const std::string set = count == 2 ? "1:2" : "1:3";
    std::string letters;
    for (int i = 1; i <= count; ++i)
      letters += "S: * " + std::to_string(i) + " FETCH (UID " + std::to_string(i) + " BODY[] {6}\nS: same\nS: )\n";
    // The plan reads them, too.
    return hear(house, std::string(kOpening) + std::string(kListed) + selected(5, 0, uids) + asked(7, set) + letters +
                           "S: A7 OK\n" + selected(8, 0, uids) + asked(10, set) + letters + "S: A10 OK\n");
  };
  const Told first = run(2);
  CHECK(first.missed.empty());
  CHECK(first.report.counts.imported == 2);
  CHECK(run(2).report.counts.imported == 0);
  CHECK(run(3).report.counts.imported == 1);
  CHECK(inbox_of(house) == "same\r\nsame\r\nsame\r\n");
}

TEST_CASE(
    "who has a ticket is let in by it, under a layer where there is no TLS; without one it is tried again later") {
  There there;
  there.store->mechanisms = {"PLAIN", "GS2-KRB5", "GSSAPI"};
  there.put("INBOX", 2);
  std::string asked;
  RemoteOptions wanted = options_of();
  wanted.password = sasl::Secret();
  wanted.has = sasl::Needs::ticket;
  wanted.ticket = [&](const sasl::ClientContext& context) -> Result<std::unique_ptr<sasl::GssContext>> {
    asked = context.service + "@" + context.host;
    if (context.protection_max != sasl::Protection::confidentiality) return fail(sasl::kUnavailable, "no layer");
    return sasl::memory_gss_initiator("fred", "imap");
  };
  RemoteOptions without = options_of();
  without.has = sasl::Needs::ticket;
  without.ticket = [](const sasl::ClientContext&) -> Result<std::unique_ptr<sasl::GssContext>> {
    return fail(sasl::kUnavailable, "the ticket is over");
  };
  House house;
  CHECK(there.bring(house, std::move(wanted)).counts.imported == 2);
  CHECK(asked == "imap@There.test");
  io::SimulatedLoop loop;
  const auto none = there.enter(loop, std::move(without));
  REQUIRE(!none);
  CHECK(none.error().is(sasl::kUnavailable));
}

TEST_CASE("who is not let in hears why, and a password goes to no stranger") {
  io::SimulatedLoop loop;
  const auto enter = [&](const std::string& text, RemoteOptions options) {
    std::vector<test::Step> steps;
    for (std::string_view rest = text; !rest.empty();)
      steps.push_back(test::dialogue_step(take_until(rest, '\n')).value());
    test::ScriptedServer server(steps, {});
    loop.spawn(server.serve());
    auto box = RemoteBox::enter(loop, server.take_client_end(), std::move(options));
    const Result<> outcome = box ? Result<>() : std::unexpected(box.error());
    if (box) box->reset();
    loop.run();
    CHECK(server.missed().empty());
    return outcome;
  };
  const auto wrong = enter(std::string("S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\n"
                                       "C: A1 AUTHENTICATE PLAIN AGZyZWQAc2VjcmV0\n"
                                       "S: A1 NO [AUTHENTICATIONFAILED] no\n"),
                           options_of());
  CHECK(wrong.error().is(kNotLetIn));
  // The pretended TLS of this test has no certificate at all.
  const std::string tls = "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi\nC: A1 STARTTLS\nS: A1 OK\nTLS\nCLOSE\n";
  CHECK(enter(tls, options_of(fetch::Tls::starttls)).error().is(kStranger));
  RemoteOptions pinned = options_of(fetch::Tls::starttls);
  pinned.key = std::string(64, 'a');
  CHECK(enter(tls, std::move(pinned)).error().is(kStranger));
}
