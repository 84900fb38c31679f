// RFC 1985, as a session answers it from the queue.
#include "agent/test_outbound.h"
#include "agent/transaction.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;

const std::string kLetter = "From: alice@a.test\r\nSubject: s\r\n\r\nhello\r\n";

struct World : Outbound {
  /// What a client from this address hears.
  std::string ask(const std::string& domain, const std::string& from = "192.0.2.2") {
    protocol::smtp::Peer peer;
    peer.remote = io::Endpoint(*io::IpAddress::parse(from), 40'000);
    SmtpSession session(desk, peer.remote);
    std::string said;
    loop.spawn(
        [](SmtpSession& here, const protocol::smtp::Peer& there, std::string node, std::string& out) -> io::Task<> {
          CHECK(co_await here.connected(there));
          const auto reply = co_await here.etrn(node);
          out = std::to_string(reply->code) + " " + reply->text;
        }(session, peer, domain, said));
    for (int i = 0; i < 100 && said.empty(); ++i) loop.advance(1ms);
    return said;
  }
  void down() { there.set_state(io::MemoryNetwork::Host::State::stopped); }
  void up() { there.set_state(io::MemoryNetwork::Host::State::up); }

  Budget budget{64 << 20};
  Rate rate{0};
  SmtpDesk desk{.services = *services,
                .budget = budget,
                .rate = rate,
                .policy = {},
                .outbound = terms,
                .relay_domains = RelayDomains({"b.test"}),
                .etrn_networks = {*io::Prefix::parse("192.0.2.0/30")}};
};

}  // namespace

TEST_CASE("RFC 1985 5.1: mail that waits for a host goes at once when it asks, and not before") {
  World world;
  world.down();
  for (int i = 0; i < 3; ++i) world.put(kLetter);
  world.loop.advance(5h);
  world.up();
  CHECK(world.ask("B.test") == "253 OK, 3 pending messages for node B.test started");
  world.loop.advance(5s);
  CHECK(world.house.messages.size() == 3);
  CHECK(world.queued() == 0);
  CHECK(world.ask("b.test") == "251 OK, no messages waiting for node b.test");
}

TEST_CASE("RFC 1985 5.1: what waits for its own time goes as well, and what is held stays") {
  World world;
  world.house.users.erase("bob");
  world.put(kLetter, {"<later-bob@b.test>"});
  world.put(kLetter, {"<later-bill@b.test>"});
  world.loop.advance(10s);
  CHECK(world.queued() == 2);
  const std::size_t before = world.connections;
  CHECK(world.ask("b.test").starts_with("253 OK, 2 pending"));
  world.loop.advance(10s);
  CHECK(world.connections == before + 1);

  const auto first = world.run(world.services->queue().list(queue::DeliveryId(0), 1))->front();
  store::Batch batch;
  auto jobs = *world.run(world.services->queue().claim(first.entry->id));
  auto change = world.services->queue().hold(jobs.front(), queue::Hold::by_operator, batch);
  REQUIRE(world.run(queue::commit(world.services->tablet(), std::move(batch))));
  change.done();
  CHECK(world.ask("b.test").starts_with("253 OK, 1 pending"));
  world.loop.advance(10s);
  const auto held = world.run(world.services->queue().find(first.entry->id));
  CHECK(held->parts.front().consignment.hold == queue::Hold::by_operator);
}

TEST_CASE("RFC 4865 4.2: what its sender wants held back stays though the host asks") {
  World world;
  const queue::Entry entry = Outbound::entry(world.loop, kLetter);
  store::Batch batch;
  queue::Lot lot{.destination = "b.test",
                 .recipients = {envelope::parse_recipient("<bob@b.test>").value()},
                 .due = WallTime{entry.arrived.microseconds + Duration(2h).count()}};
  auto change = world.services->queue().admit(entry, {std::move(lot)}, batch.body(kLetter), batch);
  REQUIRE(world.run(queue::commit(world.services->tablet(), std::move(batch))));
  change->done();
  CHECK(world.ask("b.test").starts_with("251 "));
  world.loop.advance(10s);
  CHECK(world.house.messages.empty());
  world.down();
  world.put(kLetter);
  world.loop.advance(5s);
  world.up();
  CHECK(world.ask("b.test").starts_with("253 OK, 1 pending"));
  world.loop.advance(10s);
  CHECK(world.house.messages.size() == 1);
  world.loop.advance(2h);
  CHECK(world.house.messages.size() == 2);
}

TEST_CASE("RFC 1985 5.2, 8: other networks and other domains are not served") {
  World world;
  world.down();
  world.put(kLetter);
  world.loop.advance(1h);
  const std::size_t before = world.connections;
  CHECK(world.ask("b.test", "192.0.2.4").starts_with("459 Node b.test not allowed: "));
  CHECK(world.ask("b.test", "2001:db8::1").starts_with("459 "));
  CHECK(world.ask("c.test").starts_with("459 Node c.test not allowed: "));
  CHECK(world.ask("sub.b.test").starts_with("459 "));
  world.up();
  world.loop.advance(1s);
  CHECK(world.connections == before);
  CHECK(world.queued() == 1);
}

}  // namespace angarium::agent
