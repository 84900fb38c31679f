#include "io/memory_resolver.h"

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kZones = R"(
; a comment
$TTL 300
example.org MX 10 mx1.example.org.
Example.ORG 60 MX 20 mx2.example.org
mx1.example.org A 192.0.2.1
mx1.example.org AAAA 2001:db8::1
deep.under.example.org TXT "v=spf1 " "-all;"   ; the second ; is none
www.example.org CNAME web.example.org
web.example.org CNAME mx1.example.org
dangling.example.org CNAME nowhere.example.org
circle.example.org CNAME circle.example.org
1.2.0.192.in-addr.arpa PTR mx1.example.org.
_25._tcp.mx1.example.org TLSA 3 1 1 00ff
_submission._tcp.example.org SRV 0 1 587 mail.example.org
nomail.example.org MX 0 .
$SECURE signed.example
signed.example A 192.0.2.9
half.signed.example CNAME mx1.example.org
$TIMEOUT silent.example
$SERVFAIL down.example MX
down.example A 192.0.2.3
$BOGUS forged.example
$SLOW far.example 3000
far.example A 192.0.2.4
tofault.example CNAME forged.example
)";

struct World {
  explicit World(std::string_view zones = kZones, DnsFaults faults = {})
      : resolver(MemoryResolver::make(loop, zones, faults).value()) {}
  Answer ask(std::string name, RecordType type, ResolveOptions options = {}) {
    return test::sync_wait(loop, resolver->resolve(std::move(name), type, options)).value();
  }
  SimulatedLoop loop;
  std::unique_ptr<MemoryResolver> resolver;
};

TEST_CASE("zones give records of every type, without regard to case and the last dot") {
  World world;
  auto mx = world.ask("EXAMPLE.org.", RecordType::mx);
  REQUIRE(mx.outcome == Outcome::records);
  CHECK(mx.records == std::vector<Record>{MxRecord{10, "mx1.example.org"}, MxRecord{20, "mx2.example.org"}});
  CHECK(mx.ttl == 60s);
  CHECK(!mx.secure());
  CHECK(world.ask("mx1.example.org", RecordType::a).records == std::vector<Record>{*IpAddress::parse("192.0.2.1")});
  CHECK(world.ask("mx1.example.org", RecordType::aaaa).records ==
        std::vector<Record>{*IpAddress::parse("2001:db8::1")});
  CHECK(world.ask("deep.under.example.org", RecordType::txt).records ==
        std::vector<Record>{TextRecord{"v=spf1 -all;"}});
  CHECK(world.ask("1.2.0.192.in-addr.arpa", RecordType::ptr).records ==
        std::vector<Record>{NameRecord{"mx1.example.org"}});
  CHECK(world.ask("_25._tcp.mx1.example.org", RecordType::tlsa).records ==
        std::vector<Record>{TlsaRecord{3, 1, 1, std::string("\0\xff", 2)}});
  CHECK(world.ask("_submission._tcp.example.org", RecordType::srv).records ==
        std::vector<Record>{SrvRecord{0, 1, 587, "mail.example.org"}});
  CHECK(world.ask("nomail.example.org", RecordType::mx).records == std::vector<Record>{MxRecord{0, "."}});
}

TEST_CASE("no data and no name are told apart; a name above another is there (RFC 8020)") {
  World world;
  CHECK(world.ask("mx1.example.org", RecordType::mx).outcome == Outcome::no_data);
  CHECK(world.ask("under.example.org", RecordType::a).outcome == Outcome::no_data);
  CHECK(world.ask("nder.example.org", RecordType::a).outcome == Outcome::no_name);
  CHECK(world.ask("nowhere.example.org", RecordType::a).ttl == 300s);
}

TEST_CASE("aliases are followed and told; a circle is a temporary failure") {
  World world;
  auto answer = world.ask("www.example.org", RecordType::a);
  CHECK(answer.aliases == std::vector<std::string>{"web.example.org", "mx1.example.org"});
  CHECK(answer.records.size() == 1);
  auto alias = world.ask("www.example.org", RecordType::cname);
  CHECK(alias.records == std::vector<Record>{NameRecord{"web.example.org"}});
  CHECK(alias.aliases.empty());
  CHECK(world.ask("dangling.example.org", RecordType::a).outcome == Outcome::no_name);
  CHECK(world.ask("circle.example.org", RecordType::a).trouble == Trouble::server_failure);
}

TEST_CASE("an answer is secure only when every step of it is") {
  World world;
  CHECK(world.ask("signed.example", RecordType::a).secure());
  CHECK(world.ask("absent.signed.example", RecordType::a).secure());
  CHECK(world.ask("half.signed.example", RecordType::a).outcome == Outcome::records);
  CHECK(!world.ask("half.signed.example", RecordType::a).secure());
}

TEST_CASE("each fault that zones name is its own trouble, and of its type only") {
  World world;
  const auto begin = world.loop.clock().now();
  CHECK(world.ask("silent.example", RecordType::a, {.timeout = 7s}).trouble == Trouble::timed_out);
  CHECK(world.loop.clock().now() - begin == 7s);
  CHECK(world.ask("down.example", RecordType::mx).trouble == Trouble::server_failure);
  CHECK(world.ask("down.example", RecordType::a).outcome == Outcome::records);
  CHECK(world.ask("forged.example", RecordType::a).trouble == Trouble::bogus);
  CHECK(world.ask("tofault.example", RecordType::a).trouble == Trouble::bogus);
}

TEST_CASE("a slow name is answered late, or not before the deadline") {
  World world;
  const auto begin = world.loop.clock().now();
  CHECK(world.ask("far.example", RecordType::a).outcome == Outcome::records);
  CHECK(world.loop.clock().now() - begin == 3s);
  CHECK(world.ask("far.example", RecordType::a, {.timeout = 3s}).trouble == Trouble::timed_out);
  CHECK(world.ask("far.example", RecordType::a, {.timeout = 3001ms}).outcome == Outcome::records);
}

TEST_CASE("faults by seed repeat themselves and reach every trouble") {
  const DnsFaults faults{.seed = 7,
                         .timed_out_per_million = 200'000,
                         .server_failure_per_million = 200'000,
                         .bogus_per_million = 200'000,
                         .delay_max = 2s};
  auto play = [&](std::uint64_t seed) {
    auto its = faults;
    its.seed = seed;
    World world(kZones, its);
    std::string troubles;
    for (int i = 0; i < 200; ++i) {
      troubles += std::to_string(static_cast<int>(world.ask("mx1.example.org", RecordType::a).trouble));
    }
    CHECK(world.resolver->asked() == 200);
    return troubles + std::to_string(world.loop.clock().now().microseconds);
  };
  const auto first = play(7);
  CHECK(first == play(7));
  CHECK(first != play(8));
  for (const char digit : {'0', '1', '2', '3'}) CHECK(first.find(digit) != std::string::npos);
}

TEST_CASE("a line that is none is refused by its number, and the zones before stay") {
  World world;
  for (const auto* line : {"example.org", "example.org WKS 1", "example.org A 2001:db8::1", "example.org MX mx",
                           "example.org MX 65536 mx", "example.org TLSA 3 1 1 0", "$ORIGIN x", "$TTL x", "$SLOW x",
                           "$TIMEOUT x WKS", "example.org SRV 1 1 mail", "example.org A"}) {
    auto refused = world.resolver->set_zones(std::string("a.example A 192.0.2.1\n") + line);
    REQUIRE(!refused);
    CHECK(refused.error().is(kBadZone));
    CHECK(refused.error().text().starts_with("line 2:"));
  }
  CHECK(world.ask("mx1.example.org", RecordType::a).outcome == Outcome::records);
  REQUIRE(world.resolver->set_zones("a.example A 192.0.2.1"));
  CHECK(world.ask("mx1.example.org", RecordType::a).outcome == Outcome::no_name);
}

TEST_CASE("names that the DNS cannot have are the caller's error (RFC 1035 §2.3.4)") {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  CHECK(longest.size() == 253);
  CHECK(check_name(longest));
  CHECK(check_name(longest + "."));
  CHECK(!check_name(longest + "b"));
  CHECK(check_name(label));
  CHECK(!check_name(label + "a"));
  CHECK(check_name("."));
  CHECK(check_name("_25._tcp.example.org"));
  for (const auto* bad : {"", "..", "a..b", ".a", "a b", "a\tb",
                          "b\xC3\xBC"
                          "cher.example",
                          "a\\.b", "a.b.."})
    CHECK_MESSAGE(!check_name(bad), bad);
  World world;
  auto refused = test::sync_wait(world.loop, world.resolver->resolve("a..b", RecordType::a));
  REQUIRE(!refused);
  CHECK(refused.error().is(kBadName));
}

}  // namespace
}  // namespace angarium::io
