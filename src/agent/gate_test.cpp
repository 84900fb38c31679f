#include "agent/gate.h"

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
