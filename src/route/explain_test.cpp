#include "route/explain.h"

#include <fmt/format.h>

#include "io/memory.h"
#include "io/memory_resolver.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::route {
namespace {

constexpr std::string_view kZones = R"(
far.example MX 10 mx1.far.example
far.example MX 20 mx2.far.example
mx1.far.example A 192.0.2.1
mx2.far.example A 192.0.2.2
smart.example A 192.0.2.25
null.example MX 0 .
$SERVFAIL down.example
)";

Rule rule(std::string key, std::string_view transport) { return {std::move(key), parse_transport(transport).value()}; }

struct World {
  explicit World(std::vector<Rule> rules = {}) : map(TransportMap::make(std::move(rules)).value()) {}
  Explanation ask(std::string_view recipient, std::string_view sender = "<>") {
    return test::sync_wait(loop, explain(*resolver, map, {}, random, envelope::parse_mailbox(recipient).value(),
                                         envelope::parse_reverse_path(sender).value()));
  }

  io::SimulatedLoop loop;
  std::unique_ptr<io::MemoryResolver> resolver = io::MemoryResolver::make(loop, kZones).value();
  TransportMap map;
  SeededRandom random{1};
};

/// "about about …"
std::string steps(const Explanation& told) {
  std::string line;
  for (const auto& fact : told.facts) line += (line.empty() ? "" : " ") + std::string(fact.about);
  return line;
}
std::string hops(const Explanation& told) {
  std::string line;
  for (const auto& hop : told.hosts.value().hops)
    line += fmt::format("{}{}[{}]:{}", line.empty() ? "" : " ", hop.host, hop.address.text(), told.port);
  return line;
}

TEST_CASE("without a map the DNS names the hosts, and each step is told in order") {
  World world;
  const auto told = world.ask("bob@far.example");
  CHECK(std::holds_alternative<ByDns>(told.decision.transport));
  CHECK(hops(told) == "mx1.far.example[192.0.2.1]:25 mx2.far.example[192.0.2.2]:25");
  CHECK(steps(told) == "default mx mx hop hop site");
  CHECK(!told.reply);
  CHECK(!told.temporary());
}

TEST_CASE("a relay is asked for by its addresses alone, at its own port") {
  World world({rule("far.example", "relay smart.example:587")});
  const auto told = world.ask("bob@far.example");
  CHECK(told.decision.rule == "far.example");
  CHECK(hops(told) == "smart.example[192.0.2.25]:587");
  CHECK(steps(told) == "look match hop");
  World lmtp({rule("*", "lmtp smart.example")});
  CHECK(hops(lmtp.ask("bob@far.example")) == "smart.example[192.0.2.25]:24");
}

TEST_CASE("a rule for the sender decides where none for the recipient does") {
  World world({rule("from alice@near.example", "relay smart.example")});
  CHECK(hops(world.ask("bob@far.example", "<alice@near.example>")) == "smart.example[192.0.2.25]:25");
  CHECK(world.ask("bob@far.example", "<carol@near.example>").decision.rule.empty());
}

TEST_CASE("what asks nobody: sockets, targets, refusals, discarded mail") {
  for (const auto* transport : {"lmtp unix:/run/x", "target mbox:/box", "discard"}) {
    World world({rule("*", transport)});
    const auto told = world.ask("bob@far.example");
    CHECK(!told.hosts);
    CHECK(!told.reply);
    CHECK(world.resolver->asked() == 0);
  }
  World world({rule("*", "error 450 4.2.1 moving house")});
  const auto told = world.ask("bob@far.example");
  REQUIRE(told.reply);
  CHECK(told.reply->code == 450);
  CHECK(told.reply->enhanced == "4.2.1");
  CHECK(told.reply->text == "moving house");
  CHECK(told.temporary());
}

TEST_CASE("where there is no host, the sender's reply is told: for good and for now") {
  World world({rule("via.example", "relay none.example")});
  CHECK(world.ask("bob@null.example").reply.value().code == 556);
  CHECK(!world.ask("bob@null.example").temporary());
  CHECK(world.ask("bob@down.example").reply.value().enhanced == "4.4.3");
  CHECK(world.ask("bob@down.example").temporary());
  CHECK(world.ask("bob@via.example").reply.value().text.find("none.example") != std::string::npos);
}

}  // namespace
}  // namespace angarium::route
