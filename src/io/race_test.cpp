#include "io/race.h"

#include <map>

#include "io/listener.h"
#include "io/memory_network.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;
using Opening = Plan::Opening;
using Outcome = Attempt::Outcome;

/// The addresses of one host, each with its own fate and distance.
struct World {
  explicit World(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const bool v6 = i % 2 == 0;
      const auto number = std::to_string(i + 1);
      endpoints.emplace_back(IpAddress::parse(v6 ? "2001:db8::" + number : "198.51.100." + number).value(), 25);
      auto& host = network.add_host(number, {endpoints[i].address()});
      host.listen(endpoints[i], [this](std::unique_ptr<Stream> stream) { accepted.push_back(std::move(stream)); });
      hosts.push_back(&host);
    }
    network.set_plan([this](const Endpoint& from, const Endpoint& to) {
      came_from.push_back(from.address());
      return Plan{.opening = fates[to]};
    });
  }
  ~World() { loop.destroy_tasks(); }

  void fate(std::size_t index, Opening opening) { fates[endpoints[index]] = opening; }
  void distance(std::size_t index, Duration latency) { network.set_link(here, *hosts[index], {.latency = latency}); }
  Race run(RaceOptions options = {}) {
    start = loop.now();
    auto result = test::sync_wait(loop, race(here, endpoints, std::move(options)));
    took = loop.now() - start;
    return result;
  }

  SimulatedLoop loop;
  MemoryNetwork network{loop};
  MemoryNetwork::Host& here =
      network.add_host("here", {IpAddress::parse("192.0.2.1").value(), IpAddress::parse("192.0.2.2").value(),
                                IpAddress::parse("2001:db8:1::1").value(), IpAddress::parse("2001:db8:1::2").value()});
  std::vector<MemoryNetwork::Host*> hosts;
  std::vector<Endpoint> endpoints;
  std::map<Endpoint, Opening> fates;
  std::vector<IpAddress> came_from;
  std::vector<std::unique_ptr<Stream>> accepted;
  Moment start;
  Duration took{0};
};

TEST_CASE("the first address that answers within its head start wins, and no other one is asked") {
  World world(3);
  world.distance(0, 100ms);
  const Race race = world.run();
  REQUIRE(race.stream);
  CHECK(race.stream->peer() == world.endpoints[0]);
  CHECK(race.attempts.size() == 3);
  CHECK(race.attempts[0].outcome == Outcome::won);
  CHECK(race.attempts[0].took == 200ms);
  CHECK(race.attempts[1].outcome == Outcome::not_begun);
  CHECK(world.network.attempts() == 1);
  CHECK(race.left() == std::vector(world.endpoints.begin() + 1, world.endpoints.end()));
}

TEST_CASE("RFC 8305 §5: a silent address costs the head start of 250 ms and no more") {
  World world(2);
  world.fate(0, Opening::dropped);
  world.distance(1, 20ms);
  const Race race = world.run();
  REQUIRE(race.stream);
  CHECK(race.stream->peer() == world.endpoints[1]);
  CHECK(world.took == 290ms);
  CHECK(race.attempts[0].outcome == Outcome::given_up);
  CHECK(race.attempts[0].took == 290ms);
  CHECK(race.attempts[1].began == 250ms);
  CHECK(race.attempts[1].took == 40ms);
  CHECK(race.left() == std::vector{world.endpoints[0]});
}

TEST_CASE("RFC 8305 §5: after a failure the next address is tried at once, with a new head start") {
  World world(4);
  world.fate(0, Opening::refused);
  world.distance(0, 10ms);
  world.fate(1, Opening::dropped);
  world.fate(2, Opening::unreachable);
  const Race race = world.run();
  REQUIRE(race.stream);
  CHECK(race.stream->peer() == world.endpoints[3]);
  CHECK(race.attempts[0].outcome == Outcome::failed);
  CHECK(race.attempts[0].error.value().is(kRefused));
  CHECK(race.attempts[0].took == 20ms);
  CHECK(race.attempts[1].began == 20ms);
  CHECK(race.attempts[2].began == 270ms);
  CHECK(race.attempts[2].error.value().is(kUnreachable));
  CHECK(race.attempts[3].began == 270ms);
  CHECK(race.left() == std::vector{world.endpoints[1]});
}

TEST_CASE("an early address that is slow still wins when the later ones do not answer") {
  World world(3);
  world.distance(0, 2s);
  world.fate(1, Opening::dropped);
  world.fate(2, Opening::refused);
  const Race race = world.run();
  REQUIRE(race.stream);
  CHECK(race.stream->peer() == world.endpoints[0]);
  CHECK(world.took == 4s);
}

TEST_CASE("a later address that is faster wins, and the others are given up: their servers see the end") {
  World world(2);
  world.distance(0, 1s);
  const Race race = world.run();
  REQUIRE(race.stream);
  CHECK(race.stream->peer() == world.endpoints[1]);
  world.distance(0, 100ms);
  world.distance(1, 0ms);
  world.loop.advance(10s);
  std::size_t open = 0;
  char buffer[1];
  for (const auto& stream : world.accepted)
    if (stream->try_read(buffer)) ++open;
  CHECK(open == 1);
}

TEST_CASE("when all addresses fail each one has its error, and the race ends with the last") {
  World world(3);
  world.fate(0, Opening::dropped);
  world.fate(1, Opening::refused);
  world.fate(2, Opening::dropped);
  const Race race = world.run({.attempt_timeout = 5s});
  CHECK_FALSE(race.stream);
  CHECK(race.attempts[0].error.value().is(kTimedOut));
  CHECK(race.attempts[0].took == 5s);
  CHECK(race.attempts[1].error.value().is(kRefused));
  CHECK(race.attempts[2].error.value().is(kTimedOut));
  CHECK(world.took == 5250ms);
  CHECK(race.left().empty());
}

TEST_CASE("the race ends at its own time") {
  World world(5);
  for (std::size_t i = 0; i < 5; ++i) world.fate(i, Opening::dropped);
  const Race race = world.run({.attempt_timeout = 20s, .timeout = 30s, .at_once = 1});
  CHECK_FALSE(race.stream);
  CHECK(world.took == 30s);
  CHECK(race.attempts[0].outcome == Outcome::failed);
  CHECK(race.attempts[1].outcome == Outcome::given_up);
  CHECK(race.attempts[1].began == 20s);
  CHECK(race.attempts[1].took == 10s);
  CHECK(race.attempts[2].outcome == Outcome::not_begun);
}

TEST_CASE("no more than so many attempts are under way; one is strictly after the other") {
  for (const std::size_t at_once : {0U, 1U, 2U, 3U}) {
    World world(4);
    for (std::size_t i = 0; i < 4; ++i) world.fate(i, Opening::dropped);
    const Race race = world.run({.attempt_timeout = 10s, .at_once = at_once});
    std::size_t most = 0;
    for (const Attempt& at : race.attempts) {
      std::size_t beside = 0;
      for (const Attempt& other : race.attempts)
        if (other.began <= at.began && at.began < other.began + other.took) ++beside;
      most = std::max(most, beside);
    }
    CHECK(most == std::max<std::size_t>(at_once, 1));
  }
}

TEST_CASE("no addresses: no winner, at once") {
  World world(0);
  const Race race = world.run();
  CHECK_FALSE(race.stream);
  CHECK(race.attempts.empty());
  CHECK(world.took == 0s);
}

TEST_CASE("each family is connected from its own address") {
  World world(2);
  world.fate(0, Opening::refused);
  const auto v4 = IpAddress::parse("192.0.2.2").value();
  const auto v6 = IpAddress::parse("2001:db8:1::2").value();
  const Race race = world.run({.from_v4 = v4, .from_v6 = v6});
  CHECK(world.came_from == std::vector{v6, v4});
  CHECK(race.stream->local().address() == v4);
}

TEST_CASE("two that answer in the same moment: one wins, the other is closed and may be tried again") {
  World world(2);
  world.distance(0, 150ms);
  world.distance(1, 25ms);
  const Race race = world.run();
  REQUIRE(race.stream);
  world.loop.settle();
  CHECK(world.accepted.size() == 2);
  std::size_t won = 0;
  for (const Attempt& attempt : race.attempts) won += attempt.outcome == Outcome::won;
  CHECK(won == 1);
  CHECK(race.left().size() == 1);
}

TEST_CASE("a race that is destroyed gives up all its attempts") {
  World world(3);
  for (std::size_t i = 0; i < 3; ++i) world.distance(i, 500ms);
  auto task = [&]() -> Task<> { (void)co_await race(world.here, world.endpoints); };
  world.loop.spawn(task());
  world.loop.advance(800ms);
  CHECK(world.accepted.size() == 2);
  world.loop.destroy_tasks();
  world.loop.advance(10s);
  char buffer[1];
  for (const auto& stream : world.accepted) CHECK(stream->try_read(buffer).error().is(kEndOfStream));
  CHECK(world.accepted.size() == 2);
}

TEST_CASE("sockets race too") {
  const auto loop = make_loop().value();
  const auto listener = listen(Endpoint::parse("127.0.0.1:0").value()).value();
  const auto dead = Endpoint::parse("127.0.0.1:1").value();
  const auto network = socket_network();
  const Race race = test::sync_wait(*loop, io::race(*network, {dead, listener->local()}));
  REQUIRE(race.stream);
  CHECK(race.stream->peer() == listener->local());
  CHECK(race.attempts[0].outcome == Outcome::failed);
}

}  // namespace
}  // namespace angarium::io
