#include "agent/gate.h"

#include <thread>
#include <vector>

#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {
io::Endpoint peer(std::string_view text) { return io::Endpoint::parse(text).value(); }
}  // namespace

TEST_CASE("so many connections and not one more, and a place that is given back is free again") {
  Gate gate({.connections_max = 2, .per_address_max = 10});
  auto one = gate.enter(peer("127.0.0.1:1"));
  {
    auto two = gate.enter(peer("192.0.2.1:1"));
    CHECK((one && two));
    CHECK(!gate.enter(peer("192.0.2.2:1")));
  }
  CHECK(gate.connections() == 1);
  CHECK(gate.enter(peer("192.0.2.2:1")));
}

TEST_CASE("an address has its share, this host and others are not touched by it") {
  Gate gate({.connections_max = 100, .per_address_max = 2});
  auto a = gate.enter(peer("192.0.2.1:1"));
  auto b = gate.enter(peer("192.0.2.1:2"));
  CHECK((a && b));
  CHECK(!gate.enter(peer("192.0.2.1:3")));
  auto other = gate.enter(peer("192.0.2.9:1"));
  CHECK(other);
  auto c = gate.enter(peer("[2001:db8::1]:1"));
  auto d = gate.enter(peer("[2001:db8::2]:1"));
  CHECK((c && d));
  CHECK(!gate.enter(peer("[2001:db8::3]:1")));
  auto e = gate.enter(peer("127.0.0.1:1"));
  auto f = gate.enter(peer("127.0.0.1:1"));
  CHECK(gate.enter(peer("127.0.0.1:1")));
}

TEST_CASE("a user of this host has a share, root and others are not touched by it") {
  Gate gate({.connections_max = 1000, .per_address_max = 2});
  std::vector<Gate::Pass> held;
  for (std::uint64_t i = 0; i < kUserSessionsMax; ++i) {
    held.push_back(gate.enter_user(1000));
    REQUIRE(held.back());
  }
  CHECK(!gate.enter_user(1000));
  CHECK(gate.enter_user(100));
  CHECK(gate.enter(peer("127.0.0.1:1")));
  held.pop_back();
  held.push_back(gate.enter_user(1000));
  CHECK(held.back());
  for (std::uint64_t i = 0; i <= kUserSessionsMax; ++i) {
    held.push_back(gate.enter_user(0));
    REQUIRE(held.back());
  }
}

TEST_CASE("where few connections are allowed one user has half of them at most, and one at least") {
  Gate gate({.connections_max = 4, .per_address_max = 2});
  auto a = gate.enter_user(1000);
  auto b = gate.enter_user(1000);
  CHECK((a && b));
  CHECK(!gate.enter_user(1000));
  CHECK(gate.connections() == 2);
  Gate narrow({.connections_max = 1, .per_address_max = 1});
  CHECK(narrow.enter_user(1000));
}

TEST_CASE("a pass that moved gives its place back once") {
  Gate gate({.connections_max = 1, .per_address_max = 1});
  {
    auto pass = gate.enter(peer("192.0.2.1:1"));
    auto moved = std::move(pass);
    CHECK(moved);
  }
  CHECK(gate.connections() == 0);
  CHECK(gate.enter(peer("192.0.2.1:1")));
}

TEST_CASE("connections leave the store its descriptors, or half of a small limit") {
  CHECK(connections_for(192) == 96);
  CHECK(connections_for(2 * kOwnDescriptors) == kOwnDescriptors);
  CHECK(connections_for(2 * kOwnDescriptors + 1) == kOwnDescriptors + 1);
  CHECK(connections_for(1'048'576) == 1'047'552);
}

TEST_CASE("new limits count for who enters then: nobody inside is turned out, and each leaves as it came") {
  Gate gate({.connections_max = 3, .per_address_max = 3});
  auto a = gate.enter(peer("192.0.2.1:1"));
  auto b = gate.enter(peer("192.0.2.1:2"));
  REQUIRE((a && b));
  gate.set_limits({.connections_max = 1, .per_address_max = 1});
  CHECK(!gate.enter(peer("192.0.2.9:1")));
  CHECK(gate.connections() == 2);
  gate.set_limits({.connections_max = 10, .per_address_max = 2});
  CHECK(!gate.enter(peer("192.0.2.1:3")));
  gate.set_limits({.connections_max = 10, .per_address_max = 3});
  CHECK(gate.enter(peer("192.0.2.1:3")));
  CHECK(gate.connections() == 2);
}

TEST_CASE("limits change while others enter and leave, and every place is given back") {
  Gate gate({.connections_max = 4, .per_address_max = 2});
  std::vector<std::jthread> visitors;
  for (int i = 0; i < 3; ++i) {
    visitors.emplace_back([&gate, i] {
      for (int round = 0; round < 2000; ++round) {
        auto one = gate.enter(peer("192.0.2.1:1"));
        auto two = gate.enter(peer("192.0.2." + std::to_string(i + 2) + ":1"));
      }
    });
  }
  for (std::uint64_t round = 0; round < 2000; ++round)
    gate.set_limits({.connections_max = 1 + round % 6, .per_address_max = 1 + round % 3});
  visitors.clear();
  CHECK(gate.connections() == 0);
}
