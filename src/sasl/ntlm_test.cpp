#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/keys.h"
#include "sasl/legacy.h"
#include "sasl/mechanism.h"
#include "sasl/ntlm_exchange.h"
#include "sasl/ntlm_keys.h"
#include "sasl/utf16.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::sasl;

namespace {

std::string hex(std::string_view text) { return from_hex(text).value(); }

// [MS-NLMP] §4.2.1, §4.2.4: "User" of "Domain" with "Password", asked by "Server" at time 0.
const std::string kServerChallenge = hex("0123456789abcdef");
const std::string kClientChallenge(8, '\xAA');
const std::string kPairs = hex("02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000");
constexpr std::string_view kProof = "68cd0ab851e51c96aabc927bebef6a1c";

struct Options {
  std::optional<WallTime> now{};
  std::string user = "ann@example.test";
  std::string domain{};
  std::string password = "Password";
};

/// An exchange up to the message that proves; `change` may spoil it.
struct Run {
  NtlmServer server;
  NtlmClient client;
  std::string message;
  explicit Run(const Options& options)
      : server({.fake_salt_key = "a secret of the site", .host = "mail.example.test", .now = options.now},
               kServerChallenge),
        client({.identity = {options.user, ""},
                .password = Secret::copy(options.password),
                .domain = options.domain,
                .workstation = "COMPUTER"},
               kClientChallenge) {
    const std::string first = client.initial_response()->value();
    const ServerStep step = server.start(first);
    REQUIRE(std::holds_alternative<Challenge>(step));
    message = client.respond(std::get<Challenge>(step).octets).value();
  }
  ServerStep finish(std::string_view sent, Authority authority = Authority::granted) {
    ServerStep step = server.step(sent);
    if (!std::holds_alternative<KeyWanted>(step)) return step;
    CHECK(std::get<KeyWanted>(step).kind == KeyKind::nt_hash);
    return server.answer_key(KeyCredentials{nt_hash("Password").value(), authority});
  }
};

std::string_view kind(const ServerStep& step) {
  const auto* failure = std::get_if<Failure>(&step);
  return failure == nullptr ? "no failure" : failure->error.kind().name;
}

std::string name_of(const ServerStep& step) {
  REQUIRE(std::holds_alternative<Success>(step));
  return std::get<Success>(step).identity.authentication_id;
}

}  // namespace

TEST_CASE("[MS-NLMP] 4.2.4: the published values of version 2") {
  const Secret hash = nt_hash("Password").value();
  CHECK(to_hex(hash.view()) == "a4f49c406510bdcab6824ee7c30fd852");
  const Secret key = ntlm_response_key(hash.view(), *to_utf16("User"), *to_utf16("Domain")).value();
  CHECK(to_hex(key.view()) == "0c868a403bfd7a93a3001ef22ef02e3f");
  const std::string blob = ntlm_blob(0, kClientChallenge, kPairs + std::string(4, '\0'));
  const std::string proof = ntlm_proof(key.view(), kServerChallenge, blob).value();
  CHECK(to_hex(proof) == kProof);
  CHECK(to_hex(ntlm_proof(key.view(), kServerChallenge, kClientChallenge).value()) ==
        "86c35097ac9cec102554764a57cccc19");
  const Secret session = ntlm_session_key(key.view(), proof).value();
  CHECK(to_hex(session.view()) == "8de40ccadbc14a82f15cb0ad0de95ca3");
  std::string exported(16, '\x55');
  REQUIRE(rc4(session.view())->apply(exported));
  CHECK(to_hex(exported) == "c5dad2544fc9799094ce1ce90bc9d03e");
}

TEST_CASE("[MS-NLMP] 4.2.4.3: a client given the published challenge answers with the published proofs") {
  NtlmClient client({.identity = {"User", ""},
                     .password = Secret::copy("Password"),
                     .domain = "Domain",
                     .workstation = "COMPUTER",
                     .now = WallTime{-11'644'473'600 * 1'000'000}},
                    kClientChallenge);
  REQUIRE(client.initial_response());
  const std::string challenge = hex("4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef000000000000000024"
                                    "00240044000000060070170000000f"
                                    "530065007200760065007200") +
                                kPairs;
  const auto answer = parse_ntlm_authenticate(client.respond(challenge).value()).value();
  CHECK(to_hex(answer.nt_response.substr(0, 16)) == kProof);
  CHECK(to_hex(answer.lm_response) == "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
  CHECK(from_utf16(answer.domain) == "Domain");
  CHECK(from_utf16(answer.user) == "User");
  CHECK(from_utf16(answer.workstation) == "COMPUTER");
  CHECK(client.finish(""));
}

TEST_CASE("both halves, with and without the integrity code") {
  for (const std::optional<WallTime> now :
       {std::optional<WallTime>(), std::optional(WallTime::from_seconds(1'700'000'000))}) {
    Run right({.now = now});
    CHECK(name_of(right.finish(right.message)) == "ann@example.test");
    Run wrong({.now = now, .password = "password"});
    CHECK(kind(wrong.finish(wrong.message)) == kBadCredentials.name);
    Run refused({.now = now});
    CHECK(kind(refused.finish(refused.message, Authority::refused)) == kNotAuthorized.name);
    Run unknown({.now = now});
    REQUIRE(std::holds_alternative<KeyWanted>(unknown.server.step(unknown.message)));
    CHECK(kind(unknown.server.answer_key(std::optional<KeyCredentials>())) == kBadCredentials.name);
  }
}

TEST_CASE("a domain that is ours or none says nothing; another one is part of the name") {
  for (const std::string_view domain : {"", "MAIL", "mail.example.test"}) {
    Run run({.user = "ann", .domain = std::string(domain)});
    CHECK(name_of(run.finish(run.message)) == "ann");
  }
  Run other({.user = "ann", .domain = "example.org"});
  CHECK(name_of(other.finish(other.message)) == "ann@example.org");
  Run whole({.user = "ann@example.test", .domain = "example.org"});
  CHECK(name_of(whole.finish(whole.message)) == "ann@example.test");
}

TEST_CASE("[MS-NLMP] 3.3: responses of LM and of version 1 are refused, though they were right") {
  NtlmAuthenticate old;
  old.user = *to_utf16("ann");
  old.flags = kNtlmUnicode;
  for (const std::size_t size : {std::size_t{0}, std::size_t{24}, std::size_t{43}}) {
    Run run({});
    old.lm_response = old.nt_response = std::string(size, 'x');
    CHECK(kind(run.finish(write_ntlm_authenticate(old))) == kBadCredentials.name);
  }
  // LMv2 alone: it would be right.
  Run run({.user = "ann"});
  auto message = parse_ntlm_authenticate(run.message).value();
  message.nt_response.clear();
  CHECK(kind(run.finish(write_ntlm_authenticate(message))) == kBadCredentials.name);
  Run unknown({});
  message.nt_response = std::string(44, '\2');
  CHECK(kind(unknown.finish(write_ntlm_authenticate(message))) == kMalformed.name);
}

TEST_CASE("[MS-NLMP] 3.1.5.1.2: whoever was told the time seals all three messages") {
  const Options timed{.now = WallTime::from_seconds(1'700'000'000)};
  Run changed(timed);
  std::string message = changed.message;
  message[kNtlmMicOffset] = static_cast<char>(message[kNtlmMicOffset] ^ 1);
  CHECK(kind(changed.finish(message)) == kBadCredentials.name);
  // The first message was another one on its way.
  Run first(timed);
  NtlmServer server({.fake_salt_key = "k", .host = "mail.example.test", .now = timed.now}, kServerChallenge);
  server.start(write_ntlm_negotiate({kNtlmUnicode}));
  REQUIRE(std::holds_alternative<KeyWanted>(server.step(first.message)));
  CHECK(kind(server.answer_key(KeyCredentials{nt_hash("Password").value()})) == kBadCredentials.name);
  // A client that has no such code says so in what it proves (curl); the flag can't be taken out on the way.
  Run bare({});
  Run asked(timed);
  CHECK(name_of(asked.finish(bare.message)) == "ann@example.test");
  Run stripped(timed);
  message = stripped.message;
  const std::string flag = little_endian(6, 2) + little_endian(4, 2) + little_endian(kAvFlagMic, 4);
  REQUIRE(message.find(flag) != std::string::npos);
  message[message.find(flag) + 4] = 0;
  CHECK(kind(stripped.finish(message)) == kBadCredentials.name);
}

TEST_CASE("an exported key that was exchanged seals as well") {
  const Options timed{.now = WallTime::from_seconds(1'700'000'000)};
  NtlmServer server({.fake_salt_key = "k", .host = "mail.example.test", .now = timed.now}, kServerChallenge);
  const std::string negotiate = write_ntlm_negotiate({kNtlmUnicode | kNtlmKeyExchange});
  const std::string challenge = std::get<Challenge>(server.start(negotiate)).octets;
  const auto asked = parse_ntlm_challenge(challenge).value();
  auto pairs = parse_av_pairs(asked.target_info).value();
  pairs.push_back({AvId::flags, little_endian(kAvFlagMic, 4)});
  NtlmAuthenticate message;
  message.flags = asked.flags;
  CHECK((message.flags & kNtlmKeyExchange) != 0);
  message.user = *to_utf16("ann");
  const Secret hash = nt_hash("Password").value();
  const Secret key = ntlm_response_key(hash.view(), message.user, message.domain).value();
  const std::string blob = ntlm_blob(0, kClientChallenge, write_av_pairs(pairs));
  const std::string proof = ntlm_proof(key.view(), kServerChallenge, blob).value();
  message.nt_response = proof + blob;
  const std::string exported(16, '\x55');
  message.session_key = exported;
  REQUIRE(rc4(ntlm_session_key(key.view(), proof)->view())->apply(message.session_key));
  std::string octets = write_ntlm_authenticate(message);
  octets.replace(kNtlmMicOffset, 16, ntlm_mic(exported, negotiate, challenge, octets).value());
  REQUIRE(std::holds_alternative<KeyWanted>(server.step(octets)));
  CHECK(name_of(server.answer_key(KeyCredentials{nt_hash("Password").value()})) == "ann");
}

TEST_CASE("messages cut anywhere or with any octet changed never succeed where the code seals them") {
  const Options timed{.now = WallTime::from_seconds(1'700'000'000)};
  const std::string whole = Run(timed).message;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Run cut(timed);
    CHECK(kind(cut.finish(whole.substr(0, at))) != "no failure");
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    Run spoilt(timed);
    CHECK(kind(spoilt.finish(changed)) != "no failure");
  }
  const std::string challenge = write_ntlm_challenge({kNtlmUnicode | kNtlmTargetInfo, kServerChallenge, "ab", kPairs});
  for (std::size_t cut = 0; cut < challenge.size(); ++cut)
    CHECK(!parse_av_pairs(parse_ntlm_challenge(challenge.substr(0, cut)).value_or(NtlmChallenge{}).target_info));
}

TEST_CASE("the grammar: fields inside the message, attributes that end, limits") {
  NtlmServer none({}, kServerChallenge);
  CHECK(kind(none.start(write_ntlm_negotiate({kNtlmNtlm}))) == kMalformed.name);
  CHECK(parse_ntlm_negotiate(write_ntlm_negotiate({7}).substr(0, 16))->flags == 7);
  CHECK(parse_ntlm_negotiate(write_ntlm_negotiate({7}).substr(0, 15)).error().is(kMalformed));
  CHECK(parse_ntlm_challenge(write_ntlm_negotiate({7}) + std::string(48, '\0')).error().is(kMalformed));
  const std::string good = write_ntlm_challenge({1, kServerChallenge, "ab", "cd"});
  CHECK(parse_ntlm_challenge(good)->target == "ab");
  CHECK(parse_ntlm_challenge(good)->target_info == "cd");
  for (const std::size_t offset : {good.size() - 1, std::size_t{47}, std::size_t{0xFFFF'FFFF}}) {
    std::string bad = good;
    bad.replace(16, 4, little_endian(offset, 4));
    CHECK(parse_ntlm_challenge(bad).error().is(kMalformed));
  }
  const std::string longest = good + std::string(kMessageMax - good.size(), 'x');
  CHECK(parse_ntlm_challenge(longest));
  CHECK(parse_ntlm_challenge(longest + 'x').error().is(kTooLong));
  const std::vector<AvPair> most(kAvPairsMax, {AvId::domain, "d"});
  CHECK(parse_av_pairs(write_av_pairs(most))->size() == kAvPairsMax);
  auto more = most;
  more.push_back(most[0]);
  CHECK(parse_av_pairs(write_av_pairs(more)).error().is(kMalformed));
  const std::string pairs = write_av_pairs(most);
  for (std::size_t cut = 0; cut < pairs.size(); ++cut) CHECK(!parse_av_pairs(pairs.substr(0, cut)));
}

TEST_CASE("[MS-NLMP] 2.2.2.5: a client without Unicode is asked in its charset, and names itself in ASCII") {
  auto judged = [](std::string_view user) {
    NtlmServer server({.fake_salt_key = "k", .host = "mail.example.test"}, kServerChallenge);
    const auto asked =
        parse_ntlm_challenge(std::get<Challenge>(server.start(write_ntlm_negotiate({kNtlmOem | kNtlmNtlm}))).octets)
            .value();
    CHECK((asked.flags & (kNtlmUnicode | kNtlmOem)) == kNtlmOem);
    CHECK(asked.target == "MAIL");
    NtlmAuthenticate message;
    message.flags = asked.flags;
    message.user = user;
    const Secret hash = nt_hash("Password").value();
    const Secret key = ntlm_response_key(hash.view(), *to_utf16("ann"), "").value();
    const std::string blob = ntlm_blob(0, kClientChallenge, asked.target_info);
    message.nt_response = ntlm_proof(key.view(), kServerChallenge, blob).value() + blob;
    ServerStep step = server.step(write_ntlm_authenticate(message));
    if (std::holds_alternative<KeyWanted>(step)) step = server.answer_key(KeyCredentials{nt_hash("Password").value()});
    return step;
  };
  CHECK(name_of(judged("ann")) == "ann");
  CHECK(kind(judged("bob")) == kBadCredentials.name);
  CHECK(kind(judged("\xFC")) == kMalformed.name);
}

TEST_CASE("UTF-16: both ways, upper case as Windows has it, and what is none") {
  CHECK(*to_utf16("a\xC3\xA9\xF0\x9F\xA6\x8A") == "a\0\xE9\0\x3E\xD8\x8A\xDD"sv);
  CHECK(*from_utf16("a\0\xE9\0\x3E\xD8\x8A\xDD"sv) == "a\xC3\xA9\xF0\x9F\xA6\x8A");
  CHECK(!to_utf16("\xFF"));
  CHECK(!from_utf16("a"));
  CHECK(!from_utf16("\x3E\xD8"));
  CHECK(upper_utf16(*to_utf16("us\xC3\xA9r\xC3\x9F")) == *to_utf16("US\xC3\x89R\xC3\x9F"));
}
