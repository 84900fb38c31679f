#include "io/memory_network.h"

#include <optional>

#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;

const IpAddress kHere = IpAddress::parse("192.0.2.1").value();
const IpAddress kHere6 = IpAddress::parse("2001:db8::1").value();
const IpAddress kThere = IpAddress::parse("198.51.100.7").value();
const IpAddress kThere6 = IpAddress::parse("2001:db8::7").value();
const Endpoint kMail(kThere, 25);

/// What was read, and how it ended.
struct Read {
  std::string octets;
  const ErrorKind* end = nullptr;
  Moment at;
};
Task<> read_all(Stream& stream, Read& into) {
  char buffer[1000];
  while (true) {
    auto count = stream.try_read(buffer);
    if (count && *count > 0) {
      into.octets.append(buffer, *count);
      continue;
    }
    auto ready = count ? co_await stream.readable() : Result<Ready>(std::unexpected(std::move(count).error()));
    if (ready) continue;
    into.end = &ready.error().kind();
    into.at = Loop::current().now();
    co_return;
  }
}

/// Two hosts; the one there keeps what is connected to it.
struct World {
  explicit World(Link link = {}, std::uint64_t seed = 1) : network(loop, seed, link) {
    there.listen(kMail, [this](std::unique_ptr<Stream> stream) { accepted.push_back(std::move(stream)); });
  }
  ~World() { loop.destroy_tasks(); }

  Result<std::unique_ptr<Stream>> connect(Endpoint to = kMail, ConnectOptions options = {}) {
    return test::sync_wait(loop, here.connect(std::move(to), std::move(options)));
  }
  std::unique_ptr<Stream> connected() {
    auto stream = connect();
    REQUIRE_MESSAGE(stream, (stream ? std::string() : stream.error().text()));
    REQUIRE(!accepted.empty());
    return *std::move(stream);
  }
  Duration since(Moment start) const { return loop.now() - start; }

  SimulatedLoop loop;
  MemoryNetwork network;
  MemoryNetwork::Host& here = network.add_host("here", {kHere, kHere6});
  MemoryNetwork::Host& there = network.add_host("there", {kThere, kThere6});
  std::vector<std::unique_ptr<Stream>> accepted;
};

TEST_CASE("a connection has both names, carries octets both ways, and ends") {
  World world;
  auto stream = world.connected();
  CHECK(stream->peer() == kMail);
  CHECK(world.accepted[0]->local() == kMail);
  CHECK(world.accepted[0]->peer() == stream->local());
  CHECK(stream->local().address() == kHere);
  CHECK(world.here.connections() == 1);
  Read forth;
  Read back;
  world.loop.spawn(read_all(*world.accepted[0], forth));
  world.loop.spawn(read_all(*stream, back));
  CHECK(stream->try_write("HELO").value() == 4);
  CHECK(world.accepted[0]->try_write("220 hi").value() == 6);
  CHECK(stream->shutdown_write());
  world.loop.settle();
  CHECK(forth.octets == "HELO");
  CHECK(forth.end == &kEndOfStream);
  CHECK(back.octets == "220 hi");
  CHECK(back.end == nullptr);
  CHECK(world.accepted[0]->try_write(" bye").value() == 4);
  world.accepted.clear();
  world.loop.settle();
  CHECK(back.octets == "220 hi bye");
  CHECK(back.end == &kEndOfStream);
  CHECK(stream->try_write("x").error().is(kReset));
  stream.reset();
  CHECK(world.here.connections() == 0);
}

TEST_CASE("each connection has a port of its own, and may choose its address and family") {
  World world;
  const auto one = world.connected();
  const auto two = world.connected();
  CHECK(one->local() != two->local());
  world.there.listen(Endpoint::parse("[::]:26").value(), [](const std::unique_ptr<Stream>&) {});
  CHECK(world.connect(Endpoint(kThere6, 26)).value()->local().address() == kHere6);
  CHECK(world.connect(Endpoint(kThere, 26), {.from = kHere}).value()->local().address() == kHere);
  CHECK(world.connect(Endpoint(kThere, 26), {.from = kThere}).error().is(kUnreachable));
  auto& only4 = world.network.add_host("only4", {IpAddress::parse("192.0.2.9").value()});
  CHECK(test::sync_wait(world.loop, only4.connect(Endpoint(kThere6, 26))).error().is(kUnreachable));
}

TEST_CASE("loopback addresses and UNIX paths are each host's own") {
  World world;
  const auto local = Endpoint::parse("127.0.0.1:24").value();
  const auto path = Endpoint::unix_path("/run/lmtp");
  int calls = 0;
  world.here.listen(local, [&](const std::unique_ptr<Stream>& stream) {
    ++calls;
    CHECK(stream->peer().is_local_host());
  });
  world.here.listen(path, [&](const std::unique_ptr<Stream>&) { ++calls; });
  CHECK(world.connect(local));
  CHECK(world.connect(path));
  CHECK(calls == 2);
  CHECK(test::sync_wait(world.loop, world.there.connect(local)).error().is(kRefused));
  CHECK(test::sync_wait(world.loop, world.there.connect(path)).error().is(kRefused));
}

TEST_CASE("where nobody listens is refused, who is nobody is unreachable, both after the way there and back") {
  World world({.latency = 30ms});
  const Moment start = world.loop.now();
  CHECK(world.connect(Endpoint(kThere, 26)).error().is(kRefused));
  CHECK(world.since(start) == 60ms);
  CHECK(world.connect(Endpoint(IpAddress::parse("203.0.113.1").value(), 25)).error().is(kUnreachable));
  world.there.stop_listening(kMail);
  CHECK(world.connect().error().is(kRefused));
  CHECK(world.network.attempts() == 3);
}

TEST_CASE("latency delays the connection, each octet and the end; a slow link takes its time") {
  World world({.latency = 100ms, .octets_per_second = 1000});
  const Moment start = world.loop.now();
  auto stream = world.connected();
  CHECK(world.since(start) == 200ms);
  Read read;
  world.loop.spawn(read_all(*world.accepted[0], read));
  CHECK(stream->try_write(std::string(500, 'x')).value() == 500);
  CHECK(stream->try_write(std::string(500, 'y')).value() == 500);
  stream.reset();
  world.loop.advance(599ms);
  CHECK(read.octets.empty());
  world.loop.advance(1ms);
  CHECK(read.octets.size() == 500);
  world.loop.advance(499ms);
  CHECK(read.end == nullptr);
  world.loop.advance(1ms);
  CHECK(read.octets.size() == 1000);
  CHECK(read.end == &kEndOfStream);
}

TEST_CASE("a full link holds the writer until the reader takes something") {
  World world({.capacity = 10});
  auto stream = world.connected();
  CHECK(stream->try_write("0123456789abc").value() == 10);
  CHECK(stream->try_write("x").value() == 0);
  bool written = false;
  auto write = [&]() -> Task<> { written = (co_await write_all(*stream, "more than fits")).has_value(); };
  world.loop.spawn(write());
  world.loop.settle();
  CHECK_FALSE(written);
  Read read;
  world.loop.spawn(read_all(*world.accepted[0], read));
  world.loop.settle();
  CHECK(written);
  CHECK(read.octets == "0123456789more than fits");
}

TEST_CASE("jitter and loss delay, and keep order and octets") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    World world({.latency = 5ms, .jitter_max = 50ms, .lost_per_million = 100'000}, seed);
    auto stream = world.connected();
    Read read;
    world.loop.spawn(read_all(*world.accepted[0], read));
    std::string sent;
    const Moment start = world.loop.now();
    for (int i = 0; i < 50; ++i) {
      sent += std::to_string(i);
      CHECK(stream->try_write(std::to_string(i)));
    }
    stream.reset();
    world.loop.run();
    CHECK(read.octets == sent);
    CHECK(read.end == &kEndOfStream);
    CHECK(read.at - start > 5ms);
    CHECK(read.at - start <= 1055ms);
  }
}

TEST_CASE("what is planned for a connection happens: refused, unreachable, dropped until the time is over") {
  using Opening = Plan::Opening;
  for (const auto opening : {Opening::refused, Opening::unreachable, Opening::dropped}) {
    World world;
    world.network.set_plan([&](const Endpoint& from, const Endpoint& to) {
      CHECK(from.address() == kHere);
      CHECK(to == kMail);
      return Plan{.opening = opening};
    });
    const Moment start = world.loop.now();
    const auto result = world.connect(kMail, {.timeout = 7s});
    REQUIRE(!result);
    if (opening == Opening::refused) CHECK(result.error().is(kRefused));
    if (opening == Opening::unreachable) CHECK(result.error().is(kUnreachable));
    if (opening == Opening::dropped) CHECK(result.error().is(kTimedOut));
    CHECK(world.since(start) == (opening == Opening::dropped ? 7s : 0s));
    CHECK(world.accepted.empty());
  }
}

TEST_CASE("a connection breaks after exactly so many octets, in each of the ways") {
  for (const Break how : {Break::reset, Break::end, Break::silence})
    for (std::size_t octets = 0; octets <= 11; ++octets) {
      World world;
      world.network.set_plan(
          [&](const Endpoint&, const Endpoint&) { return Plan{.octets_to_caller = octets, .how = how}; });
      auto stream = world.connected();
      (void)world.accepted[0]->try_write("22");
      (void)world.accepted[0]->try_write("0 welcome");
      Read read;
      stream->set_deadline(world.loop.now() + 60s);
      world.loop.spawn(read_all(*stream, read));
      const Moment start = world.loop.now();
      world.loop.run();
      CHECK(read.octets == std::string("220 welcome").substr(0, octets));
      REQUIRE(read.end);
      CHECK(read.end == (how == Break::reset ? &kReset : how == Break::end ? &kEndOfStream : &kTimedOut));
      CHECK(read.at - start == (how == Break::silence ? 60s : 0s));
      // The other end learns it in the same way.
      const auto written = world.accepted[0]->try_write("more");
      CHECK(written.has_value() == (how == Break::silence));
      if (!written) CHECK(written.error().is(kReset));
    }
}

TEST_CASE("a connection breaks when octets to the listener are counted, or at its time") {
  World world;
  world.network.set_plan([&](const Endpoint&, const Endpoint&) { return Plan{.octets_to_listener = 6}; });
  const auto counted = world.connected();
  CHECK(counted->try_write("DATA\r\nxyz").value() == 9);
  Read read;
  world.loop.spawn(read_all(*world.accepted[0], read));
  world.loop.settle();
  CHECK(read.octets == "DATA\r\n");
  CHECK(read.end == &kReset);
  world.network.set_plan([&](const Endpoint&, const Endpoint&) { return Plan{.breaks_after = 3s}; });
  const auto timed = world.connected();
  world.loop.advance(2999ms);
  CHECK(timed->try_write("x").value() == 1);
  world.loop.advance(1ms);
  CHECK(timed->try_write("x").error().is(kReset));
}

TEST_CASE("a host whose programs stop resets what it had and refuses; back up it listens again") {
  using State = MemoryNetwork::Host::State;
  World world({.latency = 10ms});
  const auto stream = world.connected();
  Read read;
  world.loop.spawn(read_all(*stream, read));
  world.there.set_state(State::stopped);
  world.loop.settle();
  CHECK(read.end == &kReset);
  CHECK(world.connect().error().is(kRefused));
  world.there.set_state(State::up);
  CHECK(world.connect());
}

TEST_CASE("a host that is gone falls silent and drops; a connection attempt lasts until it is back") {
  using State = MemoryNetwork::Host::State;
  World world({.latency = 10ms});
  const auto stream = world.connected();
  Read read;
  world.loop.spawn(read_all(*stream, read));
  world.there.set_state(State::gone);
  world.accepted.clear();
  world.loop.advance(24h);
  CHECK(read.end == nullptr);
  CHECK(world.connect(kMail, {.timeout = 30s}).error().is(kTimedOut));
  std::optional<bool> connected;
  auto attempt = [&]() -> Task<> { connected = (co_await world.here.connect(kMail)).has_value(); };
  world.loop.spawn(attempt());
  world.loop.advance(4s);
  CHECK_FALSE(connected);
  world.there.set_state(State::up);
  world.loop.advance(10s);
  CHECK(connected == true);
  // It knows nothing of the old connection, and says so when it hears of it.
  CHECK(read.end == nullptr);
  CHECK(stream->try_write("x").error().is(kReset));
  world.loop.settle();
  CHECK(read.end == &kReset);
}

TEST_CASE("octets under way to a host that comes back are answered with a reset") {
  World world({.latency = 10ms});
  const auto stream = world.connected();
  world.there.set_state(MemoryNetwork::Host::State::gone);
  CHECK(stream->try_write("QUIT").value() == 4);
  Read read;
  world.loop.spawn(read_all(*stream, read));
  world.loop.advance(1h);
  CHECK(read.end == nullptr);
  world.there.set_state(MemoryNetwork::Host::State::up);
  world.loop.settle();
  CHECK(read.end == &kReset);
}

TEST_CASE("nothing passes a severed link, and what waited arrives when it is mended") {
  World world({.latency = 10ms});
  auto& third = world.network.add_host("third", {IpAddress::parse("192.0.2.3").value()});
  const auto stream = world.connected();
  Read read;
  world.loop.spawn(read_all(*world.accepted[0], read));
  CHECK(stream->try_write("one ").value() == 4);
  world.network.sever(world.there, world.here);
  CHECK(stream->try_write("two").value() == 3);
  world.loop.advance(1h);
  CHECK(read.octets.empty());
  CHECK(world.connect(kMail, {.timeout = 5s}).error().is(kTimedOut));
  CHECK(test::sync_wait(world.loop, third.connect(kMail)));
  world.network.mend(world.here, world.there);
  world.loop.settle();
  CHECK(read.octets == "one two");
  CHECK(world.connect());
}

TEST_CASE("the connecting task may be destroyed at any time, and the listener sees the end") {
  for (int after = 0; after <= 70; after += 10) {
    World world({.latency = 30ms});
    auto attempt = [&]() -> Task<> { (void)co_await world.here.connect(kMail); };
    world.loop.spawn(attempt());
    world.loop.advance(Duration(after * 1000));
    world.loop.destroy_tasks();
    world.loop.advance(1s);
    CHECK(world.accepted.size() == (after >= 30 ? 1 : 0));
    char buffer[1];
    if (!world.accepted.empty()) CHECK(world.accepted[0]->try_read(buffer).error().is(kEndOfStream));
  }
}

TEST_CASE("the same seed has the same course, another one another") {
  const auto course = [](std::uint64_t seed) {
    World world({.latency = 10ms, .jitter_max = 20ms}, seed);
    world.network.set_faults({.refused_per_million = 200'000,
                              .unreachable_per_million = 100'000,
                              .dropped_per_million = 100'000,
                              .broken_per_million = 500'000,
                              .broken_octets_max = 10});
    std::string told;
    for (int i = 0; i < 100; ++i) {
      world.accepted.clear();
      auto stream = world.connect();
      told += stream ? "connected" : std::string(stream.error().kind().name);
      if (!stream) continue;
      Read read;
      (*stream)->set_deadline(world.loop.now() + 1s);
      (void)world.accepted[0]->try_write("0123456789");
      world.loop.spawn(read_all(**stream, read));
      world.loop.run();
      told += " " + read.octets + " " + std::string(read.end->name) + " " + std::to_string(read.at.microseconds) + "\n";
    }
    return told;
  };
  const std::string first = course(7);
  CHECK(first == course(7));
  CHECK(first != course(8));
  for (const std::string_view part : {"io.refused", "io.unreachable", "base.timed-out", "io.reset", "io.end-of-stream"})
    CHECK_MESSAGE(first.find(part) != std::string::npos, part);
}

TEST_CASE("streams may outlive the network") {
  SimulatedLoop loop;
  auto network = std::make_unique<MemoryNetwork>(loop);
  auto& here = network->add_host("here", {kHere});
  auto& there = network->add_host("there", {kThere});
  std::unique_ptr<Stream> accepted;
  there.listen(kMail, [&](std::unique_ptr<Stream> stream) { accepted = std::move(stream); });
  auto stream = test::sync_wait(loop, here.connect(kMail)).value();
  network.reset();
  CHECK(stream->try_write("x").value() == 1);
  char buffer[2];
  CHECK(accepted->try_read(buffer).value() == 1);
}

}  // namespace
}  // namespace angarium::io
