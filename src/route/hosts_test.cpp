#include "route/hosts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "io/memory.h"
#include "io/memory_resolver.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::route {
namespace {

using namespace std::chrono_literals;
using io::IpAddress;

HostsOptions ours() {
  return {.own_names = {"us.example", "Alias-Of-Us.example."},
          .own_addresses = {*IpAddress::parse("192.0.2.200"), *IpAddress::parse("2001:db8::200")}};
}

struct World {
  explicit World(std::string_view zones, std::uint64_t seed = 1)
      : resolver(io::MemoryResolver::make(loop, zones).value()), random(seed) {}
  Hosts find(std::string domain) {
    return test::sync_wait(loop, find_hosts(*resolver, std::move(domain), options, random));
  }
  Hosts relay(std::string host) { return test::sync_wait(loop, find_relay(*resolver, std::move(host), options)); }

  io::SimulatedLoop loop;
  std::unique_ptr<io::MemoryResolver> resolver;
  SeededRandom random;
  HostsOptions options = ours();
};

/// "host[address] …"
std::string text(const Hosts& hosts) {
  std::string line;
  for (const auto& hop : hosts.hops)
    line += fmt::format("{}{}[{}]", line.empty() ? "" : " ", hop.host, hop.address.text());
  return line;
}
std::string status(const Hosts& hosts) {
  const auto told = recipient_status(hosts.failure, "d.example");
  CHECK(hosts.temporary() == (told.code / 100 == 4));
  CHECK(hosts.hops.empty());
  return fmt::format("{} {}", told.code, told.enhanced);
}
bool has_fact(const Hosts& hosts, std::string_view about, std::string_view part) {
  return std::ranges::any_of(
      hosts.facts, [&](const Fact& fact) { return fact.about == about && fact.text.find(part) != std::string::npos; });
}

TEST_CASE("RFC 5321 §5.1: the preference MUST be used in sorting, lower numbers first") {
  World world(R"(
d.example 600 MX 20 second.example
d.example 600 MX 5 first.example
d.example 600 MX 100 third.example
first.example 60 A 192.0.2.1
second.example A 192.0.2.2
third.example A 192.0.2.3
)");
  const auto hosts = world.find("d.example");
  CHECK(text(hosts) == "first.example[192.0.2.1] second.example[192.0.2.2] third.example[192.0.2.3]");
  CHECK(hosts.failure == Failure::none);
  CHECK(hosts.hops[1].preference == 20);
  CHECK(hosts.ttl == 60s);
  CHECK(text(world.find("D.Example.")) == text(hosts));
}

TEST_CASE("RFC 5321 §5.1: equal preferences MUST be spread; the preferences stay in order") {
  World world(R"(
d.example MX 10 a.example
d.example MX 10 b.example
d.example MX 10 c.example
d.example MX 20 last.example
a.example A 192.0.2.1
b.example A 192.0.2.2
c.example A 192.0.2.3
last.example A 192.0.2.4
)");
  std::map<std::string, int> first;
  std::set<std::string> orders;
  for (int i = 0; i < 600; ++i) {
    const auto hosts = world.find("d.example");
    REQUIRE(hosts.hops.size() == 4);
    ++first[hosts.hops[0].host];
    orders.insert(text(hosts));
    CHECK(hosts.hops[3].host == "last.example");
  }
  CHECK(orders.size() == 6);
  CHECK(first.size() == 3);
  for (const auto& [host, count] : first) CHECK(count > 150);
}

TEST_CASE("RFC 5321 §5.1: without MX records the domain's own addresses count, with preference 0") {
  World world("d.example A 192.0.2.1\nd.example AAAA 2001:db8::1");
  const auto hosts = world.find("d.example");
  CHECK(text(hosts) == "d.example[2001:db8::1] d.example[192.0.2.1]");
  CHECK(hosts.hops[0].preference == 0);
}

TEST_CASE("RFC 5321 §5.1: with MX records the domain's own addresses MUST NOT be used") {
  World world("d.example MX 10 gone.example\nd.example A 192.0.2.1");
  const auto hosts = world.find("d.example");
  CHECK(hosts.failure == Failure::unusable);
  CHECK(status(hosts) == "550 5.4.4");
}

TEST_CASE("RFC 5321 §5.1: a domain that does not exist MUST be reported as an error") {
  World world("other.example A 192.0.2.1");
  const auto hosts = world.find("d.example");
  CHECK(hosts.failure == Failure::no_such_domain);
  CHECK(status(hosts) == "550 5.1.2");
  CHECK(hosts.ttl == 3600s);
}

TEST_CASE("a domain without MX and addresses is an error") {
  World world("d.example TXT nothing");
  CHECK(world.find("d.example").failure == Failure::no_host);
  CHECK(status(world.find("d.example")) == "550 5.4.4");
}

TEST_CASE("RFC 5321 §5.1: a temporary error MUST leave the message in the queue: each fault, at each question") {
  for (const auto* fault : {"$TIMEOUT", "$SERVFAIL", "$BOGUS"}) {
    for (const auto* where : {"d.example MX", "mx.example", "mx.example A"}) {
      CAPTURE(fault);
      CAPTURE(where);
      World world(fmt::format("d.example MX 10 mx.example\nmx.example TXT x\n{} {}", fault, where));
      const auto hosts = world.find("d.example");
      CHECK(hosts.failure == Failure::dns);
      CHECK(status(hosts) == "451 4.4.3");
      CHECK(hosts.ttl == 0s);
    }
    World world(fmt::format("d.example TXT x\n{} d.example AAAA", fault));
    CHECK(world.find("d.example").failure == Failure::dns);
  }
}

TEST_CASE("a slow answer counts when it comes in time, and is temporary after it") {
  World world("d.example MX 1 mx.example\nmx.example A 192.0.2.1\n$SLOW d.example 14999\n$SLOW mx.example 14999");
  CHECK(text(world.find("d.example")) == "mx.example[192.0.2.1]");
  REQUIRE(world.resolver->set_zones("d.example MX 1 mx.example\nmx.example A 192.0.2.1\n$SLOW mx.example 15000"));
  CHECK(world.find("d.example").temporary());
}

TEST_CASE("hosts that answer are tried although others do not, and all are asked at once") {
  World world(R"(
d.example MX 10 silent.example
d.example MX 20 half.example
d.example MX 30 good.example
$TIMEOUT silent.example
$SERVFAIL half.example AAAA
half.example A 192.0.2.2
good.example A 192.0.2.3
)");
  const auto begin = world.loop.clock().now();
  CHECK(text(world.find("d.example")) == "half.example[192.0.2.2] good.example[192.0.2.3]");
  CHECK(world.loop.clock().now() - begin == 15s);
}

TEST_CASE("no seed of faults makes a bounce of a domain that is well") {
  World world("d.example MX 10 mx.example\nmx.example A 192.0.2.1\nmx.example AAAA 2001:db8::1\ni.example A 192.0.2.5");
  int found = 0;
  int later = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    world.resolver->set_faults({.seed = seed,
                                .timed_out_per_million = 150'000,
                                .server_failure_per_million = 150'000,
                                .bogus_per_million = 150'000,
                                .delay_max = 20s});
    for (const auto* domain : {"d.example", "i.example"}) {
      const auto hosts = world.find(domain);
      const bool expected = hosts.failure == Failure::none || hosts.failure == Failure::dns;
      CHECK_MESSAGE(expected, seed);
      ++(hosts.temporary() ? later : found);
    }
  }
  CHECK(found > 50);
  CHECK(later > 50);
}

TEST_CASE("RFC 7505 §3-4: a null MX takes no mail: 556 5.1.10 to recipients, 550 5.7.27 to senders") {
  World world("d.example MX 0 .\nd.example A 192.0.2.1");
  const auto hosts = world.find("d.example");
  CHECK(hosts.failure == Failure::null_mx);
  CHECK(status(hosts) == "556 5.1.10");
  const auto sender = sender_status(Failure::null_mx, "d.example").value();
  CHECK(sender.code == 550);
  CHECK(sender.enhanced == "5.7.27");
}

TEST_CASE("RFC 7505 §3: a null MX beside others is no null MX, and no host") {
  World world("d.example MX 0 .\nd.example MX 10 mx.example\nmx.example A 192.0.2.1");
  CHECK(text(world.find("d.example")) == "mx.example[192.0.2.1]");
  REQUIRE(world.resolver->set_zones("d.example MX 10 ."));
  CHECK(world.find("d.example").failure == Failure::unusable);
}

TEST_CASE("RFC 5321 §5.1: an alias is processed as the name it leads to") {
  World world(R"(
d.example CNAME real.example
real.example 100 MX 10 mx.example
mx.example A 192.0.2.1
bare.example CNAME host.example
host.example A 192.0.2.2
lost.example CNAME nowhere.example
circle.example CNAME circle.example
)");
  const auto hosts = world.find("d.example");
  CHECK(text(hosts) == "mx.example[192.0.2.1]");
  CHECK(has_fact(hosts, "alias", "real.example"));
  CHECK(text(world.find("bare.example")) == "bare.example[192.0.2.2]");
  CHECK(world.find("lost.example").failure == Failure::no_such_domain);
  CHECK(world.find("circle.example").temporary());
}

TEST_CASE("RFC 2181 §10.3: an MX host that is an alias is outside of the standard; it is tried, and told") {
  World world("d.example MX 10 www.example\nwww.example CNAME host.example\nhost.example A 192.0.2.1");
  const auto hosts = world.find("d.example");
  CHECK(text(hosts) == "www.example[192.0.2.1]");
  CHECK(has_fact(hosts, "alias", "host.example"));
}

constexpr std::string_view kBackup = R"(
d.example MX 10 first.example
d.example MX 20 US.example
d.example MX 20 beside.example
d.example MX 30 after.example
first.example A 192.0.2.1
us.example A 198.51.100.1
beside.example A 192.0.2.3
after.example A 192.0.2.4
)";

TEST_CASE("RFC 5321 §5.1: at our own name, that preference and all above MUST be discarded") {
  World world(kBackup);
  CHECK(text(world.find("d.example")) == "first.example[192.0.2.1]");
  REQUIRE(
      world.resolver->set_zones("d.example MX 10 first.example\nd.example MX 20 alias-of-us.example.\n"
                                "d.example MX 30 after.example\nfirst.example A 192.0.2.1\nafter.example A 192.0.2.4"));
  CHECK(text(world.find("d.example")) == "first.example[192.0.2.1]");
}

TEST_CASE("RFC 5321 §5.1: the same at one of our addresses, by either family, and at an alias of our name") {
  for (const auto* who : {"other.example A 192.0.2.200", "other.example AAAA 2001:db8::200",
                          "other.example CNAME us.example", "other.example A 127.0.0.1", "other.example AAAA ::1"}) {
    CAPTURE(who);
    World world(
        fmt::format("d.example MX 10 first.example\nd.example MX 20 other.example\nd.example MX 20 b.example\n"
                    "d.example MX 30 c.example\nfirst.example A 192.0.2.1\nb.example A 192.0.2.2\n"
                    "c.example A 192.0.2.3\nus.example TXT x\n{}",
                    who));
    const auto hosts = world.find("d.example");
    CHECK(text(hosts) == "first.example[192.0.2.1]");
    CHECK(has_fact(hosts, "own", "other.example"));
  }
}

TEST_CASE("RFC 5321 §5.1: when nothing is left the message MUST be returned") {
  for (const auto* zones : {"d.example MX 10 us.example\nd.example MX 20 b.example\nb.example A 192.0.2.1",
                            "d.example MX 10 x.example\nx.example A 192.0.2.200", "d.example A 192.0.2.200"}) {
    CAPTURE(zones);
    World world(zones);
    const auto hosts = world.find("d.example");
    CHECK(hosts.failure == Failure::loop);
    CHECK(status(hosts) == "554 5.4.6");
  }
  CHECK(!sender_status(Failure::loop, "d.example"));
}

TEST_CASE("the better host that cannot be found now keeps the mail in our queue, as a backup must") {
  World world("d.example MX 10 first.example\nd.example MX 20 us.example\n$SERVFAIL first.example");
  CHECK(world.find("d.example").temporary());
}

TEST_CASE("loopback addresses may be tried when it is so configured") {
  World world("d.example MX 10 mx.example\nmx.example A 127.0.0.1");
  CHECK(world.find("d.example").failure == Failure::loop);
  world.options.loopback = HostsOptions::Loopback::may_be_tried;
  CHECK(text(world.find("d.example")) == "mx.example[127.0.0.1]");
}

TEST_CASE("RFC 5321 §4.1.3: an address literal is that host, without any question") {
  World world("");
  CHECK(text(world.find("[192.0.2.1]")) == "[192.0.2.1][192.0.2.1]");
  CHECK(text(world.find("[IPv6:2001:db8::1]")) == "[IPv6:2001:db8::1][2001:db8::1]");
  CHECK(text(world.find("[IPv6:::ffff:192.0.2.1]")) == "[IPv6:::ffff:192.0.2.1][192.0.2.1]");
  CHECK(world.find("[192.0.2.200]").failure == Failure::loop);
  CHECK(world.find("[IPv6:::ffff:192.0.2.200]").failure == Failure::loop);
  CHECK(world.find("[127.0.0.1]").failure == Failure::loop);
  CHECK(world.find("[0.0.0.0]").failure == Failure::unusable);
  CHECK(world.find("[x400:c=de]").failure == Failure::bad_domain);
  CHECK(world.find("[192.0.2").failure == Failure::bad_domain);
  world.options.families = HostsOptions::Families::v4;
  CHECK(world.find("[IPv6:2001:db8::1]").failure == Failure::unusable);
  CHECK(world.resolver->asked() == 0);
}

TEST_CASE("names that the DNS cannot have are permanent errors; U-labels are asked for as A-labels") {
  World world("xn--bcher-kva.example MX 10 mx.example\nmx.example A 192.0.2.1");
  CHECK(text(world.find("b\xC3\xBC"
                        "cher.example")) == "mx.example[192.0.2.1]");
  for (const auto* bad : {"", ".", "a..b", "a b.example"}) CHECK(world.find(bad).failure == Failure::bad_domain);
  CHECK(world.find(std::string(64, 'a') + ".example").failure == Failure::bad_domain);
}

TEST_CASE("IPv6 and IPv4 take turns, each in the order of its answer (RFC 5321 §5.1, §5.2)") {
  constexpr std::string_view zones = R"(
d.example MX 10 mx.example
mx.example A 192.0.2.3
mx.example A 192.0.2.1
mx.example A 192.0.2.2
mx.example AAAA 2001:db8::1
)";
  World world(zones);
  CHECK(text(world.find("d.example")) ==
        "mx.example[2001:db8::1] mx.example[192.0.2.3] mx.example[192.0.2.1] mx.example[192.0.2.2]");
  world.options.families = HostsOptions::Families::v4;
  CHECK(text(world.find("d.example")) == "mx.example[192.0.2.3] mx.example[192.0.2.1] mx.example[192.0.2.2]");
  world.options.families = HostsOptions::Families::v6;
  const auto asked = world.resolver->asked();
  CHECK(text(world.find("d.example")) == "mx.example[2001:db8::1]");
  CHECK(world.resolver->asked() - asked == 2);
}

TEST_CASE("a host named twice is tried once, at its better place") {
  World world(
      "d.example MX 30 MX.example\nd.example MX 20 b.example\nd.example MX 10 mx.example\n"
      "mx.example A 192.0.2.1\nb.example A 192.0.2.2");
  CHECK(text(world.find("d.example")) == "mx.example[192.0.2.1] b.example[192.0.2.2]");
}

TEST_CASE("addresses at which no host can be are left out") {
  World world(
      "d.example MX 10 mx.example\nmx.example A 0.0.0.0\nmx.example A 224.0.0.1\nmx.example A 255.255.255.255\n"
      "mx.example AAAA ::\nmx.example AAAA ff02::1");
  CHECK(world.find("d.example").failure == Failure::unusable);
}

TEST_CASE("a hop is secure when the MX answer and its host's answers are") {
  constexpr std::string_view zones = R"(
$SECURE d.example
d.example MX 10 mx.d.example
d.example MX 20 mx.e.example
mx.d.example A 192.0.2.1
mx.e.example A 192.0.2.2
e.example MX 10 mx.d.example
)";
  World world(zones);
  const auto hosts = world.find("d.example");
  REQUIRE(hosts.hops.size() == 2);
  CHECK(hosts.hops[0].dnssec == io::Dnssec::secure);
  CHECK(hosts.hops[1].dnssec == io::Dnssec::insecure);
  CHECK(world.find("e.example").hops.at(0).dnssec == io::Dnssec::insecure);
  CHECK(world.find("mx.d.example").hops.at(0).dnssec == io::Dnssec::secure);  // its lack of MX is proved, too
  CHECK(world.relay("mx.d.example").hops.at(0).dnssec == io::Dnssec::secure);
}

std::string many_hosts(unsigned count, unsigned addresses) {
  std::string zones;
  for (unsigned i = 0; i < count; ++i) {
    zones += fmt::format("d.example MX {} mx{}.example\n", 100 + i, i);
    for (unsigned j = 0; j < addresses; ++j) zones += fmt::format("mx{}.example A 10.0.{}.{}\n", i, i, j);
  }
  return zones;
}

TEST_CASE("16 hosts, 8 addresses of a host and 32 in all count; one more does not") {
  CHECK(World(many_hosts(16, 1)).find("d.example").hops.size() == 16);
  const auto best = World(many_hosts(17, 1)).find("d.example");
  CHECK(best.hops.size() == 16);
  CHECK(best.hops.back().host == "mx15.example");
  CHECK(World(many_hosts(1, 8)).find("d.example").hops.size() == 8);
  CHECK(World(many_hosts(1, 9)).find("d.example").hops.size() == 8);
  CHECK(World(many_hosts(4, 8)).find("d.example").hops.size() == 32);
  CHECK(World(many_hosts(5, 8)).find("d.example").hops.size() == 32);
}

TEST_CASE("our own name is found behind the limit of hosts") {
  World world(many_hosts(20, 1) + "d.example MX 99 us.example\n");
  CHECK(world.find("d.example").failure == Failure::loop);
}

TEST_CASE("a relay is asked for its addresses only, may be this host, and may be an address") {
  World world(
      "r.example MX 10 other.example\nr.example A 192.0.2.200\nother.example A 192.0.2.1\n$SERVFAIL down.example");
  CHECK(text(world.relay("r.example")) == "r.example[192.0.2.200]");
  CHECK(text(world.relay("us.example")).empty());
  CHECK(world.relay("us.example").failure == Failure::no_host);
  CHECK(text(world.relay("127.0.0.1")) == "127.0.0.1[127.0.0.1]");
  CHECK(text(world.relay("2001:db8::7")) == "2001:db8::7[2001:db8::7]");
  CHECK(world.relay("down.example").temporary());
  CHECK(world.find("192.0.2.1").failure == Failure::no_such_domain);  // only brackets make a literal of a domain
}

TEST_CASE("the facts tell the decision in order") {
  World world(kBackup);
  const auto hosts = world.find("d.example");
  REQUIRE(hosts.facts.size() == 6);
  CHECK(hosts.facts[0] == Fact{"mx", "10 first.example"});
  CHECK(hosts.facts[3] == Fact{"mx", "30 after.example"});
  CHECK(hosts.facts[4].about == "own");
  CHECK(hosts.facts[5] == Fact{"hop", "first.example [192.0.2.1] preference 10"});
  const auto failed = world.find("nobody.example");
  CHECK(failed.facts.back() == Fact{"result", "550 5.1.2 the domain nobody.example does not exist"});
}

TEST_CASE("each failure has its status for senders; none while we know nothing bad") {
  CHECK(!sender_status(Failure::none, "d.example"));
  CHECK(sender_status(Failure::dns, "d.example")->code == 451);
  for (const auto failure : {Failure::bad_domain, Failure::no_such_domain, Failure::no_host, Failure::unusable}) {
    CHECK(sender_status(failure, "d.example")->code == 550);
    CHECK(sender_status(failure, "d.example")->enhanced == "5.1.8");
  }
  CHECK(recipient_status(Failure::bad_domain, "a\r\nb").text.find('\n') == std::string::npos);
}

}  // namespace
}  // namespace angarium::route
