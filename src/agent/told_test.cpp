// What is told to whom: senders, owners of lists, strangers and the operator.
#include <boost/json.hpp>

#include "agent/queue_verbs.h"
#include "agent/test_site.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// A message in the queue from the sender.
queue::DeliveryId put(Outbound& world, const std::string& sender, const std::string& recipient,
                      const std::string& destination, Duration lifetime = 120h) {
  const std::string octets = "Subject: s\r\n\r\nhello\r\n";
  queue::Entry entry = Outbound::entry(world.loop, octets);
  entry.sender = envelope::parse_sender(sender).value();
  entry.expires = {entry.arrived.microseconds + lifetime.count()};
  world.put(entry, octets, {recipient}, destination);
  return entry.id;
}

/// Every target fails so.
void fail_targets(Outbound& world, const delivery::Outcome& outcome) {
  auto terms = std::make_shared<CourierTerms>(*world.terms);
  terms->deliver_as = [outcome](const cage::Deliver&, delivery::Octets&) { return outcome; };
  world.terms = std::move(terms);
}

json::object asked(Outbound& world, const std::string& verb, const std::string& id, const std::string& also = "") {
  control::Request request{.verb = verb, .arguments = {}};
  request.add("id", id);
  if (!also.empty()) request.add(also, "1");
  return json::parse(*world.run(queue_verb(*world.services, {.hostname = "mx.a.test"}, request))).as_object();
}

}  // namespace

TEST_CASE("a stranger is told the status of a target of this host that failed, and its own people why") {
  Outbound world;
  fail_targets(world, {.status = message::StatusCode{5, 3, 0}, .words = "/home/anna/secret: no such file"});
  put(world, "<alice@a.test>", "<anna@a.test>", "target user=anna pipe:x");
  put(world, "<bob@b.test>", "<anna@a.test>", "target user=anna pipe:x");
  world.loop.advance(10s);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(holds(world.inbox("alice")[0], "Diagnostic-Code: x-angarium; /home/anna/secret: no such file"));
  REQUIRE(world.house.messages.size() == 1);
  const std::string& told = world.house.messages[0].octets;
  CHECK(holds(told, "Final-Recipient: rfc822;anna@a.test\r\nAction: failed\r\nStatus: 5.3.0\r\n"));
  CHECK(!holds(told, "secret"));
  CHECK(!holds(told, "Diagnostic-Code"));
}

TEST_CASE("the same of what was tried for long, and of a socket of this host") {
  Outbound world;
  world.transport("lmtp unix:/run/secret.sock");
  put(world, "<alice@a.test>", "<x@c.test>", "c.test", 1h);
  put(world, "<bob@b.test>", "<x@c.test>", "c.test", 1h);
  fail_targets(world, {.status = message::StatusCode{4, 3, 0}, .words = "/home/anna/secret: disk full"});
  put(world, "<bob@b.test>", "<anna@a.test>", "target user=anna pipe:x", 1h);
  world.loop.advance(30min);
  world.transport("dns");
  put(world, "<bob@b.test>", "<nobody@b.test>", "b.test");  // the words of another server are told
  world.loop.advance(10s);
  world.transport("lmtp unix:/run/secret.sock");
  world.loop.advance(2h);
  world.transport("dns");
  world.loop.advance(12h);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(holds(world.inbox("alice")[0], "/run/secret.sock: "));
  REQUIRE(world.house.messages.size() == 3);
  std::size_t said = 0;
  for (const auto& message : world.house.messages) {
    CHECK(holds(message.octets, "Action: failed\r\n"));
    CHECK(!holds(message.octets, "secret"));
    said += count(message.octets, "Diagnostic-Code: smtp; 550 ");
  }
  CHECK(said == 1);
}

TEST_CASE("RFC 3461 5.2.7.3: an alias a part of which is lost has one fate in a report, not two") {
  struct Case {
    std::string notify;
    std::string action;  // none: no report
  };
  for (const Case& one : std::vector<Case>{{"", "failed"},
                                           {" NOTIFY=SUCCESS,FAILURE", "failed"},
                                           {" NOTIFY=SUCCESS", "expanded"},
                                           {" NOTIFY=NEVER", ""},
                                           {" NOTIFY=DELAY", ""}}) {
    for (const bool waits : {false, true}) {
      CAPTURE(one.notify);
      CAPTURE(waits);
      Site site;
      site.file("part: postmaster, nemo, neither\n");
      if (waits)
        site.wait_here("<bob@b.test>", "<part@localhost>" + one.notify);
      else
        CHECK(site.send("<bob@b.test>", {"<part@localhost>" + one.notify}).back().starts_with("250"));
      site.world.loop.advance(10s);
      CHECK(site.world.inbox("postmaster").size() == 1);
      REQUIRE(site.world.house.messages.size() == (one.action.empty() ? 0 : 1));
      if (one.action.empty()) continue;
      const std::string& told = site.world.house.messages[0].octets;
      CHECK(count(told, "Final-Recipient: rfc822;part@localhost\r\n") == 1);
      CHECK(count(told, "\r\nAction: ") == 1);
      CHECK(holds(told, "\r\nAction: " + one.action + "\r\n"));
    }
  }
}

TEST_CASE(
    "RFC 3461 5.2.7.1: a member of a list who is lost is told to its owner, and its sender that the list has it") {
  for (const bool waits : {false, true}) {
    CAPTURE(waits);
    Site site;
    site.file("list: postmaster, nemo\nowner-list: alice\n");
    const std::string recipient = "<list@localhost> NOTIFY=SUCCESS,FAILURE";
    if (waits)
      site.wait_here("<bob@b.test>", recipient);
    else
      CHECK(site.send("<bob@b.test>", {recipient}).back().starts_with("250"));
    site.world.loop.advance(10s);
    REQUIRE(site.world.house.messages.size() == 1);
    CHECK(holds(site.world.house.messages[0].octets, "\r\nAction: delivered\r\n"));
    CHECK(!holds(site.world.house.messages[0].octets, "nemo"));
    REQUIRE(site.world.inbox("alice").size() == 1);
    CHECK(holds(site.world.inbox("alice")[0], "\r\nAction: failed\r\nStatus: 5.1.1\r\n"));
    CHECK(holds(site.world.inbox("alice")[0], "nemo"));
  }
}

TEST_CASE("by LMTP, too, the sender hears of a part of an alias that is lost") {
  Site site(smtp::Role::lmtp);
  site.file("part: postmaster, nemo\n");
  CHECK(site.send("<bob@b.test>", {"<part@localhost>"}).back().starts_with("250"));
  CHECK(site.world.inbox("postmaster").size() == 1);
  REQUIRE(site.world.house.messages.size() == 1);
  CHECK(holds(site.world.house.messages[0].octets, "Action: failed\r\nStatus: 5.1.1\r\n"));
}

TEST_CASE("RFC 3461 9.3, RFC 5321 4.1.3: a server without a name is told as an address in brackets") {
  Outbound world;
  world.transport("relay 192.0.2.2");
  const std::string octets = "Subject: s\r\n\r\nhello\r\n";
  queue::Entry entry = Outbound::entry(world.loop, octets);
  entry.received_from = "2001:db8::2";
  world.put(entry, octets, {"<nobody@b.test>"});
  world.loop.advance(10s);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(holds(world.inbox("alice")[0], "Remote-MTA: dns; [192.0.2.2]\r\n"));
  CHECK(holds(world.inbox("alice")[0], "Received-From-MTA: dns; [IPv6:2001:db8::2]\r\n"));
}

TEST_CASE("after a retry that fails an operator sees how often, and how long, the destination was not reached") {
  Outbound world;
  world.there.set_state(io::MemoryNetwork::Host::State::stopped);
  const std::string id = put(world, "<alice@a.test>", "<bob@b.test>", "b.test").text();
  const auto back_off = [&] {
    return asked(world, "queue.show", id).at("destinations").at(0).at("back_off").as_object();
  };
  world.loop.advance(2h);
  const json::object before = back_off();
  REQUIRE(before.at("failures").to_number<int>() >= 3);
  asked(world, "queue.retry", id);
  world.loop.advance(3min);
  const json::object after = back_off();
  CHECK(after.at("failures").to_number<int>() == before.at("failures").to_number<int>() + 1);
  CHECK(after.at("since") == before.at("since"));
}

TEST_CASE("a report of what an operator has removed says why once") {
  Outbound world;
  world.there.set_state(io::MemoryNetwork::Host::State::stopped);
  const std::string id = put(world, "<alice@a.test>", "<bob@b.test>", "b.test").text();
  world.loop.advance(1min);
  asked(world, "queue.remove", id, "bounce");
  world.loop.advance(10s);
  REQUIRE(world.inbox("alice").size() == 1);
  const std::string told = world.inbox("alice")[0];
  CHECK(count(told.substr(0, told.find("Content-Type: message/")), "removed from the queue by the operator") == 1);
  CHECK(!holds(told, "reason is not known"));
}

}  // namespace angarium::agent
