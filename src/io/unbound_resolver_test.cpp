#include "io/unbound_resolver.h"

#include <algorithm>

#include "io/dns_test_server.h"
#include "io/error.h"
#include "io/gather.h"
#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using dns_test::Question;
using dns_test::Transport;
using dns_test::wire_answer;
using dns_test::wire_mx;
using dns_test::wire_name;
using dns_test::wire_number;
using dns_test::wire_record;
using dns_test::wire_soa;
using dns_test::WireAnswer;

/// For what must not end by its deadline however slow the machine is.
constexpr ResolveOptions kPatient{.timeout = 60s};
/// For what must end by it.
constexpr ResolveOptions kHasty{.timeout = 200ms};

WireAnswer to(const Question& question) {
  return {.id = question.id, .name = question.name, .type = static_cast<RecordType>(question.type)};
}
std::string address(const Question& question, std::string_view octets = "\1\2\3\4") {
  auto parts = to(question);
  if (parts.type != RecordType::a) return wire_answer(parts);
  parts.answers = 1;
  parts.answer = wire_record(question.name, RecordType::a, 300, octets);
  return wire_answer(parts);
}
std::string absent(const Question& question, unsigned code) {
  auto parts = to(question);
  parts.code = code;
  parts.authorities = 1;
  parts.authority = wire_soa("example", 600, 120);
  return wire_answer(parts);
}

std::vector<std::string> mail(const Question& question) {
  auto parts = to(question);
  parts.answers = 2;
  parts.answer = wire_record("real.example", RecordType::mx, 300, wire_mx(20, "mx2.example")) +
                 wire_record("real.example", RecordType::mx, 300, wire_mx(10, "mx1.example"));
  if (question.name == "mail.example") {
    parts.answers = 3;
    parts.answer = wire_record("mail.example", RecordType::cname, 100, wire_name("real.example")) + parts.answer;
  }
  return {wire_answer(parts)};
}
/// More than a datagram may hold: cut by UDP.
std::vector<std::string> cut(const Question& question) {
  auto parts = to(question);
  parts.cut = question.transport == Transport::udp;
  if (parts.cut) return {wire_answer(parts)};
  parts.answers = 200;
  for (unsigned i = 0; i < parts.answers; ++i)
    parts.answer += wire_record(question.name, RecordType::a, 300, wire_number(0x0A000000U + i, 4));
  return {wire_answer(parts)};
}
/// The first answer has another question's id.
std::vector<std::string> wrong_id(const Question& question) {
  auto lying = question;
  if (question.number == 0) lying.id ^= 1;
  return {address(lying, question.number == 0 ? "\6\6\6\6" : "\1\2\3\4")};
}
/// The exchange is a pointer at itself.
std::vector<std::string> compression_loop(const Question& question) {
  auto parts = to(question);
  parts.answers = 1;
  const auto before = wire_answer(parts).size() + wire_record(question.name, RecordType::mx, 300, "").size() + 2;
  parts.answer = wire_record(question.name, RecordType::mx, 300,
                             wire_number(1, 2) + wire_number(0xC000U | static_cast<unsigned>(before), 2));
  return {wire_answer(parts)};
}

std::vector<std::string> script(const Question& question) {
  const auto& name = question.name;
  if (name == "mail.example" || name == "real.example") return mail(question);
  if (name == "cut.example") return cut(question);
  if (name == "wrong-id.example") return wrong_id(question);
  if (name == "loop.example") return compression_loop(question);
  if (name == "garbage.example") return {wire_number(question.id, 2) + "\x81\x80garbage"};
  if (name == "silent.example") return {};
  if (name == "late.example" && question.number == 0) return {};
  if (name == "servfail.example") return {absent(question, 2)};
  if (name == "refused.example") return {absent(question, 5)};
  if (name == "no-data.example") return {absent(question, 0)};
  if (name == "no-name.example") return {absent(question, 3)};
  return {address(question)};
}

ResolverOptions asking(const dns_test::Server& server) { return {.servers = {server.endpoint()}}; }

struct World {
  explicit World(dns_test::Script its = script) : World(std::move(its), {}) {}
  World(dns_test::Script its, ResolverOptions options) : server(std::move(its)) {
    options.servers = {server.endpoint()};
    resolver = UnboundResolver::make(*loop, options).value();
  }
  ~World() { loop->destroy_tasks(); }
  Answer ask(std::string name, RecordType type, ResolveOptions options = kPatient) {
    return test::sync_wait(*loop, resolver->resolve(std::move(name), type, options)).value();
  }

  dns_test::Server server;
  std::unique_ptr<Loop> loop = make_loop().value();
  std::unique_ptr<UnboundResolver> resolver;
};

TEST_CASE("libunbound: records with their TTL, by way of an alias; the second time from the cache") {
  World world;
  for (int i = 0; i < 2; ++i) {
    auto answer = world.ask("MAIL.example.", RecordType::mx);
    REQUIRE_MESSAGE(answer.outcome == Outcome::records, answer.reason);
    std::ranges::sort(answer.records, {}, [](const Record& record) { return std::get<MxRecord>(record).preference; });
    CHECK(answer.records == std::vector<Record>{MxRecord{10, "mx1.example"}, MxRecord{20, "mx2.example"}});
    CHECK(answer.aliases == std::vector<std::string>{"real.example"});
    CHECK(answer.ttl <= 100s);
    CHECK(answer.ttl > 0s);
    CHECK(!answer.secure());
  }
  CHECK(world.server.asked("mail.example", RecordType::mx) == 1);
}

TEST_CASE("libunbound: no data, no such name and failures are told apart") {
  World world;
  const auto no_data = world.ask("no-data.example", RecordType::mx);
  CHECK(no_data.outcome == Outcome::no_data);
  CHECK(no_data.ttl <= 120s);
  CHECK(world.ask("no-name.example", RecordType::mx).outcome == Outcome::no_name);
  CHECK(world.ask("servfail.example", RecordType::mx).trouble == Trouble::server_failure);
  CHECK(world.ask("refused.example", RecordType::mx).trouble == Trouble::server_failure);
  CHECK(world.ask("servfail.example", RecordType::mx).temporary());
}

TEST_CASE("libunbound: a cut answer is asked for again by TCP (RFC 7766 §5)") {
  World world;
  const auto answer = world.ask("cut.example", RecordType::a);
  CHECK(answer.records.size() == 200);
  CHECK(world.server.asked_by_tcp() == 1);
}

TEST_CASE("libunbound: an answer with another id is not believed (RFC 5452 §9.1)") {
  World world;
  CHECK(world.ask("wrong-id.example", RecordType::a).records == std::vector<Record>{*IpAddress::parse("1.2.3.4")});
  CHECK(world.server.asked("wrong-id.example", RecordType::a) >= 2);
}

TEST_CASE("libunbound: a compression loop or garbage is a temporary failure") {
  World world;
  CHECK(world.ask("loop.example", RecordType::mx).trouble == Trouble::server_failure);
  CHECK(world.ask("garbage.example", RecordType::mx, kHasty).temporary());
}

TEST_CASE("libunbound: our own deadline ends a question; what comes late hurts nobody") {
  World world;
  CHECK(world.ask("silent.example", RecordType::a, kHasty).trouble == Trouble::timed_out);
  CHECK(world.ask("late.example", RecordType::a, kHasty).trouble == Trouble::timed_out);
  CHECK(world.resolver->waiting() == 0);
  for (std::uint16_t id = 0; id < 100; ++id)
    world.server.send_late(address({.id = id, .name = "late.example", .type = 1}, "\6\6\6\6"));
  CHECK(world.ask("plain.example", RecordType::a).outcome == Outcome::records);
  CHECK(world.ask("late.example", RecordType::a).records == std::vector<Record>{*IpAddress::parse("1.2.3.4")});
}

Task<std::size_t> ask_many(Resolver& resolver, int count) {
  std::vector<Task<Result<Answer>>> tasks;
  for (int i = 0; i < count; ++i)
    tasks.push_back(resolver.resolve("n" + std::to_string(i) + ".example", RecordType::a, kPatient));
  std::size_t found = 0;
  for (const auto& answer : co_await gather(std::move(tasks))) found += answer.value().outcome == Outcome::records;
  co_return found;
}
Task<> ask_in_vain(Resolver& resolver) {
  auto answer = co_await resolver.resolve("silent.example", RecordType::a, {.timeout = 1h});
  CHECK_MESSAGE(false, "nobody answers this");
}

TEST_CASE(
    "libunbound: many questions at once, none held up by one without an answer; a task that ends takes its own back") {
  World world;
  world.loop->spawn(ask_in_vain(*world.resolver));
  CHECK(test::sync_wait(*world.loop, ask_many(*world.resolver, 400)) == 400);
  CHECK(world.resolver->waiting() == 1);
  world.loop->destroy_tasks();
  CHECK(world.resolver->waiting() == 0);
  CHECK(world.ask("plain.example", RecordType::a).outcome == Outcome::records);
}

Task<> keep_trouble(Resolver& resolver, Trouble& trouble) {
  auto answer = co_await resolver.resolve("silent.example", RecordType::a, kHasty);
  trouble = answer.value().trouble;
}

TEST_CASE("libunbound: a reload asks other servers at once, and lets the old questions end") {
  World world;
  const dns_test::Server other([](const Question& question) { return std::vector{address(question, "\7\7\7\7")}; });
  auto trouble = Trouble::none;
  world.loop->spawn(keep_trouble(*world.resolver, trouble));
  CHECK(world.ask("plain.example", RecordType::a).records == std::vector<Record>{*IpAddress::parse("1.2.3.4")});
  REQUIRE(world.resolver->reload(asking(other)));
  CHECK(world.ask("plain.example", RecordType::a).records == std::vector<Record>{*IpAddress::parse("7.7.7.7")});
  world.loop->drain();
  world.loop->run();
  CHECK(trouble == Trouble::timed_out);
}

TEST_CASE("libunbound: a reload that is refused changes nothing") {
  World world;
  auto refused = world.resolver->reload({.servers = {Endpoint::unix_path("/run/dns")}});
  REQUIRE(!refused);
  CHECK(refused.error().is(kBadResolver));
  CHECK(world.ask("plain.example", RecordType::a).outcome == Outcome::records);
}

TEST_CASE("a DNS server is an address, with port 53 when none is given") {
  for (const auto& [text, endpoint] : {std::pair{"192.0.2.53", "192.0.2.53:53"},
                                       {"192.0.2.53:5353", "192.0.2.53:5353"},
                                       {"::1", "[::1]:53"},
                                       {"[2001:db8::53]:5353", "[2001:db8::53]:5353"}})
    CHECK(parse_dns_server(text).value().text() == endpoint);
  for (const auto* text : {"", "ns.example", "ns.example:53", "192.0.2.53:0", "192.0.2.53:x", "unix:/run/dns", "*:53",
                           "[::1]", "0.0.0.0:53"})
    CHECK_MESSAGE(!parse_dns_server(text), text);
}

TEST_CASE("libunbound: options that cannot work are refused when the resolver is made") {
  auto loop = make_loop().value();
  const Endpoint server(*IpAddress::parse("127.0.0.1"), 5353);
  auto kind_of = [&](Loop& on, const ResolverOptions& options) {
    auto made = UnboundResolver::make(on, options);
    return made ? nullptr : &made.error().kind();
  };
  CHECK(kind_of(*loop, {.servers = {server}}) == nullptr);
  CHECK(kind_of(*loop, {.servers = {Endpoint(*IpAddress::parse("127.0.0.1"), 0)}}) == &kBadResolver);
  CHECK(kind_of(*loop, {.servers = {server}, .trust_anchor_file = "/nonexistent/root.key"}) == &kBadResolver);
  CHECK(kind_of(*loop, {.servers = {server}, .trust_anchors = {"example. DS nonsense"}}) == &kBadResolver);
  SimulatedLoop simulated;
  CHECK(kind_of(simulated, {.servers = {server}}) == &kUnsupported);
}

TEST_CASE("libunbound: names under test. and of private networks are asked of the servers, too") {
  World world;
  CHECK(world.ask("host.test", RecordType::a).outcome == Outcome::records);
  CHECK(world.ask("host.home.arpa", RecordType::a).outcome == Outcome::records);
  CHECK(world.ask("1.0.168.192.in-addr.arpa", RecordType::ptr).outcome == Outcome::no_data);
  CHECK(world.server.asked("1.0.168.192.in-addr.arpa", RecordType::ptr) >= 1);
}

TEST_CASE("libunbound: a name that the DNS cannot have is never asked") {
  World world;
  auto refused = test::sync_wait(*world.loop, world.resolver->resolve("b\xC3\xBC"
                                                                      "cher.example",
                                                                      RecordType::a));
  REQUIRE(!refused);
  CHECK(refused.error().is(kBadName));
}

// A zone with one Ed25519 key (RFC 8080), signed once for 2020-2088.
constexpr std::string_view kAnchor = "signed.example. DNSKEY 257 3 15 cdCOs3jCRBjg9s1kcGBJrArM2PMrEnH5kapYXnv8qYE=";
constexpr std::string_view kKey = "0101030f71d08eb378c24418e0f6cd64706049ac0accd8f32b1271f991aa585e7bfca981";
constexpr std::string_view kKeySignature =
    "00300f0200000e10de0be0ff5e0be100ba29067369676e6564076578616d706c65005e039dd54f0ddead20572f41148fd438eaf96149c4fbeb"
    "c569f2a232909ef0a41e7ac9c1207bad90daa08a76306a2414af5dc35641734174fbc79206ba7da90f";
constexpr std::string_view kAddressSignature =
    "00010f0300000e10de0be0ff5e0be100ba29067369676e6564076578616d706c6500335c02d780638738f3f118e027fd70fd3cd50e32d47575"
    "c7db9b7d50c57fffc3e52d205a4ba44280edc33bf9f21a1e6534c1bf254085d2cad43f17ec83fb4e04";
constexpr std::string_view kSoa =
    "026e73067369676e6564076578616d706c65000a686f73746d6173746572067369676e6564076578616d706c65000000000100001c2000000e"
    "10000151800000012c";
constexpr std::string_view kSoaSignature =
    "00060f0200000e10de0be0ff5e0be100ba29067369676e6564076578616d706c6500c62a123a3d0dae888f4a44409970b6bff5ee209ab8980f"
    "b4a770946070e5085d7b861bfd82275055546b7d786441d572e97e82a475290bb4211d7a4d9471e402";
constexpr std::string_view kNsec = "067369676e6564076578616d706c65000006400000000003";
constexpr std::string_view kNsecSignature =
    "002f0f030000012cde0be0ff5e0be100ba29067369676e6564076578616d706c650026c65b061a15a79a99d628f74c4f13218d4232b9b17"
    "93e16706990621957e3245476ccb22a4469e2c10c36ba3da48f6312cee795527954d737af684481b88706";

constexpr auto kTypeSoa = static_cast<RecordType>(6);
constexpr auto kTypeRrsig = static_cast<RecordType>(46);
constexpr auto kTypeNsec = static_cast<RecordType>(47);
constexpr auto kTypeDnskey = static_cast<RecordType>(48);

std::string from(std::string_view hex) { return from_hex(hex).value(); }

/// good.signed.example has the address 192.0.2.9 and nothing else; `octets` is what the server says.
dns_test::Script signed_zone(std::string octets) {
  return [octets](const Question& question) -> std::vector<std::string> {
    auto parts = to(question);
    parts.edns = true;
    const auto& name = question.name;
    if (parts.type == kTypeDnskey) {
      parts.answers = 2;
      parts.answer =
          wire_record(name, kTypeDnskey, 3600, from(kKey)) + wire_record(name, kTypeRrsig, 3600, from(kKeySignature));
    } else if (parts.type == RecordType::a) {
      parts.answers = 2;
      parts.answer =
          wire_record(name, RecordType::a, 3600, octets) + wire_record(name, kTypeRrsig, 3600, from(kAddressSignature));
    } else {
      parts.authorities = 4;
      parts.authority = wire_record("signed.example", kTypeSoa, 3600, from(kSoa)) +
                        wire_record("signed.example", kTypeRrsig, 3600, from(kSoaSignature)) +
                        wire_record(name, kTypeNsec, 300, from(kNsec)) +
                        wire_record(name, kTypeRrsig, 300, from(kNsecSignature));
    }
    return {wire_answer(parts)};
  };
}
const std::string kTrueAddress = "\xC0\0\2\x09"s;

TEST_CASE("libunbound: what is signed is secure, its absence too; without a trust anchor nothing is") {
  World world(signed_zone(kTrueAddress), {.trust_anchors = {std::string(kAnchor)}});
  const auto address = world.ask("good.signed.example", RecordType::a);
  CHECK_MESSAGE(address.outcome == Outcome::records, address.reason);
  CHECK(address.secure());
  const auto none = world.ask("good.signed.example", RecordType::mx);
  CHECK_MESSAGE(none.outcome == Outcome::no_data, none.reason);
  CHECK(none.secure());
  World trusting(signed_zone(kTrueAddress));
  CHECK(trusting.ask("good.signed.example", RecordType::a).outcome == Outcome::records);
  CHECK(!trusting.ask("good.signed.example", RecordType::a).secure());
}

TEST_CASE("libunbound: a changed answer is bogus: temporary, and without its records (RFC 4035 §5.5)") {
  World world(signed_zone("\6\6\6\6"), {.trust_anchors = {std::string(kAnchor)}});
  const auto answer = world.ask("good.signed.example", RecordType::a);
  CHECK(answer.trouble == Trouble::bogus);
  CHECK(answer.temporary());
  CHECK(answer.records.empty());
  CHECK(!answer.reason.empty());
}

TEST_CASE(
    "libunbound: where it is wanted, an answer whose proof fails is an unsigned one, and what is proved is secure") {
  const ResolverOptions options{.trust_anchors = {std::string(kAnchor)}, .bogus = ResolverOptions::Bogus::insecure};
  World forged(signed_zone("\6\6\6\6"), options);
  const auto answer = forged.ask("good.signed.example", RecordType::a);
  CHECK_MESSAGE(answer.outcome == Outcome::records, answer.reason);
  CHECK(!answer.secure());
  World world(signed_zone(kTrueAddress), options);
  CHECK(world.ask("good.signed.example", RecordType::a).secure());
}

TEST_CASE("libunbound: servers that hand out no signatures will do, where it is wanted") {
  const auto unsigned_zone = [](const Question& question) { return std::vector<std::string>{address(question)}; };
  World world(unsigned_zone, {.trust_anchors = {std::string(kAnchor)}, .bogus = ResolverOptions::Bogus::insecure});
  CHECK(world.ask("good.signed.example", RecordType::a).outcome == Outcome::records);
  World strict(unsigned_zone, {.trust_anchors = {std::string(kAnchor)}});
  CHECK(strict.ask("good.signed.example", RecordType::a).temporary());
}

TEST_CASE("libunbound: a domain named as insecure is not validated") {
  World world(signed_zone("\6\6\6\6"),
              {.trust_anchors = {std::string(kAnchor)}, .insecure_domains = {"good.signed.example"}});
  const auto answer = world.ask("good.signed.example", RecordType::a);
  CHECK(answer.outcome == Outcome::records);
  CHECK(!answer.secure());
}

}  // namespace
}  // namespace angarium::io
