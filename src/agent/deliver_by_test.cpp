#include "agent/deliver_by.h"

#include "agent/test_outbound.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;
using envelope::DeliverBy;
using Mode = envelope::DeliverBy::Mode;
using protocol::smtp::Announce;

const std::string kLetter = "From: alice@a.test\r\nSubject: s\r\n\r\nhello\r\n";

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

struct World : Outbound {
  void send(const DeliverBy& by, const std::string& recipient = "<bob@b.test>") {
    queue::Entry made = entry(loop, kLetter);
    made.notice = WallTime{made.arrived.microseconds + Duration(4h).count()};
    set_deliver_by(made, by, made.arrived);
    put(made, kLetter, {recipient});
  }
  void down() { there.set_state(io::MemoryNetwork::Host::State::stopped); }
};

DeliverBy by(std::int32_t seconds, Mode mode, bool trace = false) {
  return {.seconds = seconds, .mode = mode, .trace = trace};
}

}  // namespace

TEST_CASE("RFC 2852 4: the time counts from MAIL, and mode R is never without any") {
  queue::Entry entry;
  entry.arrived = {1'000'000'000};
  entry.expires = {900'000'000'000};
  const WallTime began{990'000'000};
  set_deliver_by(entry, by(60, Mode::return_it), began);
  CHECK(entry.sender.parameters.deliver_by->seconds == 50);
  CHECK(entry.expires == WallTime{1'050'000'000});
  CHECK(!entry.notice);
  set_deliver_by(entry, by(5, Mode::return_it), began);
  CHECK(entry.sender.parameters.deliver_by->seconds == 1);
  set_deliver_by(entry, by(999'999'999, Mode::return_it), began);
  CHECK(entry.expires == WallTime{1'001'000'000});
  set_deliver_by(entry, by(5, Mode::notify), began);
  CHECK(entry.sender.parameters.deliver_by->seconds == -5);
  CHECK(!entry.notice);
  set_deliver_by(entry, by(-999'999'999, Mode::notify), began);
  CHECK(entry.sender.parameters.deliver_by->seconds == -999'999'999);
  set_deliver_by(entry, by(100, Mode::notify), began);
  CHECK(entry.notice == WallTime{1'090'000'000});
  CHECK(remaining(entry, {1'080'000'000})->seconds == 10);
  CHECK(remaining(entry, {1'100'000'000})->seconds == -10);
  CHECK(!too_late(entry, {2'000'000'000}));
  set_deliver_by(entry, std::nullopt, began);
  CHECK(!deliver_by_time(entry));
  CHECK(!remaining(entry, began));
  CHECK(!tells_of_relay(entry, Keeps::no, began));
}

TEST_CASE("RFC 2852 4.1.4: the next server is told the seconds that are left") {
  World world;
  world.policy.deliver_by.announce = Announce::yes;
  world.down();
  world.send(by(36'000, Mode::notify));
  world.loop.advance(1h);
  world.there.set_state(io::MemoryNetwork::Host::State::up);
  world.loop.advance(2h);
  REQUIRE(world.house.messages.size() == 1);
  const auto& told = world.house.messages[0].envelope.sender.parameters.deliver_by;
  REQUIRE(told);
  CHECK(told->seconds <= 32'400);
  CHECK(told->seconds >= 36'000 - 3 * 3600);
  CHECK(told->mode == Mode::notify);
  CHECK(world.inbox("alice").empty());
}

TEST_CASE("RFC 2852 4.1.3: mode R: no attempt is made after the time, and the message goes back with 5.4.7") {
  World world;
  world.policy.deliver_by.announce = Announce::yes;
  world.down();
  world.send(by(600, Mode::return_it));
  world.loop.advance(9min);
  CHECK(world.inbox("alice").empty());
  world.loop.advance(90s);
  REQUIRE(world.inbox("alice").size() == 1);
  const std::string told = world.inbox("alice")[0];
  CHECK(holds(told, "Action: failed\r\n"));
  CHECK(holds(told, "Status: 5.4.7\r\n"));
  CHECK(holds(told, "Deliver-By-Date: "));
  CHECK(holds(told, "Arrival-Date: "));
  CHECK(world.queued() == 0);
  world.there.set_state(io::MemoryNetwork::Host::State::up);
  world.loop.advance(10h);
  CHECK(world.house.messages.empty());
}

TEST_CASE("RFC 2852 4.1.3: mode R: a message whose time came while it waited for its turn is not sent") {
  World world;
  world.policy.deliver_by.announce = Announce::yes;
  queue::Entry late = Outbound::entry(world.loop, kLetter);
  late.arrived.microseconds -= Duration(2h).count();
  set_deliver_by(late, by(3600, Mode::return_it), late.arrived);
  world.put(late, kLetter, {"<bob@b.test>"});
  world.loop.advance(10s);
  CHECK(world.connections == 0);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(holds(world.inbox("alice")[0], "Status: 5.4.7\r\n"));
}

TEST_CASE("RFC 2852 4.1.4.1: mode R: not to a server that does not keep the time, or only a longer one") {
  for (const bool announced : {false, true}) {
    World world;
    if (announced) world.policy.deliver_by = {.announce = Announce::yes, .min_s = 3600};
    world.send(by(600, Mode::return_it));
    world.loop.advance(20s);
    CHECK(world.house.messages.empty());
    REQUIRE(world.inbox("alice").size() == 1);
    CHECK(holds(world.inbox("alice")[0], "Action: failed\r\n"));
    CHECK(world.queued() == 0);
  }
}

TEST_CASE("RFC 2852 4.1.3: mode N: its sender is told of the delay then, with 4.4.7, and the attempts go on") {
  World world;
  world.down();
  world.send(by(1800, Mode::notify));
  world.loop.advance(29min);
  CHECK(world.inbox("alice").empty());
  world.loop.advance(2min);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(holds(world.inbox("alice")[0], "Action: delayed\r\n"));
  CHECK(holds(world.inbox("alice")[0], "Status: 4.4.7\r\n"));
  CHECK(holds(world.inbox("alice")[0], "Deliver-By-Date: "));
  CHECK(world.queued() == 1);
  world.there.set_state(io::MemoryNetwork::Host::State::up);
  world.loop.advance(5h);
  CHECK(world.house.messages.size() == 1);
  CHECK(world.inbox("alice").size() == 1);
}

TEST_CASE("RFC 2852 4.1.3: mode N: NOTIFY without DELAY is not told") {
  World world;
  world.down();
  world.send(by(1800, Mode::notify), "<bob@b.test> NOTIFY=FAILURE");
  world.loop.advance(2h);
  CHECK(world.inbox("alice").empty());
}

TEST_CASE(
    "RFC 2852 4.1.4.2: relayed in time to a server that does not keep the time: told, and that server tells of "
    "delays") {
  struct Case {
    std::string recipient;
    bool told;
    std::string said;
  };
  for (const Case& one : {Case{"<bob@b.test>", true, " NOTIFY=FAILURE,DELAY"},
                          Case{"<bob@b.test> NOTIFY=FAILURE", true, " NOTIFY=FAILURE,DELAY"},
                          Case{"<bob@b.test> NOTIFY=NEVER", false, " NOTIFY=NEVER"}}) {
    World world;
    world.send(by(1800, Mode::notify), one.recipient);
    world.loop.advance(20s);
    REQUIRE(world.house.messages.size() == 1);
    CHECK(envelope::format_parameters(world.house.messages[0].envelope.recipients[0].parameters) == one.said);
    REQUIRE(world.inbox("alice").size() == (one.told ? 1 : 0));
    if (one.told) CHECK(holds(world.inbox("alice")[0], "Action: relayed\r\n"));
  }
}

TEST_CASE("RFC 2852 4.1.4: a trace tells of the relay though nobody asked for success, but not with NOTIFY=NEVER") {
  for (const bool trace : {false, true}) {
    for (const bool never : {false, true}) {
      World world;
      world.policy.deliver_by.announce = Announce::yes;
      world.send(by(1800, Mode::notify, trace), never ? "<bob@b.test> NOTIFY=NEVER" : "<bob@b.test>");
      world.loop.advance(20s);
      REQUIRE(world.house.messages.size() == 1);
      REQUIRE(world.inbox("alice").size() == (trace && !never ? 1 : 0));
      if (trace && !never) CHECK(holds(world.inbox("alice")[0], "Action: relayed\r\n"));
    }
  }
}

TEST_CASE("RFC 2852 4.1.2: what fails for good before the time goes back at once") {
  World world;
  world.policy.deliver_by.announce = Announce::yes;
  world.send(by(1800, Mode::return_it), "<nobody@b.test>");
  world.loop.advance(20s);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(holds(world.inbox("alice")[0], "Status: 5.1.1\r\n"));
}

}  // namespace angarium::agent
