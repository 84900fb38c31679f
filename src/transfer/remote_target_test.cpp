// Mail of ours goes to an IMAP account: our own server as the other side, and servers that do what they should not.
#include "transfer/remote_target.h"

#include <algorithm>
#include <map>

#include "io/memory.h"
#include "protocol/imap/testing.h"
#include "support/dialogue.h"
#include "transfer/export.h"
#include "transfer/remote_session.h"
#include "transfer/spool.h"
#include "transfer/test_house.h"
#include "transfer/testing.h"

using namespace angarium;
using namespace angarium::transfer;

namespace {

namespace imap = protocol::imap;
using testing::House;

RemoteOptions options_of() {
  return {.url = {.protocol = fetch::Protocol::imap,
                  .tls = fetch::Tls::none,
                  .host = "There.test",
                  .port = 143,
                  .user = "fred"},
          .password = sasl::Secret::copy("secret"),
          .key = {},
          .folders = {}};
}

struct Exporting : House {
  void add(const std::string& name, const std::string& octets, mailbox::FlagNames flags = {},
           std::int64_t received = 1195736561, int zone_minutes = 0) {
    if (mail->listing()->find(name) == nullptr) must(mail->create(name));
    must(mail->append(id(name), {{.content = mailbox::make_content(octets),
                                  .flags = std::move(flags),
                                  .received = WallTime::from_seconds(received),
                                  .zone_minutes = zone_minutes}}));
  }

  ExportPlan plan;
  ExportReport write(io::Loop& loop, std::unique_ptr<wire::Connection> connection, const std::string& pattern = "*") {
    return talk(
        [&](Link& link) -> ExportReport {
          auto target = RemoteTarget::enter(loop, link, std::move(connection), options_of());
          if (!target) return {.defects = {}, .stopped = target.error()};
          Export work(link, **target);
          auto planned = work.plan(pattern);
          if (!planned) return {.defects = {}, .stopped = planned.error()};
          plan = *std::move(planned);
          return work.run(plan, {});
        },
        give);
  }
};

/// Our server over a store in memory, each time on a connection of its own.
struct There {
  std::shared_ptr<imap::MemoryStore> store = std::make_shared<imap::MemoryStore>();
  std::shared_ptr<imap::ServerOptions> options = std::make_shared<imap::ServerOptions>();
  There() { store->add_account("fred", "secret"); }
  imap::MemoryAccountState& fred() { return *store->find("fred"); }

  ExportReport take(Exporting& house, const std::string& pattern = "*", io::Faults faults = {}) {
    io::SimulatedLoop loop;
    auto pair = io::memory_pair({.first = {}, .second = {}});
    loop.spawn(serve(wire::plain_connection(std::move(pair.second))));
    return house.write(loop, wire::plain_connection(io::faulty(std::move(pair.first), faults)), pattern);
  }

  /// What a mailbox holds, in the order of its UIDs.
  std::string told(std::string_view name) {
    const auto box = fred().find(name);
    if (box == nullptr) return "none";
    std::string text;
    const std::vector<std::string> keywords = box->keywords();
    for (const imap::Entry& entry : box->entries()) {
      text += std::to_string(entry.date.seconds) + " " + std::to_string(entry.flags);
      for (std::size_t i = 0; i < keywords.size(); ++i)
        if ((entry.keywords >> i & 1) != 0) text += " " + keywords[i];
      text += ": " + fred().emails.at(entry.email)->octets + "\n";
    }
    return text;
  }

 private:
  io::Task<> serve(std::unique_ptr<wire::Connection> connection) {
    co_await imap::testing::serve(store, options, imap::MemoryAuthenticator::Plaintext::always, *connection);
    connection->close();
  }
};

std::string letter(int number) { return "Subject: " + std::to_string(number) + "\r\n\r\nx\r\n"; }

/// Exports to a server that says what the script has.
ExportReport hear(Exporting& house, const std::string& text, test::Cutting cutting = {},
                  std::string* missed = nullptr) {
  std::vector<test::Step> steps;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = take_until(rest, '\n');
    steps.push_back(test::dialogue_step(line).value());
  }
  io::SimulatedLoop loop;
  test::ScriptedServer server(steps, cutting);
  loop.spawn(server.serve());
  ExportReport report = house.write(loop, server.take_client_end(), "lists/*");
  if (missed != nullptr) *missed = server.missed();
  loop.destroy_tasks();
  return report;
}

constexpr std::string_view kOpening =
    "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR NAMESPACE CREATE-SPECIAL-USE APPENDLIMIT=60] hi\n"
    "C: A1 AUTHENTICATE PLAIN AGZyZWQAc2VjcmV0\n"
    "S: * CAPABILITY IMAP4rev1 NAMESPACE CREATE-SPECIAL-USE APPENDLIMIT=60\n"
    "S: A1 OK in\n"
    "C: A2 NAMESPACE\n"
    "S: * NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\n"
    "S: A2 OK\n"
    "C: A3 LIST \"\" \"*\"\n"
    "S: * LIST () \".\" INBOX\n"
    "S: A3 OK\n";

}  // namespace

TEST_CASE("all mailboxes go to an IMAP account, with flags, keywords, dates, hierarchy and special uses") {
  Exporting house;
  house.add("INBOX", letter(1), {.system = mailbox::kSeen | mailbox::kFlagged, .keywords = {"work"}}, 1195736561, 60);
  house.add("INBOX", letter(2), {}, 1195736999);
  house.add("lists/Entwürfe", letter(3), {.system = mailbox::kDeleted | mailbox::kDraft, .keywords = {}});
  house.add("Sent", letter(4));
  There there;
  there.fred().mailboxes.erase("Sent");
  there.fred().make("Gesendet", imap::kNameSent);
  const ExportReport report = there.take(house);
  CHECK(!report.stopped);
  CHECK(report.exported == 4);
  CHECK(report.defects_found == 0);
  CHECK(house.plan.messages == 4);
  CHECK(there.told("INBOX") == "1195736561 5 work: " + letter(1) + "\n1195736999 0: " + letter(2) + "\n");
  CHECK(there.told("lists/Entwürfe") == "1195736561 24: " + letter(3) + "\n");
  CHECK(there.told("Gesendet") == "1195736561 0: " + letter(4) + "\n");
  CHECK(there.told("Sent") == "none");
  CHECK(there.fred().subscriptions.contains("lists/Entwürfe"));
  const ExportReport again = there.take(house);
  CHECK(again.exported == 0);
  CHECK(again.known == 4);
  CHECK(house.plan.known == 4);
}

TEST_CASE("what was removed there does not go again, what is new does, and so does all to a mailbox made anew") {
  Exporting house;
  house.add("work", letter(1));
  There there;
  CHECK(there.take(house, "work").exported == 1);
  const auto box = there.fred().find("work");
  box->publish({}, 2, there.fred().modseq + 1, {});
  // The same octets at the same time, once more: it is another message.
  house.add("work", letter(1));
  CHECK(there.take(house, "work").exported == 1);
  CHECK(there.told("work") == "1195736561 0: " + letter(1) + "\n");
  house.add("work", letter(1));
  CHECK(there.take(house, "work").exported == 1);
  CHECK(there.told("work") == "1195736561 0: " + letter(1) + "\n1195736561 0: " + letter(1) + "\n");
  there.fred().mailboxes.erase("work");
  CHECK(there.take(house, "work").exported == 3);
}

TEST_CASE("an export that breaks at any point goes on, and every message is there once") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed ", seed);
    Exporting house;
    std::string expected;
    for (int i = 0; i < 12; ++i) {
      // Equal ones, too.
      const std::string octets = letter(i / 2) + std::string(static_cast<std::size_t>(i / 2) * 90, 'y') + "\r\n";
      house.add("work", octets, {.system = mailbox::kSeen, .keywords = {}});
      expected += "1195736561 1: " + octets + "\n";
    }
    There there;
    for (std::uint64_t run = 0; run < 3; ++run)
      (void)there.take(house, "work", {.seed = seed * 10 + run, .reset_per_million = 12'000, .most = 400});
    const ExportReport last = there.take(house, "work");
    CHECK(!last.stopped);
    CHECK(last.exported + last.known == 12);
    CHECK(there.told("work") == expected);
  }
}

TEST_CASE("what the server took of a killed export, of which nobody remembers anything, does not go again") {
  Exporting house;
  for (int i = 1; i <= 3; ++i) house.add("work", letter(i));
  There there;
  for (int i : {1, 3}) {
    imap::MemoryStore::deliver(there.fred(), "INBOX", letter(i));
  }
  // As an export left them that was killed before it could say so.
  there.fred().now = WallTime::from_seconds(1195736561);
  there.fred().make("work", 0);
  for (int i : {3, 1}) imap::MemoryStore::deliver(there.fred(), "work", letter(i));
  // One of another time, and one of the same time and size that is another.
  imap::MemoryStore::deliver(there.fred(), "work", letter(9));
  const ExportReport report = there.take(house, "work");
  CHECK(report.exported == 1);
  CHECK(report.known == 2);
  CHECK(there.take(house, "work").known == 3);
  CHECK(there.fred().find("work")->entries().size() == 4);
}

TEST_CASE("a message beyond what is held in memory goes as a stream") {
  Exporting house;
  const testing::Place place;
  const std::string body(3 * kSpoolMemory, 'x');
  const std::string one = "From a@b Thu Nov 22 13:02:41 2007\nSubject: x\n\n" + body + "\n\n";
  house.bring(place.write("work", one + one));
  There there;
  CHECK(there.take(house, "work").exported == 2);
  const std::string expected = "1195736561 0: Subject: x\r\n\r\n" + body + "\r\n\n";
  CHECK(there.told("work") == expected + expected);
}

TEST_CASE("messages beyond the quota there are told one by one, and the others go") {
  Exporting house;
  house.add("work", letter(1));
  house.add("work", letter(2) + std::string(500, 'x'));
  house.add("work", letter(3));
  There there;
  there.fred().quota = 300;
  const ExportReport report = there.take(house, "work");
  CHECK(!report.stopped);
  CHECK(report.exported == 2);
  REQUIRE(report.defects.size() == 1);
  CHECK(report.defects.front().place == "work, UID 2");
  CHECK(report.defects.front().words.find("OVERQUOTA") != std::string::npos);
  there.fred().quota = UINT64_MAX;
  const ExportReport again = there.take(house, "work");
  CHECK(again.exported == 1);
  CHECK(again.known == 2);
}

TEST_CASE("a server with other ways: prefix, delimiter, fixed keywords, limits, refusals") {
  const auto add_all = [](Exporting& house) {
    house.add("lists/a.b", letter(1), {.system = mailbox::kSeen, .keywords = {"known", "unknown"}}, 1195736561, 60);
    house.add("lists/a.b", letter(2) + std::string(60, 'x'));
    house.add("lists/c", letter(3));
  };
  const std::string text = std::string(kOpening) +
                           "C: A4 CREATE INBOX.lists.a_b\n"
                           "S: A4 OK made\n"
                           "C: A5 SUBSCRIBE INBOX.lists.a_b\n"
                           "S: A5 NO no\n"
                           "C: A6 SELECT INBOX.lists.a_b\n"
                           "S: * 0 EXISTS\n"
                           "S: * OK [PERMANENTFLAGS (\\Seen known)] these\n"
                           "S: * OK [UIDVALIDITY 7] ok\n"
                           "S: A6 OK [READ-WRITE] in\n"
                           "C: A7 APPEND INBOX.lists.a_b (\\Seen known) \"22-Nov-2007 14:02:41 +0100\" {17}\n"
                           "S: + go\n"
                           "C-raw: Subject: 1\\r\\n\\r\\nx\\r\\n\\r\\n\n"
                           "S: A7 OK [APPENDUID 7 1] in\n"
                           "C: A8 CREATE INBOX.lists.c\n"
                           "S: A8 OK made\n"
                           "C: A9 SUBSCRIBE INBOX.lists.c\n"
                           "S: A9 OK\n"
                           "C: A10 SELECT INBOX.lists.c\n"
                           "S: * 0 EXISTS\n"
                           "S: * OK [UIDVALIDITY 8] ok\n"
                           "S: A10 OK [READ-WRITE] in\n"
                           "C: A11 APPEND INBOX.lists.c () \"22-Nov-2007 13:02:41 +0000\" {17}\n"
                           "S: A11 NO [OVERQUOTA] full\n";
  std::size_t said = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = take_until(rest, '\n');
    if (line.starts_with("S: ")) said += test::dialogue_step(line).value().text.size();
  }
  const auto check = [&](test::Cutting cutting) {
    Exporting house;
    add_all(house);
    std::string missed;
    const ExportReport report = hear(house, text, cutting, &missed);
    CHECK(missed == "");
    CHECK(!report.stopped);
    CHECK(report.exported == 1);
    REQUIRE(report.defects_found == 2);
    CHECK(report.defects[0].place == "lists/a.b, UID 2");
    CHECK(report.defects[0].words.find("60 octets") != std::string::npos);
    CHECK(report.defects[1].words.find("[OVERQUOTA] full") != std::string::npos);
  };
  check({});
  check({.octets = true});
  // Broken off: nothing that was not confirmed counts, and the talk with our server ends in good order.
  for (std::size_t after = 0; after < said; after += 7) {
    INFO("dropped after ", after);
    Exporting house;
    add_all(house);
    const ExportReport report = hear(house, text, {.drop_after = after});
    CHECK(report.stopped);
    CHECK(report.exported <= 1);
  }
}

TEST_CASE("RFC 9051 7.1.3: a message that the server answers BAD to is told, and the next one goes") {
  Exporting house;
  house.add("lists/c", letter(1));
  house.add("lists/c", letter(2));
  const std::string text = std::string(kOpening) +
                           "C: A4 CREATE INBOX.lists.c\n"
                           "S: A4 OK made\n"
                           "C: A5 SUBSCRIBE INBOX.lists.c\n"
                           "S: A5 OK\n"
                           "C: A6 SELECT INBOX.lists.c\n"
                           "S: * 0 EXISTS\n"
                           "S: * OK [UIDVALIDITY 7] ok\n"
                           "S: A6 OK [READ-WRITE] in\n"
                           "C: A7 APPEND INBOX.lists.c () \"22-Nov-2007 13:02:41 +0000\" {17}\n"
                           "S: + go\n"
                           "C-raw: Subject: 1\\r\\n\\r\\nx\\r\\n\\r\\n\n"
                           "S: A7 BAD its header is not for me\n"
                           "C: A8 APPEND INBOX.lists.c () \"22-Nov-2007 13:02:41 +0000\" {17}\n"
                           "S: + go\n"
                           "C-raw: Subject: 2\\r\\n\\r\\nx\\r\\n\\r\\n\n"
                           "S: A8 OK [APPENDUID 7 1] in\n";
  std::string missed;
  const ExportReport report = hear(house, text, {}, &missed);
  CHECK(missed == "");
  CHECK(!report.stopped);
  CHECK(report.exported == 1);
  REQUIRE(report.defects_found == 1);
  CHECK(report.defects[0].place == "lists/c, UID 1");
  CHECK(report.defects[0].words.find("its header is not for me") != std::string::npos);
}

TEST_CASE("an export waits for what the server may still be taking, and not where all that was sent is known") {
  const std::string select =
      " SELECT INBOX.lists.c\n"
      "S: * 0 EXISTS\n"
      "S: * OK [UIDVALIDITY 8] ok\n";
  const std::string opening = std::string(kOpening) +
                              "C: A4 CREATE INBOX.lists.c\n"
                              "S: A4 OK made\n"
                              "C: A5 SUBSCRIBE INBOX.lists.c\n"
                              "S: A5 OK\n"
                              "C: A6" +
                              select + "S: A6 OK [READ-WRITE] in\n";
  const std::string append =
      " APPEND INBOX.lists.c () \"22-Nov-2007 13:02:41 +0000\" {17}\n"
      "S: + go\n"
      "C-raw: Subject: 1\\r\\n\\r\\nx\\r\\n\\r\\n\n";
  const std::string refused = opening + "C: A7" + append + "S: A7 NO not this one\n";
  const std::string looks_first =
      opening + "C: A7" + select + "S: A7 OK [READ-WRITE] in\n" + "C: A8" + append + "S: A8 NO not this one\n";
  for (const int times : {0, 1, 2, 3, 64, 65}) {
    CAPTURE(times);
    Exporting house;
    house.add("lists/c", letter(1));
    const auto hears = [&](const std::string& text) {
      std::string missed;
      const ExportReport report = hear(house, text, {}, &missed);
      CHECK(missed == "");
      CHECK(!report.stopped);
      CHECK(report.defects_found == 1);
    };
    for (int run = 0; run < times; ++run) hears(refused);
    // Whatever was settled before, what breaks off now is not.
    std::size_t said = 0;
    std::string_view rest = opening;
    while (!rest.empty())
      if (const auto line = take_until(rest, '\n'); line.starts_with("S: "))
        said += test::dialogue_step(line).value().text.size();
    CHECK(hear(house, refused, {.drop_after = said + 2}).stopped);
    hears(looks_first);
    hears(refused);
    hears(refused);
  }
}

TEST_CASE("names of ours become names of the server's") {
  CHECK(name_there("INBOX", '.', "INBOX.") == "INBOX");
  CHECK(name_there("lists/a.b", '.', "INBOX.") == "INBOX.lists.a_b");
  CHECK(name_there("INBOX/x", '.', "INBOX.") == "INBOX.x");
  CHECK(name_there("INBOX/x", '/', "") == "INBOX/x");
  CHECK(name_there("lists/a.b", '/', "") == "lists/a.b");
  CHECK(name_there("lists/a", std::nullopt, "") == "lists_a");
}
