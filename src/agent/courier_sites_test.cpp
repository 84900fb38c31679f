// All hosts of one provider are one site: windows, sessions, pauses.
#include "agent/flush.h"
#include "agent/test_outbound.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;
using State = io::MemoryNetwork::Host::State;

constexpr std::size_t kMany = 300;
constexpr int kProviders = 6;  ///< more of them, with a host each
constexpr int kTheirs = 20;    ///< domains of each

std::string domain_of(int provider, int number) {
  return "e" + std::to_string(number) + ".of" + std::to_string(provider) + ".test";
}

/// Domains d0.test … with hosts of one provider, some of which have one host and some another; solo.test elsewhere.
std::string zones() {
  std::string text =
      "mx1.p.test A 192.0.2.11\nmx2.p.test A 192.0.2.12\nmx3.p.test A 192.0.2.13\nmx4.p.test A 192.0.2.14\n"
      "solo.test MX 10 mx.solo.test\nmx.solo.test A 192.0.2.20\n"
      "both.test MX 10 mx1.p.test\nboth.test MX 20 mx2.p.test\n";
  for (std::size_t i = 0; i < kMany; ++i)
    text += "d" + std::to_string(i) + ".test MX 10 mx" + std::to_string(i % 4 + 1) + ".p.test\n";
  for (int i = 0; i < kProviders; ++i) {
    const std::string host = "mx.r" + std::to_string(i) + ".test";
    text += host + " A 198.51.100." + std::to_string(i + 1) + "\n";
    for (int j = 0; j < kTheirs; ++j) text += domain_of(i, j) + " MX 10 " + host + "\n";
  }
  return text;
}

struct World : Outbound {
  World() : Outbound(zones()) {
    house.users.insert({"bob", "secret"});
    auto made = std::make_shared<CourierTerms>(*terms);
    made->per_destination_max = 5;
    made->sessions_max = 20;
    terms = std::move(made);
  }
  void put_many(std::size_t count = kMany) {
    for (std::size_t i = 0; i < count; ++i) put_to("d" + std::to_string(i) + ".test");
  }
  void set_provider(State state) {
    for (io::MemoryNetwork::Host* const host : hosts) host->set_state(state);
  }
  /// Connections are made, and nothing is said.
  void hang(io::MemoryNetwork::Host& host) {
    host.listen(io::Endpoint(host.addresses().front(), 25),
                [this](std::unique_ptr<io::Stream> stream) { kept_.push_back(std::move(stream)); });
  }
  std::vector<io::MemoryNetwork::Host*> hosts = {
      &add_server("mx1.p.test", "192.0.2.11"), &add_server("mx2.p.test", "192.0.2.12"),
      &add_server("mx3.p.test", "192.0.2.13"), &add_server("mx4.p.test", "192.0.2.14")};
  io::MemoryNetwork::Host& solo = add_server("mx.solo.test", "192.0.2.20");

 private:
  std::vector<std::unique_ptr<io::Stream>> kept_;
};

}  // namespace

TEST_CASE("hundreds of domains at one provider have the sessions of one destination, and share them by host") {
  World world;
  world.put_many();
  world.loop.advance(2min);
  CHECK(world.house.messages.size() == kMany);
  CHECK(world.queued() == 0);
  CHECK(world.together.most <= 5);
  CHECK(world.together.most > 1);
  // With one host for all of them any session will do.
  World one;
  for (std::size_t i = 0; i < kMany; i += 4) one.put_to("d" + std::to_string(i) + ".test");
  one.loop.advance(2min);
  CHECK(one.house.messages.size() == kMany / 4);
  CHECK(one.together.all <= 10);
}

TEST_CASE("a provider that hangs does not hold up others, however many domains wait for it") {
  World world;
  // Connections to it are made, and nothing is said.
  for (io::MemoryNetwork::Host* const host : world.hosts) world.hang(*host);
  world.put_many();
  world.loop.advance(5s);
  world.put_to("solo.test");
  world.put("x\r\n");
  world.loop.advance(5s);
  CHECK(world.house.messages.size() == 2);
  CHECK(world.queued() == kMany);
}

TEST_CASE("a domain with much mail waits quietly for a site whose places are all taken, also when they time out") {
  World world;
  world.hang(*world.hosts[0]);
  for (int i = 0; i < 10; ++i) world.put_to("d" + std::to_string(4 * i) + ".test");
  for (int i = 0; i < 30; ++i) world.put_to("d40.test");
  world.loop.advance(12min);
  CHECK(world.queued() == 40);
}

TEST_CASE("a session is used again only for a domain that names its host, and never past a better one") {
  World world;
  world.put_to("d0.test");  // mx1
  world.loop.advance(1s);
  world.put_to("d1.test");  // mx2: no session of mx1
  world.loop.advance(1s);
  CHECK(world.sessions["mx1.p.test"].all == 1);
  CHECK(world.sessions["mx2.p.test"].all == 1);
  world.put_to("d4.test");  // mx1 again
  world.loop.advance(1s);
  CHECK(world.sessions["mx1.p.test"].all == 1);
  CHECK(world.house.messages.size() == 3);
  world.loop.advance(10s);
  world.put_to("d1.test");
  world.loop.advance(1s);
  CHECK(world.sessions["mx2.p.test"].all == 2);
  // mx2 is its backup only: the session with it is of no use while mx1 answers.
  world.put_to("both.test");
  world.loop.advance(1s);
  CHECK(world.sessions["mx1.p.test"].all == 2);
  CHECK(world.sessions["mx2.p.test"].all == 2);
  CHECK(world.house.messages.size() == 5);
}

TEST_CASE(
    "a session with a backup carries what else the domain has, but not the mail of a domain that does not name it") {
  World world;
  world.hosts[0]->set_state(State::stopped);
  world.put_to("both.test");
  world.loop.advance(1s);
  world.put_to("both.test");
  world.put_to("d0.test");  // mx1 alone
  world.loop.advance(2s);
  CHECK(world.sessions["mx2.p.test"].all == 1);
  CHECK(world.house.messages.size() == 2);
  CHECK(world.queued() == 1);
}

TEST_CASE("a provider that refuses all is asked a few times, not once for each domain, and again after the pause") {
  for (const bool greets : {false, true}) {
    CAPTURE(greets);
    World world;
    if (greets) {
      world.house.greeting = protocol::smtp::Reply(421, {4, 3, 2}, "busy");
    } else {
      world.set_provider(State::stopped);
    }
    const std::uint64_t before = world.network.attempts();
    world.put_many();
    world.loop.advance(1min);
    const std::uint64_t asked = world.network.attempts() - before;
    CHECK(asked >= 3);
    CHECK(asked <= 20);
    CHECK(world.queued() == kMany);
    world.loop.advance(3min);
    CHECK(world.network.attempts() - before == asked);
    world.house.greeting = protocol::smtp::Reply(220, {}, "");
    world.set_provider(State::up);
    world.loop.advance(5min);
    CHECK(world.house.messages.size() == kMany);
    CHECK(world.queued() == 0);
    CHECK(world.together.most <= 5);
  }
}

TEST_CASE("a provider whose hosts swallow every connection has its pause, though there is always one under way") {
  World world;
  world.set_provider(State::gone);
  const std::uint64_t before = world.network.attempts();
  for (int i = 0; i < 30; ++i) {
    for (int j = 0; j < 10; ++j) world.put_to("d" + std::to_string(10 * i + j) + ".test");
    world.loop.advance(7s);
  }
  CHECK(world.queued() == kMany);
  // A first round, and one after the pause of five minutes; not a connection for each domain.
  world.loop.advance(90s);
  CHECK(world.network.attempts() - before <= 40);
  world.set_provider(State::up);
  world.loop.advance(10min);
  CHECK(world.house.messages.size() == kMany);
}

TEST_CASE("outbound.sessions_max bounds what is open together, also when many providers come back at one time") {
  World world;
  std::vector<io::MemoryNetwork::Host*> theirs;
  for (int i = 0; i < kProviders; ++i) {
    theirs.push_back(&world.add_server("mx.r" + std::to_string(i) + ".test", "198.51.100." + std::to_string(i + 1)));
    theirs.back()->set_state(State::stopped);
  }
  auto terms = std::make_shared<CourierTerms>(*world.terms);
  terms->sessions_max = kProviders;
  world.terms = terms;
  for (int i = 0; i < kProviders; ++i)
    for (int j = 0; j < kTheirs; ++j) world.put_to(domain_of(i, j));
  world.loop.advance(1min);
  CHECK(world.queued() == kProviders * kTheirs);
  for (io::MemoryNetwork::Host* const host : theirs) host->set_state(State::up);
  world.loop.advance(10min);
  CHECK(world.house.messages.size() == kProviders * kTheirs);
  CHECK(world.together.most <= kProviders);
  CHECK(world.together.most > 1);
}

TEST_CASE("an LMTP server at a socket: what it failed before it was reached again does not count") {
  World world;
  world.transport("lmtp unix:/run/lmtp");
  for (int failed = 0; failed < 5; ++failed) {
    CAPTURE(failed);
    world.house.greeting = protocol::smtp::Reply(421, {4, 3, 2}, "busy");
    world.take_lmtp("/run/lmtp");
    world.put_to("d0.test");
    world.loop.advance(1s);
    CHECK(world.queued() == 1);
    world.house.greeting = protocol::smtp::Reply(220, {}, "");
    // The first pause, each time anew.
    world.loop.advance(6min);
    CHECK(world.queued() == 0);
  }
}

TEST_CASE("one host of a provider that is down holds up only the domains that name it") {
  World world;
  world.hosts[0]->set_state(State::stopped);
  world.put_many();
  world.loop.advance(2min);
  CHECK(world.house.messages.size() == kMany * 3 / 4);
  CHECK(world.queued() == kMany / 4);
}

TEST_CASE("what one domain's recipients are told for now is that domain's alone") {
  World world;
  world.put(Outbound::entry(world.loop, "x\r\n"), "x\r\n", {"<later@b.test>"}, "d0.test");
  world.loop.advance(2s);
  world.put_to("d4.test");  // the same host
  world.loop.advance(2s);
  CHECK(world.house.messages.size() == 1);
  CHECK(world.queued() == 1);
}

TEST_CASE("a provider that takes two sessions at one time has two, and all the mail") {
  World world;
  std::size_t made = 0;
  std::size_t refused = 0;
  world.network.set_plan([&](const io::Endpoint&, const io::Endpoint&) {
    io::Plan plan;
    const bool full = made - (world.together.all - world.together.now) >= 2;
    if (full) plan.opening = io::Plan::Opening::refused;
    ++(full ? refused : made);
    return plan;
  });
  for (int i = 0; i < 100; ++i) world.put_to("d" + std::to_string(4 * i % 100) + ".test");
  world.loop.advance(2min);
  CHECK(world.house.messages.size() == 100);
  CHECK(world.together.most == 2);
  CHECK(refused > 0);
  CHECK(refused < 20);
}

TEST_CASE("a domain with much mail lets the others of its site have their turn") {
  World world;
  auto made = std::make_shared<CourierTerms>(*world.terms);
  made->per_destination_max = 1;
  world.terms = std::move(made);
  for (int i = 0; i < 200; ++i) world.put_to("d0.test");
  world.put(Outbound::entry(world.loop, "y\r\n"), "y\r\n", {"<bob@b.test>"}, "d1.test");
  world.loop.advance(5min);
  REQUIRE(world.house.messages.size() == 201);
  const auto at = std::ranges::find(world.house.messages, "y\r\n", &protocol::smtp::MemoryHouse::Message::octets);
  CHECK(at - world.house.messages.begin() < 50);
}

TEST_CASE("who asks for a destination to be tried is not held up by the pause of its site") {
  World world;
  world.set_provider(State::stopped);
  world.put_many(8);
  world.loop.advance(1min);
  CHECK(world.queued() == 8);
  world.set_provider(State::up);
  REQUIRE(world.run(flush_destination(*world.services, "d0.test")));
  world.loop.advance(2s);
  CHECK(world.house.messages.size() == 1);
}

TEST_CASE("a relay is one site for all domains that go there, an address literal one of its own") {
  World world;
  world.transport("relay mx1.p.test:25");
  world.put_many(100);
  world.loop.advance(2min);
  CHECK(world.house.messages.size() == 100);
  CHECK(world.sessions["mx1.p.test"].all == world.together.all);
  CHECK(world.together.most <= 5);
  CHECK(world.services->sites().site_of("d3.test") == "relay mx1.p.test:25 tls=opportunistic");
  World literal;
  literal.put_to("[192.0.2.11]");
  literal.loop.advance(2s);
  CHECK(literal.house.messages.size() == 1);
  CHECK(literal.services->sites().site_of("[192.0.2.11]") == "[192.0.2.11]");
}

TEST_CASE("the server ends while many wait for a provider, and nothing is lost") {
  World world;
  world.hang(*world.hosts[0]);
  for (int i = 0; i < 50; ++i) world.put_to("d" + std::to_string(4 * i) + ".test");
  world.loop.advance(5s);
  world.stop();
  world.loop.advance(10min);
  CHECK(world.queued() == 50);
}

}  // namespace angarium::agent
