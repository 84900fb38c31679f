// Several hosts with a network, a DNS and a clock of their own: mail goes from one to the other, or back to its sender.
#include "agent/courier.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/test_hosts.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;
using namespace std::chrono_literals;
using test_hosts::holds;
using test_hosts::Host;
using World = test_hosts::Hosts;

}  // namespace

TEST_CASE("mail goes to the host that the DNS names, once, and leaves nothing behind") {
  World world;
  REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>"}));
  world.loop.advance(2s);
  REQUIRE(world.b.inbox("bob").size() == 1);
  const std::string got = world.b.inbox("bob")[0];
  CHECK(got.starts_with("Return-Path: <alice@a.test>\r\nDelivered-To: bob@b.test\r\nReceived: from mx.a.test"));
  CHECK(holds(got, "\r\nReceived: from client.test"));
  CHECK(world.a.queued() == 0);
  CHECK(world.a.inbox("alice").empty());
}

TEST_CASE("recipients here and elsewhere of one message: each has it once") {
  World world;
  REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>", "<alice@a.test>"}));
  world.loop.advance(2s);
  CHECK(world.b.inbox("bob").size() == 1);
  CHECK(world.a.inbox("alice").size() == 1);
  CHECK(world.a.queued() == 0);
}

TEST_CASE("nobody else may send through a host") {
  World world;
  world.client.listen(io::Endpoint(*io::IpAddress::parse("192.0.2.100"), 25), {});
  io::MemoryNetwork::Host& stranger = world.network.add_host("stranger.test", {*io::IpAddress::parse("192.0.2.101")});
  std::optional<smtp::Reply> reply;
  world.loop.spawn([](io::MemoryNetwork::Host& from, std::optional<smtp::Reply>& outcome) -> io::Task<> {
    auto stream = co_await from.connect(io::Endpoint(*io::IpAddress::parse("192.0.2.1"), 25));
    auto connection = wire::plain_connection(*std::move(stream));
    smtp::Client speaker(*connection, {.name = "stranger.test"});
    CHECK(co_await speaker.open());
    CHECK(co_await speaker.command("MAIL FROM:<x@y.test>"));
    outcome = *co_await speaker.command("RCPT TO:<bob@b.test>");
    co_await speaker.quit();
  }(stranger, reply));
  world.loop.advance(5s);
  REQUIRE(reply);
  CHECK(reply->code == 550);
}

TEST_CASE("a host that is down is tried again later, and its backup takes the mail meanwhile") {
  for (const bool backup : {false, true}) {
    World world;
    std::optional<Host> second;
    if (backup) {
      second.emplace(world.loop, world.network, *world.resolver, "b.test", "backup.b.test", "192.0.2.3");
      second->add("bob");
    }
    world.b.place().set_state(io::MemoryNetwork::Host::State::stopped);
    REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>"}));
    world.loop.advance(1min);
    if (backup) CHECK(second->inbox("bob").size() == 1);
    CHECK(world.a.queued() == (backup ? 0 : 1));
    world.b.place().set_state(io::MemoryNetwork::Host::State::up);
    world.loop.advance(6min);
    CHECK(world.b.inbox("bob").size() == (backup ? 0 : 1));
    CHECK(world.a.queued() == 0);
    CHECK(world.a.inbox("alice").empty());
  }
}

TEST_CASE("the queue outlives its host") {
  World world;
  world.b.place().set_state(io::MemoryNetwork::Host::State::gone);
  REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>"}));
  world.loop.advance(5min);
  world.a.down();
  world.a.up();
  CHECK(world.a.queued() == 1);
  world.b.place().set_state(io::MemoryNetwork::Host::State::up);
  world.loop.advance(1h);
  CHECK(world.b.inbox("bob").size() == 1);
  CHECK(world.a.queued() == 0);
}

TEST_CASE("what cannot be delivered goes back to its sender with the reason; RFC 7505, RFC 5321 5.1") {
  World world;
  REQUIRE(world.send("<alice@a.test>", {"<nobody@b.test>", "<x@null.test>", "<x@nowhere.test>", "<bob@b.test>"}));
  world.loop.advance(10s);
  CHECK(world.b.inbox("bob").size() == 1);
  const auto reports = world.a.inbox("alice");
  REQUIRE(reports.size() == 3);
  std::string all;
  for (const std::string& report : reports) {
    CHECK(report.starts_with("Return-Path: <>\r\n"));
    CHECK(holds(report, "Action: failed"));
    CHECK(holds(report, "Subject: s\r\n"));
    all += report;
  }
  CHECK(holds(all, "Diagnostic-Code: smtp; 550 5.1.1"));
  CHECK(holds(all, "Status: 5.1.10"));
  CHECK(holds(all, "Final-Recipient: rfc822;x@nowhere.test"));
  CHECK(!holds(all, "Final-Recipient: rfc822;bob@b.test"));
  CHECK(world.a.queued() == 0);
}

TEST_CASE("RFC 5321 5.1: a DNS that does not answer is no reason to give mail back") {
  World world;
  REQUIRE(world.send("<alice@a.test>", {"<x@broken.test>"}));
  world.loop.advance(1h);
  CHECK(world.a.inbox("alice").empty());
  CHECK(world.a.queued() == 1);
}

TEST_CASE("a recipient that is refused for now is tried again until it is taken, the others are not") {
  World world;
  world.b.add("small", 1);
  REQUIRE(world.send("<alice@a.test>", {"<small@b.test>", "<bob@b.test>"}));
  REQUIRE(world.send("<alice@a.test>", {"<small@b.test>", "<bob@b.test>"}));
  world.loop.advance(10s);
  CHECK(world.b.inbox("bob").size() == 2);
  CHECK(world.b.inbox("small").size() == 1);
  CHECK(world.a.queued() == 1);
  world.b.set_room("small", 10);
  world.loop.advance(6min);
  CHECK(world.b.inbox("small").size() == 2);
  CHECK(world.b.inbox("bob").size() == 2);
  CHECK(world.a.queued() == 0);
}

TEST_CASE("RFC 5321 4.5.4.1: a sender is told of the delay once, and of the end with the last words") {
  World world;
  world.b.add("small", 1);
  REQUIRE(world.send("<alice@a.test>", {"<small@b.test>"}));
  REQUIRE(world.send("<alice@a.test>", {"<small@b.test>"}));
  world.b.place().set_state(io::MemoryNetwork::Host::State::up);
  world.loop.advance(3h + 50min);
  CHECK(world.a.inbox("alice").empty());
  world.loop.advance(20min);
  REQUIRE(world.a.inbox("alice").size() == 1);
  CHECK(holds(world.a.inbox("alice")[0], "Action: delayed"));
  CHECK(holds(world.a.inbox("alice")[0], "Will-Retry-Until:"));
  world.loop.advance(115h);
  CHECK(world.a.inbox("alice").size() == 1);
  CHECK(world.a.queued() == 1);
  world.loop.advance(2h);
  const auto reports = world.a.inbox("alice");
  REQUIRE(reports.size() == 2);
  CHECK(holds(reports[1], "Action: failed"));
  CHECK(holds(reports[1], "Status: 5.4.7"));
  CHECK(holds(reports[1], "Diagnostic-Code: smtp; 452 4.2.2"));
  CHECK(world.a.queued() == 0);
}

TEST_CASE("a destination that never answers ends with the reason, too") {
  World world;
  world.b.place().set_state(io::MemoryNetwork::Host::State::stopped);
  REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>"}));
  REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>"}));
  world.loop.advance(121h);
  const auto reports = world.a.inbox("alice");
  REQUIRE(reports.size() == 4);
  CHECK(std::ranges::count_if(reports, [](const std::string& one) { return holds(one, "Action: failed"); }) == 2);
  CHECK(holds(reports[3], "mx.b.test [192.0.2.2]: connect"));
  CHECK(world.a.queued() == 0);
}

TEST_CASE("RFC 5321 4.5.5, 6.1: a report that fails goes to the postmaster, and that one's failure to nobody") {
  World world;
  REQUIRE(world.send("<gone@a.test>", {"<nobody@b.test>"}));
  world.loop.advance(10s);
  REQUIRE(world.a.inbox("postmaster").size() == 1);
  const std::string told = world.a.inbox("postmaster")[0];
  CHECK(holds(told, "Final-Recipient: rfc822;gone@a.test"));
  CHECK(holds(told, "Subject: A message without a sender was not delivered"));
  const std::string words = told.substr(0, told.find("Content-Type: message/"));
  CHECK_FALSE(holds(words, "Your message could not"));
  CHECK_FALSE(holds(words, "of your message"));
  CHECK_FALSE(holds(words, "What you can do"));
  REQUIRE(world.send("<>", {"<nobody@b.test>"}));
  world.loop.advance(10s);
  CHECK(world.a.inbox("postmaster").size() == 2);
  CHECK(world.a.queued() == 0);
}

TEST_CASE("RFC 3461 4.1, 5.2: reports as NOTIFY asks for them") {
  struct Case {
    std::string notify;
    bool exists;
    bool dsn;
    std::string action;  // none: no report
  };
  for (const Case& one : std::vector<Case>{{"", true, true, ""},
                                           {"", false, true, "failed"},
                                           {" NOTIFY=NEVER", false, true, ""},
                                           {" NOTIFY=SUCCESS", false, true, ""},
                                           {" NOTIFY=FAILURE", false, false, "failed"},
                                           {" NOTIFY=SUCCESS", true, true, "delivered"},
                                           {" NOTIFY=SUCCESS,FAILURE", true, false, "relayed"},
                                           {" NOTIFY=FAILURE", true, false, ""}}) {
    CAPTURE(one.notify);
    CAPTURE(one.exists);
    CAPTURE(one.dsn);
    World world;
    world.b.dsn = one.dsn;
    REQUIRE(world.send("<alice@a.test> ENVID=xyz",
                       {(one.exists ? "<bob@b.test>" : "<nobody@b.test>") + one.notify + " ORCPT=rfc822;orig@x.test"}));
    world.loop.advance(10s);
    const auto reports = world.a.inbox("alice");
    REQUIRE(reports.size() == (one.action.empty() ? 0 : 1));
    if (reports.empty()) continue;
    CHECK(holds(reports[0], "Action: " + one.action + "\r\n"));
    CHECK(holds(reports[0], "Original-Envelope-Id: xyz\r\n"));
    CHECK(holds(reports[0], "Original-Recipient: rfc822;orig@x.test\r\n"));
  }
}

TEST_CASE("RFC 3461 5.2.3: success here is told by the same batch") {
  World world;
  REQUIRE(world.send("<bob@b.test>", {"<alice@a.test> NOTIFY=SUCCESS"}));
  world.loop.advance(10s);
  CHECK(world.a.inbox("alice").size() == 1);
  REQUIRE(world.b.inbox("bob").size() == 1);
  CHECK(holds(world.b.inbox("bob")[0], "Action: delivered"));
}

TEST_CASE("users send anywhere by submission") {
  World world;
  REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>", "<alice@a.test>"}, "hello", "alice@a.test"));
  world.loop.advance(10s);
  CHECK(world.b.inbox("bob").size() == 1);
  CHECK(world.a.inbox("alice").size() == 1);
  CHECK(world.a.queued() == 0);
}

TEST_CASE("RFC 4865 4: a message that is to be held is not delivered before, here or elsewhere, also after a restart") {
  for (const bool restart : {false, true}) {
    World world;
    REQUIRE(world.send("<alice@a.test> HOLDFOR=86400", {"<bob@b.test>", "<alice@a.test>"}, "hello", "alice@a.test"));
    if (restart) {
      world.a.down();
      world.a.up();
    }
    world.loop.advance(23h + 50min);
    CHECK(world.b.inbox("bob").empty());
    CHECK(world.a.inbox("alice").empty());
    world.loop.advance(15min);
    CHECK(world.b.inbox("bob").size() == 1);
    // No notice of a delay: it was wanted.
    CHECK(world.a.inbox("alice").size() == 1);
    CHECK(world.a.queued() == 0);
  }
}

TEST_CASE("the transport map sends to a relay, refuses, and forgets") {
  World world;
  world.a.set_transports(
      {{.key = "away.test", .transport = *route::parse_transport("relay 192.0.2.2")},
       {.key = "forbidden.test", .transport = *route::parse_transport("error 550 5.7.1 not for you")},
       {.key = "sink.test", .transport = *route::parse_transport("discard")}});
  // The relay takes only what is its own.
  REQUIRE(world.send("<alice@a.test>", {"<bob@away.test>"}));
  CHECK(!world.send("<alice@a.test>", {"<x@forbidden.test>"}));
  REQUIRE(world.send("<alice@a.test>", {"<x@sink.test>"}));
  world.loop.advance(10s);
  REQUIRE(world.a.inbox("alice").size() == 1);
  CHECK(holds(world.a.inbox("alice")[0], "Relaying denied"));
  CHECK(world.a.queued() == 0);
}

TEST_CASE("mail for a domain that is relayed is taken from anybody, and goes into a file") {
  const std::string path = (std::filesystem::temp_directory_path() / "angarium-courier-XXXXXX").string();
  std::string folder = path;
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  World world;
  world.b.set_transports({{.key = "box.test", .transport = *route::parse_transport("target mbox:" + folder + "/box")}});
  REQUIRE(world.send("<alice@a.test>", {"<x@box.test>", "<y@box.test> NOTIFY=SUCCESS"}));
  world.loop.advance(10s);
  std::ifstream file(folder + "/box");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  CHECK(text.starts_with("From alice@a.test "));
  CHECK(holds(text, "\nDelivered-To: x@box.test\n"));
  CHECK(holds(text, "\nDelivered-To: y@box.test\n"));
  CHECK(holds(text, "\nhello\n"));
  REQUIRE(world.a.inbox("alice").size() == 1);
  CHECK(holds(world.a.inbox("alice")[0], "Action: delivered"));
  CHECK(world.b.queued() == 0);
  // One that cannot be written to waits.
  world.b.set_transports({{.key = "box.test", .transport = *route::parse_transport("target mbox:" + folder)}});
  REQUIRE(world.send("<alice@a.test>", {"<x@box.test>"}));
  world.loop.advance(10s);
  CHECK(world.b.queued() == 1);
  CHECK(world.a.inbox("alice").size() == 1);
  std::filesystem::remove_all(folder);
}

TEST_CASE("domains that are relayed, and those below one") {
  const RelayDomains domains({"Box.test", ".below.test",
                              "b\xc3\xbc"
                              "cher.example"});
  for (const char* const name : {"box.test", "BOX.TEST.", "a.below.test", "b.a.below.test", "xn--bcher-kva.example"})
    CHECK(domains.contains(name));
  for (const char* const name : {"a.box.test", "below.test", "notbox.test", "test", "", "[192.0.2.1]"})
    CHECK(!domains.contains(name));
  CHECK(!RelayDomains().contains("box.test"));
}

TEST_CASE("a connection that breaks anywhere loses nothing, and nothing arrives twice but after its last dot") {
  for (std::size_t octets = 0; octets < 1200; octets += 31) {
    CAPTURE(octets);
    World world;
    world.network.set_plan([&, broken = false](const io::Endpoint&, const io::Endpoint& to) mutable {
      io::Plan plan;
      if (to.text() == "192.0.2.2:25" && !std::exchange(broken, true)) plan.octets_to_listener = octets;
      return plan;
    });
    REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>"}));
    world.loop.advance(30min);
    const std::size_t arrived = world.b.inbox("bob").size();
    CHECK(arrived >= 1);
    CHECK(arrived <= 2);
    CHECK(world.a.queued() == 0);
    CHECK(world.a.inbox("alice").empty());
  }
}

TEST_CASE("pauses double up to the longest, a tenth more or less") {
  CourierTerms terms;
  SeededRandom random(1);
  for (int i = 0; i < 100; ++i) {
    CHECK(retry_pause(terms, 1, random) >= 4min + 30s);
    CHECK(retry_pause(terms, 1, random) <= 5min + 30s);
    CHECK(retry_pause(terms, 3, random) >= 18min);
    CHECK(retry_pause(terms, 3, random) <= 22min);
    CHECK(retry_pause(terms, 100, random) <= 2h + 12min);
    CHECK(retry_pause(terms, 100, random) >= 2h - 12min);
  }
}

}  // namespace angarium::agent
