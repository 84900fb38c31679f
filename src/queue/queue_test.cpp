#include "queue/queue.h"

#include <algorithm>
#include <set>

#include "queue/limits.h"
#include "queue/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::queue;
using namespace angarium::queue::test;
using namespace std::chrono_literals;

namespace {

std::vector<Addressee> troubled(const Job& job, const std::string& words) {
  std::vector<Addressee> owed = job.consignment.addressees;
  for (Addressee& one : owed) one.trouble = {.status = "4.2.2", .diagnostic = words, .remote = "mx.example", .at = {7}};
  return owed;
}

void back_off(World& world, const std::string& name, Duration later) {
  store::Batch batch;
  Change change =
      world.queue->back_off(name,
                            {.failures = 1,
                             .since = world.loop.clock().wall(),
                             .next = {world.loop.clock().wall().microseconds + later.count()},
                             .trouble = {.status = "4.4.1", .diagnostic = "no answer", .remote = {}, .at = {}}},
                            batch);
  world.commit(std::move(batch), std::move(change));
  REQUIRE(world.must(world.queue->rest(name)));
}

}  // namespace

TEST_CASE("what was accepted is taken as it was, and nothing of it stays when it is done") {
  for (const bool restart : {false, true}) {
    World world;
    Entry entry = world.entry("<alice@example.test> RET=HDRS ENVID=x+20y BODY=8BITMIME");
    entry.eight_bit = true;
    entry.notice = {entry.arrived.microseconds + 5};
    entry.submitter = "alice@example.test";
    entry.received_from = "client";
    const DeliveryId id =
        world.admit({{.destination = "b.example",
                      .recipients = {recipient("<bob@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@x.example")}}},
                    entry);
    if (restart) world.restart();
    CHECK(world.awake() == std::vector<std::string>{"b.example"});
    CHECK(world.awake().empty());
    auto job = world.take("b.example");
    REQUIRE(job);
    CHECK(world.body(*job->entry).ends_with("body of " + id.text() + "\r\n"));
    Entry expected = entry;
    expected.body = job->entry->body;
    CHECK(*job->entry == expected);
    REQUIRE(job->consignment.addressees.size() == 1);
    CHECK(job->consignment.addressees[0].recipient ==
          recipient("<bob@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@x.example"));
    CHECK(!world.take("b.example"));
    world.settle(*job);
    CHECK(world.must(world.queue->rest("b.example")));
    CHECK(world.keys() == 0);
    CHECK(world.awake().empty());
  }
}

TEST_CASE("what is still owed comes again when it is due, not before, with what was said of it") {
  for (const bool restart : {false, true}) {
    World world;
    world.admit("b.example", "<bob@b.example>");
    REQUIRE(world.awake().size() == 1);
    const auto job = world.take("b.example");
    REQUIRE(job);
    world.settle(*job, troubled(*job, "mailbox is full"), 10min);
    CHECK(!world.take("b.example"));
    CHECK(world.must(world.queue->rest("b.example")));
    if (restart) world.restart();
    world.loop.advance(10min - 1us);
    CHECK(world.awake().empty());
    CHECK(world.queue->next_look().microseconds <= world.loop.clock().wall().microseconds + 1);
    world.loop.advance(1us);
    REQUIRE(world.awake().size() == 1);
    const auto again = world.take("b.example");
    REQUIRE(again);
    CHECK(again->consignment.attempts == 1);
    CHECK(again->consignment.addressees == troubled(*job, "mailbox is full"));
    world.settle(*again);
    CHECK(world.must(world.queue->rest("b.example")));
    CHECK(world.keys() == 0);
  }
}

TEST_CASE("a message to many goes in consignments of at most a hundred, each recipient once") {
  World world;
  Lot many{.destination = "b.example", .recipients = {}};
  std::set<std::string> all;
  for (int i = 0; i < 250; ++i) {
    many.recipients.push_back(recipient("<u" + std::to_string(i) + "@b.example>"));
    all.insert("u" + std::to_string(i) + "@b.example");
  }
  world.admit({many, {.destination = "c.example", .recipients = {recipient("<x@c.example>")}}});
  std::set<std::string> sent;
  std::size_t count = 0;
  for (const std::string& name : world.awake()) {
    while (auto job = world.take(name)) {
      CHECK(job->consignment.addressees.size() <= kAddresseesMax);
      for (const Addressee& one : job->consignment.addressees) {
        sent.insert(one.recipient.path.mailbox.text());
        ++count;
      }
      world.settle(*job);
    }
    CHECK(world.must(world.queue->rest(name)));
  }
  all.insert("x@c.example");
  CHECK(sent == all);
  CHECK(count == 251);
  CHECK(world.keys() == 0);
}

TEST_CASE("RFC 6710 4.1: higher priority goes first, also across a restart and beyond the window") {
  for (const bool restart : {false, true}) {
    World world;
    std::vector<std::string> low;
    for (std::size_t i = 0; i < kWindow + 5; ++i) {
      world.loop.advance(1us);
      world.admit("b.example", "<low" + std::to_string(i) + "@b.example>");
      low.push_back("low" + std::to_string(i) + "@b.example");
    }
    for (const int priority : {-9, 9, 3}) {
      world.admit({{.destination = "b.example",
                    .recipients = {recipient("<p" + std::to_string(priority) + "@b.example>")},
                    .priority = priority}});
    }
    if (restart) world.restart();
    std::vector<std::string> expected = {"p9@b.example", "p3@b.example"};
    expected.insert(expected.end(), low.begin(), low.end());
    expected.emplace_back("p-9@b.example");
    CHECK(world.drain() == expected);
    CHECK(world.keys() == 0);
  }
}

TEST_CASE("RFC 4865 2: what is to be held until a time is not due before") {
  for (const bool restart : {false, true}) {
    World world;
    world.admit({{.destination = "b.example",
                  .recipients = {recipient("<bob@b.example>")},
                  .due = WallTime{world.loop.clock().wall().microseconds + Duration(1h).count()}}});
    if (restart) world.restart();
    CHECK(world.drain().empty());
    world.loop.advance(1h);
    CHECK(world.drain().size() == 1);
  }
}

TEST_CASE("a destination that fails waits as a whole and delays nobody else") {
  for (const bool restart : {false, true}) {
    World world;
    for (int i = 0; i < 3000; ++i) world.admit("dead.example", "<u" + std::to_string(i) + "@dead.example>");
    world.admit("b.example", "<bob@b.example>");
    CHECK(world.awake().size() == 2);
    const auto job = world.take("dead.example");
    REQUIRE(job);
    world.queue->put_back(*job);
    back_off(world, "dead.example", 30min);
    CHECK(!world.take("dead.example"));
    const auto other = world.take("b.example");
    REQUIRE(other);
    world.settle(*other);
    CHECK(!world.take("b.example"));
    CHECK(world.must(world.queue->rest("b.example")));
    if (restart) world.restart();
    CHECK(world.queue->ready("dead.example") == 0);
    // New mail for it waits, too.
    world.admit("dead.example", "<late@dead.example>");
    world.loop.advance(30min - 1us);
    CHECK(world.awake().empty());
    REQUIRE(world.queue->backoff("dead.example"));
    CHECK(world.queue->backoff("dead.example")->trouble.diagnostic == "no answer");
    world.loop.advance(1us);
    if (restart) world.restart();
    // One that fails again costs one change, not one for each that waits.
    REQUIRE(world.awake() == std::vector<std::string>{"dead.example"});
    REQUIRE(world.take("dead.example").has_value());
    const std::uint64_t before = world.tablet->stats().sequence;
    back_off(world, "dead.example", 1h);
    CHECK(world.tablet->stats().sequence == before + 1);
    world.restart();
    world.loop.advance(1h);
    const std::vector<std::string> sent = world.drain();
    CHECK(std::set(sent.begin(), sent.end()).size() == sent.size());
    CHECK(sent.size() == 3001);
    CHECK(world.keys() == 0);
  }
}

TEST_CASE("whoever reached a destination finds it without a past") {
  World world;
  world.admit("b.example", "<bob@b.example>");
  world.awake();
  back_off(world, "b.example", 1min);
  world.loop.advance(1min);
  REQUIRE(world.awake().size() == 1);
  CHECK(world.queue->backoff("b.example")->failures == 1);
  world.queue->reached("b.example");
  CHECK(world.queue->backoff("b.example")->failures == 0);
}

TEST_CASE("a retry asked for by an operator ends a back-off at once, also after a restart") {
  for (const bool restart : {false, true}) {
    World world;
    world.admit("b.example", "<bob@b.example>");
    world.awake();
    back_off(world, "b.example", 24h);
    if (restart) world.restart();
    CHECK(world.drain().empty());
    store::Batch batch;
    Change change = world.queue->retry("b.example", batch);
    world.commit(std::move(batch), std::move(change));
    if (restart) world.restart();
    CHECK(world.drain().size() == 1);
    CHECK(world.keys() == 0);
  }
}

TEST_CASE("what is held is not sent until it is released, and is listed meanwhile") {
  for (const bool restart : {false, true}) {
    World world;
    const DeliveryId id = world.admit("b.example", "<bob@b.example>");
    const auto jobs = world.must(world.queue->claim(id));
    REQUIRE(jobs.size() == 1);
    store::Batch batch;
    Change change = world.queue->hold(jobs[0], Hold::by_operator, batch);
    world.commit(std::move(batch), std::move(change));
    if (restart) world.restart();
    world.loop.advance(24h);
    CHECK(world.drain().empty());
    const auto all = world.must(world.queue->list(DeliveryId(0), 10));
    REQUIRE(all.size() == 1);
    CHECK(all[0].parts.at(0).consignment.hold == Hold::by_operator);
    const auto held = world.must(world.queue->claim(id));
    REQUIRE(held.size() == 1);
    store::Batch release;
    Change released = world.queue->hold(held[0], Hold::none, release);
    world.commit(std::move(release), std::move(released));
    if (restart) world.restart();
    CHECK(world.drain().size() == 1);
    CHECK(world.keys() == 0);
  }
}

TEST_CASE("what somebody has in hand is nobody else's") {
  World world;
  const DeliveryId id = world.admit({{.destination = "b.example", .recipients = {recipient("<bob@b.example>")}},
                                     {.destination = "c.example", .recipients = {recipient("<c@c.example>")}}});
  world.awake();
  const auto job = world.take("b.example");
  REQUIRE(job);
  const auto claimed = world.must(world.queue->claim(id));
  REQUIRE(claimed.size() == 1);
  CHECK(claimed[0].consignment.destination == "c.example");
  CHECK(!world.take("c.example"));
  const Whole whole = world.must(world.queue->find(id));
  CHECK(whole.parts.size() == 2);
  CHECK(std::ranges::all_of(whole.parts, [](const Whole::Part& part) { return part.in_hand; }));
  world.settle(claimed[0]);
  world.settle(*job);
  CHECK(world.run(world.queue->find(id)).error().is(kNotQueued));
  CHECK(world.keys() == 0);
}

TEST_CASE("consignments of one message that end together leave nothing behind") {
  World world;
  const DeliveryId id = world.admit({{.destination = "b.example", .recipients = {recipient("<bob@b.example>")}},
                                     {.destination = "c.example", .recipients = {recipient("<c@c.example>")}}});
  world.awake();
  const auto first = world.take("b.example");
  const auto second = world.take("c.example");
  REQUIRE((first && second));
  store::Batch one;
  Change one_done = world.queue->settle(*first, {}, {}, one);
  store::Batch two;
  Change two_done = world.queue->settle(*second, {}, {}, two);
  world.commit(std::move(one), std::move(one_done));
  world.commit(std::move(two), std::move(two_done));
  world.must(world.queue->gather());
  CHECK(world.keys() == 0);
  CHECK(world.run(world.queue->find(id)).error().is(kNotQueued));
}

TEST_CASE("what an operator removes goes by one batch with all it has, and without anybody looking later") {
  for (const std::size_t destinations : {std::size_t{1}, std::size_t{3}}) {
    World world;
    std::vector<Lot> lots;
    for (std::size_t i = 0; i < destinations; ++i)
      lots.push_back({.destination = std::to_string(i) + ".example", .recipients = {recipient("<bob@b.example>")}});
    const DeliveryId id = world.admit(lots);
    const DeliveryId other = world.admit("b.example", "<bob@b.example>");
    const auto jobs = world.must(world.queue->claim(id));
    REQUIRE(jobs.size() == destinations);
    store::Batch batch;
    std::vector<Change> changes = world.queue->remove(jobs, batch);
    world.must(queue::commit(*world.tablet, std::move(batch)));
    for (Change& change : changes) change.done();
    CHECK(world.run(world.queue->find(id)).error().is(kNotQueued));
    CHECK(world.keys("E") == 1);
    CHECK(world.must(world.queue->claim(other)).size() == 1);
  }
}

TEST_CASE("the back-off of a destination is found in the store when nobody works for it") {
  World world;
  CHECK(!world.must(world.queue->find_backoff("b.example")));
  world.admit("b.example", "<bob@b.example>");
  world.awake();
  back_off(world, "b.example", 1h);
  world.restart();
  CHECK(!world.queue->backoff("b.example"));
  const auto found = world.must(world.queue->find_backoff("b.example"));
  REQUIRE(found);
  CHECK(found->trouble.diagnostic == "no answer");
}

TEST_CASE("a refused change leaves all as it was") {
  World world;
  store::Batch never;
  const Entry entry = world.entry();
  auto change = world.queue->admit(entry, {{.destination = "b.example", .recipients = {recipient("<b@b.example>")}}},
                                   never.body("x"), never);
  REQUIRE(change);
  change->refused();
  CHECK(world.awake().empty());
  world.admit("b.example", "<bob@b.example>");
  world.awake();
  const auto job = world.take("b.example");
  REQUIRE(job);
  store::Batch refused;
  Change settled = world.queue->settle(*job, {}, {}, refused);
  settled.refused();
  CHECK(!world.take("b.example"));
  world.settle(*job);
  CHECK(world.must(world.queue->rest("b.example")));
  CHECK(world.keys() == 0);
}

TEST_CASE("a message whose sender went away before the answer is found all the same") {
  World world;
  const Entry entry = world.entry();
  store::Batch batch;
  {
    auto change = world.queue->admit(entry, {{.destination = "b.example", .recipients = {recipient("<b@b.example>")}}},
                                     batch.body("x"), batch);
    REQUIRE(change);
  }
  world.must(queue::commit(*world.tablet, std::move(batch)));
  world.loop.advance(kLookInterval + 1s);
  CHECK(world.drain().size() == 1);
}

TEST_CASE(
    "an attempt whose outcome the store did not tell is looked for in the store, and made again only if it must") {
  for (const bool durable : {false, true}) {
    World world;
    world.admit({{.destination = "b.example", .recipients = {recipient("<bob@b.example>")}},
                 {.destination = "c.example", .recipients = {recipient("<c@c.example>")}}});
    world.awake();
    const auto job = world.take("b.example");
    REQUIRE(job);
    {
      store::Batch batch;
      const Change untold = world.queue->settle(*job, {}, {}, batch);
      if (durable) world.must(queue::commit(*world.tablet, std::move(batch)));
    }
    // Nobody gets it before it is known.
    CHECK(!world.take("b.example"));
    world.loop.advance(kLookInterval + 1s);
    world.must(world.queue->gather());
    CHECK(world.take("b.example").has_value() == !durable);
    const auto other = world.take("c.example");
    REQUIRE(other);
    world.settle(*other);
    world.loop.advance(121h);
    CHECK(world.must(world.queue->overdue(10)).size() == (durable ? 0 : 1));
    if (durable) CHECK(world.keys() == 0);
  }
}

TEST_CASE("entries whose time has come are told of, oldest first, until they are gone or postponed") {
  World world;
  Entry noticed = world.entry();
  noticed.notice = {noticed.arrived.microseconds + Duration(4h).count()};
  const DeliveryId first =
      world.admit({{.destination = "b.example", .recipients = {recipient("<b@b.example>")}}}, noticed);
  const DeliveryId second = world.admit("c.example", "<c@c.example>");
  CHECK(world.must(world.queue->overdue(10)).empty());
  world.loop.advance(4h);
  CHECK(world.must(world.queue->overdue(10)) == std::vector{first});
  store::Batch batch;
  world.queue->noticed(noticed, batch);
  world.must(queue::commit(*world.tablet, std::move(batch)));
  CHECK(world.must(world.queue->overdue(10)).empty());
  world.loop.advance(116h);
  CHECK(world.must(world.queue->overdue(10)) == std::vector{first, second});
  CHECK(world.must(world.queue->overdue(1)) == std::vector{first});
  store::Batch later;
  world.queue->postpone(noticed, {world.loop.clock().wall().microseconds + Duration(24h).count()}, later);
  world.must(queue::commit(*world.tablet, std::move(later)));
  CHECK(world.must(world.queue->overdue(10)) == std::vector{second});
  CHECK(world.drain().size() == 2);
  world.loop.advance(24h);
  CHECK(world.must(world.queue->overdue(10)).empty());
  CHECK(world.keys() == 0);
}

TEST_CASE("the civil clock is set back: what is due stays due") {
  World world;
  world.admit("b.example", "<bob@b.example>");
  world.awake();
  const auto job = world.take("b.example");
  REQUIRE(job);
  world.settle(*job, job->consignment.addressees, 10min);
  CHECK(!world.take("b.example"));
  CHECK(world.must(world.queue->rest("b.example")));
  world.loop.advance(20min);
  world.must(world.queue->gather());
  CHECK(world.drain().size() == 1);
}

TEST_CASE("limits: a destination and the recipients of one message") {
  World world;
  store::Batch batch;
  const std::string longest(kDestinationMax, 'x');
  CHECK(world.queue->admit(world.entry(), {{.destination = longest, .recipients = {recipient("<b@b.example>")}}}, {},
                           batch));
  for (const std::string& name : {longest + "x", std::string(), std::string("a\0b", 3)})
    CHECK(world.queue
              ->admit(world.entry(), {{.destination = name, .recipients = {recipient("<b@b.example>")}}}, {}, batch)
              .error()
              .is(kTooLong));
  CHECK(world.queue->admit(world.entry(), {}, {}, batch).error().is(kTooLong));
  std::vector<Lot> lots;
  for (std::size_t i = 0; i <= kConsignmentsMax; ++i)
    lots.push_back({.destination = "d" + std::to_string(i), .recipients = {recipient("<b@b.example>")}});
  CHECK(world.queue->admit(world.entry(), lots, {}, batch).error().is(kTooLong));
  lots.pop_back();
  store::Batch whole;
  CHECK(world.queue->admit(world.entry(), lots, {}, whole));
}
