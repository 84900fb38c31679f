// What happens seldom: answers that come late or never, clocks that jump, operators in between, records that broke.
#include <algorithm>

#include "queue/keys.h"
#include "queue/limits.h"
#include "queue/queue.h"
#include "queue/test_world.h"
#include "store/testing_tablet.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::queue;
using namespace angarium::queue::test;
using namespace std::chrono_literals;

namespace {

std::vector<Lot> lots_to(const std::vector<std::string>& destinations) {
  std::vector<Lot> lots;
  for (const std::string& name : destinations)
    lots.push_back({.destination = name, .recipients = {recipient("<u@" + name + ">")}});
  return lots;
}

Backoff until(World& world, Duration later) {
  const WallTime now = world.loop.clock().wall();
  return {.failures = 1, .since = now, .next = {now.microseconds + later.count()}, .trouble = {}};
}

void back_off(World& world, const std::string& name, Duration later) {
  store::Batch batch;
  Change change = world.queue->back_off(name, until(world, later), batch);
  world.commit(std::move(batch), std::move(change));
}

class Ignored final : public store::Completion {
 public:
  void completed(Result<store::CommitInfo> /*result*/) noexcept override {}
};

}  // namespace

TEST_CASE("a count that is taken anew while an answer is on its way does not end an entry that is still owed") {
  World world;
  const DeliveryId id = world.admit(lots_to({"b.example", "c.example", "d.example"}));
  world.awake();
  const auto b = world.take("b.example");
  const auto c = world.take("c.example");
  REQUIRE((b && c));
  {
    store::Batch never;
    const Change untold = world.queue->settle(*c, {}, {}, never);
  }
  world.loop.advance(kLookInterval + 1s);
  world.must(world.queue->gather());
  store::Batch batch;
  Change late = world.queue->settle(*b, {}, {}, batch);
  world.must(commit(*world.tablet, std::move(batch)));
  const auto d = world.take("d.example");
  REQUIRE(d);
  late.done();
  world.settle(*d);
  world.must(world.queue->gather());
  CHECK(world.must(world.queue->find(id)).parts.size() == 1);
  const auto again = world.take("c.example");
  REQUIRE(again);
  world.settle(*again);
  world.must(world.queue->gather());
  CHECK(world.keys("E") == 0);
}

TEST_CASE("a message that is sent before whoever brought it is answered leaves nothing behind") {
  World world;
  store::Batch batch;
  auto change = world.queue->admit(world.entry(), lots_to({"b.example", "c.example"}), batch.body("x"), batch);
  REQUIRE(change);
  world.must(commit(*world.tablet, std::move(batch)));
  REQUIRE(world.awake().size() == 2);
  const auto b = world.take("b.example");
  REQUIRE(b);
  world.settle(*b);
  change->done();
  CHECK(!world.take("b.example"));
  const auto c = world.take("c.example");
  REQUIRE(c);
  world.settle(*c);
  for (const char* const name : {"b.example", "c.example"}) {
    CHECK(!world.take(name));
    CHECK(world.must(world.queue->rest(name)));
  }
  CHECK(world.keys() == 0);
  CHECK(world.queue->in_memory().destinations == 0);
}

TEST_CASE("a message for more destinations than are counted leaves nothing behind") {
  for (const bool restart : {false, true}) {
    World world;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < kCounted + 5; ++i) names.push_back("d" + std::to_string(i) + ".example");
    world.admit(lots_to(names));
    if (restart) world.restart();
    CHECK(world.drain().size() == names.size());
    world.must(world.queue->gather());
    CHECK(world.keys() == 0);
    CHECK(world.queue->in_memory().destinations == 0);
  }
}

TEST_CASE("an attempt whose answer is late, not lost, is not made again while its batch waits") {
  World world;
  store::testing::SlowTablet tablet(*world.tablet);
  world.queue = Queue::make(tablet, world.pool, {.clock = &world.loop.clock(), .wake = {}});
  world.admit("b.example", "<bob@b.example>");
  world.awake();
  const auto job = world.take("b.example");
  REQUIRE(job);
  Ignored nobody;
  {
    store::Batch batch;
    const Change untold = world.queue->settle(*job, {}, {}, batch);
    tablet.slow = true;
    tablet.enqueue(std::move(batch), nobody);
  }
  world.loop.advance(kLookInterval + 1s);
  world.must(world.queue->gather());
  CHECK(!world.take("b.example"));
  world.must(world.queue->gather());
  CHECK(world.keys() == 0);
  world.queue.reset();
}

TEST_CASE("a job in doubt comes back within the interval though the civil clock is set back meanwhile") {
  World world;
  world.admit("b.example", "<bob@b.example>");
  world.awake();
  const auto job = world.take("b.example");
  REQUIRE(job);
  {
    store::Batch never;
    const Change untold = world.queue->settle(*job, {}, {}, never);
  }
  world.loop.jump(-24h);
  world.must(world.queue->gather());
  world.loop.jump(1h);
  world.must(world.queue->gather());
  // What it is due at is still ahead of the clock.
  CHECK(!world.take("b.example"));
  world.loop.jump(23h);
  world.must(world.queue->gather());
  CHECK(world.take("b.example"));
}

TEST_CASE("an operator's retry whose outcome is unknown does not lose what waits for the destination") {
  for (const bool restart : {false, true}) {
    World world;
    world.admit("b.example", "<bob@b.example>");
    world.awake();
    back_off(world, "b.example", 24h);
    REQUIRE(world.must(world.queue->rest("b.example")));
    world.loop.advance(1min);
    // Its own time is given back: it relies on its destination's.
    REQUIRE(world.awake().empty());
    {
      store::Batch batch;
      const Change untold = world.queue->retry("b.example", batch);
      world.must(commit(*world.tablet, std::move(batch)));
    }
    world.loop.advance(kLookInterval + 1s);
    world.must(world.queue->gather());
    if (restart) world.restart();
    CHECK(world.drain().size() == 1);
  }
}

TEST_CASE("an entry may be postponed again and again: it is told of when the last time has come, not before") {
  World world;
  world.admit("b.example", "<b@b.example>");
  world.awake();
  world.loop.advance(120h);
  for (int i = 0; i < 3; ++i) {
    const auto ids = world.must(world.queue->overdue(10));
    REQUIRE(ids.size() == 1);
    const Whole whole = world.must(world.queue->find(ids[0]));
    store::Batch batch;
    world.queue->postpone(*whole.entry, {world.loop.clock().wall().microseconds + Duration(24h).count()}, batch);
    world.must(commit(*world.tablet, std::move(batch)));
    CHECK(world.must(world.queue->overdue(10)).empty());
    CHECK(world.keys("X") == 1);
    world.loop.advance(24h);
  }
}

TEST_CASE("a back-off that began at a time still to come is over: the civil clock was set back") {
  for (const bool restart : {false, true}) {
    CAPTURE(restart);
    World world;
    world.admit("b.example", "<bob@b.example>");
    world.awake();
    world.back_off("b.example", 2h);
    // Another whose own time is given back meanwhile.
    world.admit("b.example", "<carol@b.example>");
    world.loop.advance(1min);
    CHECK(world.awake().empty());
    world.loop.jump(-6h);
    if (restart) world.restart();
    CHECK(world.drain() == std::vector<std::string>{"bob@b.example", "carol@b.example"});
    CHECK(world.keys() == 0);
  }
}

TEST_CASE("after the civil clock was set back a new back-off lasts, whenever the first of its row began") {
  World world;
  world.admit("b.example", "<bob@b.example>");
  world.awake();
  world.back_off("b.example", 2h);
  const WallTime since = world.queue->backoff("b.example")->since;
  world.loop.jump(-6h);
  REQUIRE(world.awake() == std::vector<std::string>{"b.example"});
  world.back_off("b.example", 1h, since);
  CHECK(world.awake().empty());
  CHECK(!world.take("b.example"));
  CHECK(world.queue->backoff("b.example")->since <= world.loop.clock().wall());
  for (int i = 0; i < 2; ++i) {
    // What was due before the jump is due after each of them.
    world.loop.advance(1h);
    REQUIRE(world.awake().size() == 1);
    const auto job = world.take("b.example");
    REQUIRE(job);
    world.queue->put_back(*job);
    world.back_off("b.example", 1h, since);
  }
  world.restart();
  CHECK(world.awake().empty());
}

TEST_CASE("what is put off anew after the civil clock was set back is not due before its new time") {
  World world;
  world.admit("b.example", "<bob@b.example>");
  world.awake();
  world.back_off("b.example", 2h);
  world.loop.jump(-6h);
  REQUIRE(world.awake().size() == 1);
  const auto job = world.take("b.example");
  REQUIRE(job);
  world.settle(*job, job->consignment.addressees, 1h);
  CHECK(!world.take("b.example"));
  CHECK(world.must(world.queue->rest("b.example")));
  world.loop.advance(59min);
  CHECK(world.drain().empty());
  world.loop.advance(1min);
  CHECK(world.drain().size() == 1);
}

TEST_CASE("more back-offs than one look reads end when the civil clock was set back; those that lasted stay") {
  World world;
  const std::size_t many = kLook + 10;
  for (std::size_t i = 0; i < many; ++i) {
    const std::string name = "d" + std::to_string(i) + ".example";
    world.admit(name, "<bob@b.example>");
    world.back_off(name, 2h);
  }
  world.loop.advance(1min);
  CHECK(world.awake().empty());
  world.loop.jump(-6h);
  world.admit("lasts.example", "<bob@b.example>");
  world.back_off("lasts.example", 2h);
  CHECK(world.awake().size() == many);
}

TEST_CASE("a civil clock that jumps ahead and back for less than a look hides nothing that becomes due") {
  World world;
  world.admit("b.example", "<bob@b.example>");
  world.awake();
  const auto job = world.take("b.example");
  REQUIRE(job);
  world.settle(*job, job->consignment.addressees, 20s);
  world.loop.jump(40s);
  CHECK(world.awake().empty());  // it is at work already
  world.loop.jump(-40s);
  CHECK(!world.take("b.example"));
  REQUIRE(world.must(world.queue->rest("b.example")));
  CHECK(world.queue->next_look().microseconds <= world.loop.clock().wall().microseconds + Duration(20s).count());
  world.loop.advance(45s);
  CHECK(world.drain().size() == 1);
}

TEST_CASE("times that were given back while the clock was ahead are put again before the back-off goes") {
  for (const bool restart : {false, true}) {
    World world;
    world.admit(lots_to({"b.example"}));
    world.awake();
    const auto job = world.take("b.example");
    REQUIRE(job);
    world.settle(*job, job->consignment.addressees, 10min);
    back_off(world, "b.example", 24h);
    REQUIRE(world.must(world.queue->rest("b.example")));
    world.loop.jump(1h);
    CHECK(world.awake().empty());
    world.loop.jump(-1h);
    CHECK(world.awake().empty());
    store::Batch batch;
    Change change = world.queue->retry("b.example", batch);
    world.commit(std::move(batch), std::move(change));
    CHECK(world.drain().empty());
    if (restart) world.restart();
    world.loop.advance(10min);
    CHECK(world.drain().size() == 1);
  }
}

TEST_CASE("a back-off that was over and counts again, since the clock was set back, ends when its time comes again") {
  World world;
  world.admit("b.example", "<bob@b.example>");
  world.awake();
  back_off(world, "b.example", 20s);
  REQUIRE(world.must(world.queue->rest("b.example")));
  world.loop.advance(21s);
  CHECK(world.awake() == std::vector<std::string>{"b.example"});
  // By less than there is between two looks, so that none of them sees it.
  world.loop.jump(-40s);
  CHECK(!world.take("b.example"));
  REQUIRE(world.must(world.queue->rest("b.example")));
  world.loop.advance(41s);
  CHECK(world.drain().size() == 1);
}

TEST_CASE("times that were given back before the clock was set back a little are put again, each when it is next") {
  World world;
  world.admit("b.example", "<first@b.example>");
  world.awake();
  back_off(world, "b.example", 1h);
  REQUIRE(world.must(world.queue->rest("b.example")));
  for (const char* path : {"<bob@b.example>", "<bo@b.example>"}) {
    world.loop.advance(15s);
    world.admit("b.example", path);
  }
  CHECK(world.awake().empty());
  world.loop.jump(-25s);
  // An operator ends the wait.
  store::Batch batch;
  Change change = world.queue->retry("b.example", batch);
  world.commit(std::move(batch), std::move(change));
  CHECK(world.drain().size() == 1);
  world.loop.advance(14s);
  CHECK(world.drain().size() == 1);
  world.loop.advance(14s);
  CHECK(world.drain().size() == 1);
  CHECK(world.keys("D") == 0);
}

TEST_CASE("more in hand than a window holds does not keep the rest from being taken") {
  World world;
  for (std::size_t i = 0; i < kWindow + 3; ++i) {
    world.loop.advance(1us);
    world.admit("b.example", "<u" + std::to_string(i) + "@b.example>");
  }
  world.awake();
  std::size_t taken = 0;
  while (world.take("b.example")) ++taken;
  CHECK(taken == kWindow + 3);
}

TEST_CASE("a message that cannot be read keeps nobody from seeing the others") {
  World world;
  const DeliveryId first = world.admit("b.example", "<b@b.example>");
  const DeliveryId second = world.admit("c.example", "<c@c.example>");
  store::Batch batch;
  batch.put(entry_key(first), "x");
  world.must(commit(*world.tablet, std::move(batch)));
  const auto all = world.must(world.queue->list(DeliveryId(0), 1));
  REQUIRE(all.size() == 1);
  CHECK(all[0].entry->id == second);
  CHECK(world.must(world.queue->list(DeliveryId(second.bits() + 1), 1)).empty());
  CHECK(world.drain().size() == 1);
}

TEST_CASE("memory: nothing is kept of ids nobody has, nor of destinations nobody works for") {
  World world;
  for (std::uint64_t i = 1; i <= 5000; ++i)
    CHECK(world.run(world.queue->claim(DeliveryId(1'000'000 + i))).error().is(kNotQueued));
  CHECK(world.queue->in_memory().entries <= 2048);
  const DeliveryId id = world.admit(lots_to({"b.example", "c.example"}));
  CHECK(world.drain().size() == 2);
  const DeliveryId held = world.admit({{.destination = "d.example",
                                        .recipients = {recipient("<d@d.example>")},
                                        .due = WallTime{world.loop.clock().wall().microseconds + 1'000'000}}});
  CHECK(held != id);
  for (const Job& job : world.must(world.queue->claim(held))) world.settle(job);
  CHECK(world.queue->in_memory().destinations == 0);
  CHECK(!world.take("nobody.example"));
  CHECK(world.queue->in_memory().destinations == 0);
}

TEST_CASE("memory: of destinations that wait only so many are kept, and of what waits for them nothing") {
  World world;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kWaitingKept + 10; ++i) names.push_back("d" + std::to_string(i));
  const std::size_t half = names.size() / 2;
  world.admit(lots_to({names.begin(), names.begin() + static_cast<std::ptrdiff_t>(half)}));
  world.admit(lots_to({names.begin() + static_cast<std::ptrdiff_t>(half), names.end()}));
  store::Batch batch;
  std::vector<Change> changes;
  for (const std::string& name : names) changes.push_back(world.queue->back_off(name, until(world, 1h), batch));
  world.must(commit(*world.tablet, std::move(batch)));
  for (Change& change : changes) change.done();
  changes.clear();
  world.restart();
  CHECK(world.awake().empty());
  CHECK(world.queue->in_memory().destinations <= kWaitingKept);
  world.admit("d1", "<new@d1>");
  CHECK(world.queue->ready("d1") == 0);
  world.loop.advance(1h);
  CHECK(world.drain().size() == names.size() + 1);
  CHECK(world.queue->in_memory().destinations == 0);
  CHECK(world.keys() == 0);
}
