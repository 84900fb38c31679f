// What operators see of the queue and do to it, over a store in memory.
#include "agent/queue_verbs.h"

#include <boost/json.hpp>
#include <set>

#include "agent/settings.h"
#include "envelope/path.h"
#include "io/memory.h"
#include "store/volume_memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;
using envelope::DeliveryId;
using namespace std::chrono_literals;

class House {
 public:
  House() {
    configuration_.store.reserve = 0;
    configuration_.auth.argon2_memory_kib = 64;
    configuration_.auth.argon2_passes = 1;
    configuration_.server.hostname = "mx.example.test";
    auto volume = store::open_memory_volume(std::make_shared<store::MemoryDisk>());
    services = *Services::open_on(*std::move(volume), store::StateKind::sorted, configuration_, loop.clock());
    REQUIRE(services->directory().add_domain("example.test"));
  }

  template <class T>
  T run(io::Task<T> task) {
    return test::settled(loop, std::move(task));
  }

  /// One consignment.
  DeliveryId admit_to(const std::string& destination, const std::vector<std::string>& recipients) {
    const std::string text = "Subject: x\r\n\r\ntext\r\n";
    queue::Entry entry;
    entry.id = DeliveryId(++ids_ * 1000);
    entry.sender = *envelope::parse_sender("<alice@example.test>");
    entry.arrived = loop.clock().wall();
    entry.expires = {entry.arrived.microseconds + Duration(120h).count()};
    queue::Lot lot{.destination = destination, .recipients = {}};
    for (const std::string& path : recipients) lot.recipients.push_back(*envelope::parse_recipient(path));
    store::Batch batch;
    const std::size_t body = batch.body(text);
    auto change = services->queue().admit(entry, {std::move(lot)}, body, batch);
    REQUIRE(change);
    commit(std::move(batch), *std::move(change));
    return entry.id;
  }
  /// To bob at each of these destinations.
  DeliveryId admit(const std::vector<std::string>& destinations, const std::string& sender = "<alice@example.test>",
                   const std::string& text = "Subject: x\r\n\r\ntext\r\n") {
    queue::Entry entry;
    entry.id = DeliveryId(++ids_ * 1000);
    entry.sender = *envelope::parse_sender(sender, {.utf8 = envelope::Utf8::accept});
    entry.arrived = loop.clock().wall();
    entry.expires = {entry.arrived.microseconds + Duration(120h).count()};
    entry.prepended = "Received: by test\r\n";
    std::vector<queue::Lot> lots;
    for (const std::string& name : destinations)
      lots.push_back({.destination = name, .recipients = {*envelope::parse_recipient("<bob@" + name + ">")}});
    store::Batch batch;
    const std::size_t body = batch.body(text);
    auto change = services->queue().admit(entry, std::move(lots), body, batch);
    REQUIRE(change);
    commit(std::move(batch), *std::move(change));
    return entry.id;
  }
  void commit(store::Batch batch, queue::Change change) {
    REQUIRE(run(queue::commit(services->tablet(), std::move(batch))));
    change.done();
  }
  std::optional<queue::Job> take(const std::string& destination) {
    REQUIRE(run(services->queue().gather()));
    (void)services->queue().awake();
    return *run(services->queue().take(destination));
  }
  /// The destination refused everybody for now, or was not reached.
  void defer(const std::string& destination) {
    const auto job = take(destination);
    REQUIRE(job);
    auto owed = job->consignment.addressees;
    owed[0].trouble = {.status = "4.2.2", .diagnostic = "452 full\r\n\x1b[2J", .remote = "mx.example", .at = now()};
    store::Batch batch;
    auto change = services->queue().settle(*job, owed, {now().microseconds + Duration(1h).count()}, batch);
    commit(std::move(batch), std::move(change));
  }
  void back_off(const std::string& destination) {
    store::Batch batch;
    auto change = services->queue().back_off(
        destination,
        {.failures = 3,
         .since = now(),
         .next = {now().microseconds + Duration(2h).count()},
         .trouble = {.status = "4.4.1", .diagnostic = "no answer", .remote = {}, .at = now()}},
        batch);
    commit(std::move(batch), std::move(change));
  }
  WallTime now() { return loop.clock().wall(); }

  using Arguments = std::vector<std::pair<std::string, std::string>>;
  Result<std::string> ask(const std::string& verb, const Arguments& arguments) {
    return run(queue_verb(*services, report_terms(configuration_), {.verb = verb, .arguments = arguments}));
  }
  json::object told(const std::string& verb, const Arguments& arguments = {}) {
    const auto answer = ask(verb, arguments);
    REQUIRE_MESSAGE(answer, (answer ? "" : answer.error().text()));
    return json::parse(*answer).as_object();
  }
  std::string state(DeliveryId id, std::size_t which = 0) {
    return std::string(
        told("queue.show", {{"id", id.text()}}).at("destinations").as_array().at(which).at("state").as_string());
  }

  io::SimulatedLoop loop;
  std::unique_ptr<Services> services;

 private:
  configuration::Configuration configuration_;
  std::uint64_t ids_ = 0;
};

}  // namespace

TEST_CASE("a long queue comes page by page, each message once, and filters leave no page out") {
  House house;
  const std::size_t count = 2 * kQueuePage + 1;
  for (std::size_t i = 0; i < count; ++i)
    house.admit({"far.example"}, i + 1 == count ? "<Carol@example.test>" : "<alice@example.test>");
  std::set<std::string> ids;
  std::size_t pages = 0;
  std::size_t carols = 0;
  json::value next = json::string(DeliveryId(0).text());
  for (; next.is_string(); ++pages) {
    const House::Arguments from{{"from", std::string(next.as_string())}};
    House::Arguments of_carol = from;
    of_carol.emplace_back("sender", "carol@");
    carols += house.told("queue.list", of_carol).at("messages").as_array().size();
    const json::object page = house.told("queue.list", from);
    CHECK(page.at("messages").as_array().size() <= kQueuePage);
    for (const json::value& one : page.at("messages").as_array())
      CHECK(ids.insert(std::string(one.at("id").as_string())).second);
    next = page.at("next");
  }
  CHECK(ids.size() == count);
  CHECK(carols == 1);
  CHECK(pages == 4);  // the last one is empty
}

TEST_CASE("a list shows the first recipients of a message and counts all") {
  House house;
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= kListedRecipients; ++i) names.push_back(std::to_string(i) + ".example");
  house.admit(names);
  const json::object message = house.told("queue.list").at("messages").as_array().at(0).as_object();
  CHECK(message.at("recipients").to_number<std::size_t>() == kListedRecipients + 1);
  CHECK(message.at("destinations").as_array().size() == kListedRecipients);
}

TEST_CASE("words and headers of others are escaped, and the text of the message is not shown") {
  House house;
  const DeliveryId id = house.admit({"far.example"}, "<>", "Subject: \x1b[2J\xff\r\n folded\r\n\r\nSecret: text\r\n");
  house.defer("far.example");
  const std::string shown = *house.ask("queue.show", {{"id", id.text()}});
  CHECK(shown.find("\\\\x1b[2J") != std::string::npos);
  CHECK(shown.find("Secret") == std::string::npos);
  const json::object message = json::parse(shown).as_object();
  CHECK(message.at("header").as_array().size() == 3);
  CHECK(message.at("destinations").at(0).at("recipients").at(0).at("trouble").at("words").as_string() ==
        "452 full\\x0d\\x0a\\x1b[2J");
}

TEST_CASE("what is being sent is neither held nor removed, and nothing of the message stays in hand by the asking") {
  House house;
  const DeliveryId id = house.admit({"a.example", "b.example"});
  const auto job = house.take("a.example");
  REQUIRE(job);
  CHECK(house.state(id) == "under way");
  for (const char* verb : {"queue.hold", "queue.release", "queue.remove"}) {
    const auto answer = house.ask(verb, {{"id", id.text()}});
    REQUIRE(!answer);
    CHECK(answer.error().is(queue::kUnderWay));
    CHECK(house.state(id, 1) == "due");
  }
  const json::object retried = house.told("queue.retry", {{"id", id.text()}});
  CHECK(retried.at("under_way").to_number<int>() == 1);
  CHECK(retried.at("due").to_number<int>() == 1);
  house.services->queue().put_back(*job);
  CHECK(house.told("queue.remove", {{"id", id.text()}}).at("recipients").to_number<int>() == 2);
  CHECK(house.ask("queue.show", {{"id", id.text()}}).error().is(queue::kNotQueued));
  CHECK(!house.take("a.example"));
}

TEST_CASE("what does not fit only because it is being sent is to be asked for again, and is no mistake") {
  House house;
  const DeliveryId id = house.admit({"a.example", "b.example"});
  house.defer("a.example");
  house.told("queue.retry", {{"id", id.text()}});
  const auto job = house.take("a.example");
  REQUIRE(job);
  for (const char* verb : {"queue.hold", "queue.release", "queue.remove"}) {
    CAPTURE(verb);
    const auto fails_with = [&](std::vector<std::pair<std::string, std::string>> more) {
      more.insert(more.begin(), {{"id", id.text()}, {"listed", "1"}});
      const auto answer = house.ask(verb, std::move(more));
      return answer ? std::string() : std::string(answer.error().kind().name);
    };
    CHECK(fails_with({{"state", "deferred"}}) == queue::kUnderWay.name);
    CHECK(fails_with({{"state", "deferred"}, {"destination", "a.example"}}) == queue::kUnderWay.name);
    CHECK(fails_with({{"state", "deferred"}, {"recipient", "bob@a"}}) == queue::kUnderWay.name);
    // These will not fit when the attempt is over either.
    CHECK(fails_with({{"state", "held"}}) == "agent.not-alone");
    CHECK(fails_with({{"state", "deferred"}, {"destination", "b.example"}}) == "agent.not-alone");
    CHECK(fails_with({{"state", "deferred"}, {"recipient", "bob@b"}}) == "agent.not-alone");
  }
  // What fits does so whatever becomes of the rest.
  house.defer("b.example");
  house.told("queue.hold", {{"id", id.text()}, {"state", "deferred"}, {"listed", "1"}});
  CHECK(house.state(id, 0) == "under way");
  CHECK(house.state(id, 1) == "held");
}

TEST_CASE("what is changed by what it has in common is that part of a message alone") {
  House house;
  const DeliveryId id = house.admit({"dead.example", "good.example"});
  const auto ask = [&](const std::string& verb, const std::string& name, const std::string& value) {
    return house.run(queue_verb(*house.services, {},
                                {.verb = verb, .arguments = {{"id", id.text()}, {name, value}, {"listed", "1"}}}));
  };
  const auto destinations = [&] {
    std::set<std::string> all;
    const auto whole = house.run(house.services->queue().find(id));
    if (whole)
      for (const auto& part : whole->parts)
        all.insert(part.consignment.destination + (part.consignment.hold == queue::Hold::none ? "" : " held"));
    return all;
  };
  using Set = std::set<std::string>;
  REQUIRE(ask("queue.hold", "destination", "DEAD.example"));
  CHECK(destinations() == Set{"dead.example held", "good.example"});
  REQUIRE(ask("queue.release", "state", "held"));
  CHECK(destinations() == Set{"dead.example", "good.example"});
  CHECK_FALSE(ask("queue.remove", "recipient", "carol@"));
  CHECK_FALSE(ask("queue.remove", "destination", "other.example"));
  REQUIRE(ask("queue.remove", "recipient", "bob@dead"));
  CHECK(destinations() == Set{"good.example"});
  REQUIRE(ask("queue.remove", "destination", "good.example"));
  CHECK(destinations().empty());
  CHECK(*ask("queue.hold", "destination", "good.example") == "{\"id\":\"" + id.text() + "\",\"gone\":true}");
  // Of a consignment with others nothing is taken.
  const DeliveryId both = house.admit_to("good.example", {"<bob@good.example>", "<carol@good.example>"});
  CHECK_FALSE(house.run(queue_verb(
      *house.services, {}, {.verb = "queue.remove", .arguments = {{"id", both.text()}, {"recipient", "bob@"}}})));
  CHECK(house.run(house.services->queue().find(both))->parts.front().consignment.addressees.size() == 2);
}

TEST_CASE("a retry makes a message due, ends the back-off of its destinations, and counts as no attempt") {
  House house;
  const DeliveryId id = house.admit({"a.example", "b.example"});
  house.defer("a.example");
  house.back_off("b.example");
  CHECK(house.state(id, 0) == "deferred");
  CHECK(house.state(id, 1) == "deferred");
  house.told("queue.retry", {{"id", id.text()}});
  CHECK(house.state(id, 0) == "due");
  CHECK(house.state(id, 1) == "due");
  const auto job = house.take("a.example");
  REQUIRE(job);
  CHECK(job->consignment.attempts == 1);
  CHECK(job->consignment.addressees.at(0).trouble.has_value());
  CHECK(house.take("b.example"));
}

TEST_CASE("waking takes a destination or all, leaves what is held, and ends a back-off that is younger not again") {
  House house;
  const DeliveryId a = house.admit({"a.example"});
  const DeliveryId b = house.admit({"b.example"});
  const DeliveryId held = house.admit({"c.example"});
  house.told("queue.hold", {{"id", held.text()}});
  house.defer("a.example");
  house.defer("b.example");
  house.back_off("b.example");
  const json::object first = house.told("queue.wake", {{"destination", "A.example"}});
  CHECK(first.at("messages").to_number<int>() == 1);
  CHECK(house.state(a) == "due");
  CHECK(house.state(b) == "deferred");
  house.loop.advance(1s);
  const json::object all = house.told("queue.wake");
  CHECK(all.at("messages").to_number<int>() == 2);
  CHECK(house.state(b) == "due");
  CHECK(house.state(held) == "held");
  house.loop.advance(1s);
  house.back_off("b.example");
  house.told("queue.wake", {{"since", std::string(all.at("since").as_string())}});
  CHECK(house.state(b) == "deferred");
  CHECK(house.told("queue.wake", {{"destination", "d.example"}}).at("messages").to_number<int>() == 0);
}

TEST_CASE("a message that is removed with a bounce leaves one report for all its recipients, to its sender alone") {
  House house;
  for (const bool null : {false, true}) {
    const DeliveryId id = house.admit({"a.example", "b.example"}, null ? "<>" : "<carol@far.example>");
    const json::object removed = house.told("queue.remove", {{"id", id.text()}, {"bounce", "1"}});
    const auto left = house.told("queue.list").at("messages").as_array();
    REQUIRE(left.size() == 1);
    const auto report = left.at(0).as_object();
    CHECK(removed.at("sender_told").as_bool() == true);
    CHECK(report.at("sender").as_string() == "<>");
    // RFC 5321 §6.1: nobody answers a null reverse-path; that it failed is the postmaster's to know.
    CHECK(report.at("destinations").at(0).at("recipients").at(0).at("address").as_string() ==
          (null ? "postmaster@example.test" : "carol@far.example"));
    CHECK(house.told("queue.remove", {{"id", report.at("id").as_string().c_str()}}).at("sender_told").as_bool() ==
          false);
    CHECK(house.told("queue.list").at("messages").as_array().empty());
  }
}

TEST_CASE("what cannot be is told as a mistake in usage") {
  House house;
  CHECK(house.ask("queue.show", {{"id", "nonsense"}}).error().is(kUsageError));
  CHECK(house.ask("queue.list", {{"state", "odd"}}).error().is(kUsageError));
  CHECK(house.ask("queue.list", {{"from", ""}}).error().is(kUsageError));
  CHECK(house.ask("queue.wake", {{"since", "-1"}}).error().is(kUsageError));
  CHECK(house.ask("queue.burn", {}).error().is(kUsageError));
}

}  // namespace angarium::agent
