#include "sasl/mechanism.h"

#include "base/text.h"
#include "sasl/apop.h"
#include "sasl/keys.h"
#include "sasl/line.h"
#include "sasl/memory_gss.h"
#include "sasl/prepare.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::sasl;

namespace {

constexpr std::string_view kPassword = "correct horse, battery=\xC3\xA9";
constexpr std::string_view kToken = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

/// The one user there is, "ann@example.test", who may act as "bob" as well; with all that her password can be kept as.
struct Account {
  OtpState otp;

  static Authority authority(const Identity& identity) {
    const bool allowed = identity.authorization_id.empty() || identity.authorization_id == "bob" ||
                         identity.authorization_id == "ann@example.test";
    return allowed ? Authority::granted : Authority::refused;
  }
  static Result<> verdict(const Identity& identity) {
    return authority(identity) == Authority::granted ? Result<>() : fail(kNotAuthorized, "no");
  }
  static bool known(const Identity& identity) { return identity.authentication_id == "ann@example.test"; }
  static Secret key(const KeyWanted& wanted) {
    switch (wanted.kind) {
      case KeyKind::hmac_md5_contexts: return cram_md5_key(kPassword).value();
      case KeyKind::digest_md5: return digest_md5_key("ann@example.test", wanted.realm, kPassword).value();
      case KeyKind::nt_hash: return nt_hash(kPassword).value();
    }
    return {};
  }
};

/// Answers what a server exchange asks for.
ServerStep answer(ServerExchange& server, ServerStep step, Account& account) {
  if (auto* wanted = std::get_if<GssWanted>(&step))
    return answer(server, server.answer_gss(memory_gss_answer(std::move(*wanted))), account);
  if (auto* wanted = std::get_if<PasswordWanted>(&step)) {
    const auto stored = prepare(kPassword, kPasswordMax).value();
    if (!Account::known(wanted->identity) || wanted->password.view() != stored)
      return server.answer_verdict(fail(kBadCredentials, "no"));
    return server.answer_verdict(Account::verdict(wanted->identity));
  }
  if (auto* wanted = std::get_if<AuthorityWanted>(&step)) {
    if (!Account::known(wanted->identity)) return server.answer_verdict(fail(kBadCredentials, "no"));
    return server.answer_verdict(Account::verdict(wanted->identity));
  }
  if (auto* wanted = std::get_if<ScramKeysWanted>(&step)) {
    if (!Account::known(wanted->identity)) return server.answer_scram(std::optional<ScramCredentials>());
    return server.answer_scram(ScramCredentials{scram_keys(kPassword, "0123456789abcdef", 4096, wanted->hash).value(),
                                                Account::authority(wanted->identity)});
  }
  if (auto* wanted = std::get_if<KeyWanted>(&step)) {
    if (!Account::known(wanted->identity)) return server.answer_key(std::optional<KeyCredentials>());
    return server.answer_key(KeyCredentials{Account::key(*wanted), Account::authority(wanted->identity)});
  }
  if (auto* wanted = std::get_if<OtpWanted>(&step)) {
    if (!Account::known(wanted->identity)) return server.answer_otp(std::optional<OtpCredentials>());
    return server.answer_otp(OtpCredentials{account.otp, Account::authority(wanted->identity)});
  }
  if (auto* change = std::get_if<OtpChange>(&step)) {
    if (account.otp != change->from) return server.answer_verdict(fail(kBadCredentials, "no"));
    account.otp = change->to;
    return server.answer_verdict({});
  }
  if (auto* wanted = std::get_if<TokenWanted>(&step)) {
    if (wanted->token.view() != kToken) return server.answer_token(fail(kBadCredentials, "no"));
    if (Account::authority(wanted->identity) == Authority::refused)
      return server.answer_token(fail(kNotAuthorized, "no"));
    return server.answer_token("ann@example.test");
  }
  if (std::holds_alternative<GuestWanted>(step)) return server.answer_verdict({});
  return step;
}

/// Runs both halves against each other to the end. The identity, or the kind of the first error on either side.
std::variant<Identity, std::string_view> talk(ServerExchange& server, ClientExchange& client, Account& account) {
  auto initial = client.initial_response();
  if (!initial) return initial.error().kind().name;
  std::optional<std::string_view> given;
  if (*initial) given = **initial;
  ServerStep step = answer(server, server.start(given), account);
  for (int round = 0; round < 6; ++round) {
    if (auto* failure = std::get_if<Failure>(&step)) return failure->error.kind().name;
    if (auto* success = std::get_if<Success>(&step)) {
      if (auto finished = client.finish(success->data); !finished) return finished.error().kind().name;
      return success->identity;
    }
    auto response = client.respond(std::get<Challenge>(step).octets);
    if (!response) return response.error().kind().name;
    step = answer(server, server.step(*response), account);
  }
  return "endless"sv;
}

struct Case {
  std::string_view user = "ann@example.test";
  std::string_view password = kPassword;
  std::string_view authzid = {};
  SuccessData success_data = SuccessData::as_challenge;
};

std::variant<Identity, std::string_view> talk(const Mechanism& mechanism, const Case& with) {
  const std::vector<ChannelBinding> bindings = {{"tls-exporter", std::string(32, 'b')}};
  auto server = mechanism.serve({.bindings = bindings,
                                 .plus_offered = PlusOffered::yes,
                                 .external_identity = "ann@example.test",
                                 .success_data = with.success_data,
                                 .fake_salt_key = "0123456789abcdef",
                                 .service = "imap",
                                 .host = "mail.example.test"});
  // Who knows the password has the token; a token is of printable ASCII.
  std::string_view secret = with.password;
  if (mechanism.needs == Needs::token)
    secret = with.password == kPassword && with.user == Case{}.user ? kToken : "another-token";
  auto client = mechanism.use(
      {.identity = {std::string(with.user), std::string(with.authzid)},
       .password = Secret::copy(secret),
       .bindings = bindings,
       .plus_offered = PlusOffered::yes,
       .service = "imap",
       .host = "mail.example.test",
       .port = 143,
       // Who does not know the password has a ticket for something else.
       .gss = memory_gss_initiator(std::string(with.user), with.password == kPassword ? "imap" : "smtp")});
  const OtpAlgorithm algorithm = mechanism.name == "SKEY" ? OtpAlgorithm::md4 : OtpAlgorithm::sha1;
  Account account{otp_state(kPassword, {.algorithm = algorithm, .sequence = 99, .seed = "ke1234"}).value()};
  return talk(*server, *client, account);
}

bool takes_authorization_identity(const Mechanism& mechanism) {
  for (const std::string_view name : {"LOGIN", "CRAM-MD5", "NTLM", "SKEY", "ANONYMOUS"})
    if (mechanism.name == name) return false;
  return true;
}

ServerStep first_step(std::string_view mechanism, std::optional<std::string_view> initial, ServerContext context = {}) {
  return find_mechanism(mechanism)->serve(std::move(context))->start(initial);
}

std::string_view kind(const ServerStep& step) {
  const auto* failure = std::get_if<Failure>(&step);
  return failure == nullptr ? "no failure" : failure->error.kind().name;
}

}  // namespace

TEST_CASE("every mechanism: client half against server half") {
  CHECK(mechanisms().size() == 20);
  for (const Mechanism* mechanism : mechanisms()) {
    CAPTURE(mechanism->name);
    const Identity expected = mechanism->needs == Needs::nothing ? Identity{"anonymous", "", Standing::guest}
                                                                 : Identity{"ann@example.test", ""};
    for (const SuccessData data : {SuccessData::as_challenge, SuccessData::with_outcome}) {
      const auto outcome = talk(*mechanism, {.success_data = data});
      if (const auto* error = std::get_if<std::string_view>(&outcome)) CAPTURE(*error);
      REQUIRE(std::holds_alternative<Identity>(outcome));
      CHECK(std::get<Identity>(outcome) == expected);
    }
    if (mechanism->needs != Needs::external_identity && mechanism->needs != Needs::nothing) {
      CHECK(std::get<std::string_view>(talk(*mechanism, {.password = "wrong-horse"})) == kBadCredentials.name);
      CHECK(std::get<std::string_view>(talk(*mechanism, {.user = "nobody"})) == kBadCredentials.name);
    }
    if (takes_authorization_identity(*mechanism)) {
      CHECK(std::get<Identity>(talk(*mechanism, {.authzid = "bob"})) == Identity{"ann@example.test", "bob"});
      CHECK(std::get<std::string_view>(talk(*mechanism, {.authzid = "root"})) == kNotAuthorized.name);
    } else if (mechanism->needs != Needs::nothing) {
      // Nowhere to say it: rather no login than one as somebody else.
      CHECK(std::get<std::string_view>(talk(*mechanism, {.authzid = "bob"})) == kNotAuthorized.name);
    }
  }
}

TEST_CASE("no message of a client, cut anywhere, opens an account") {
  for (const Mechanism* mechanism : mechanisms()) {
    // A password or a token that is cut short is another one; an identity and a guest need none.
    if (mechanism->on_the_wire != OnTheWire::proof || mechanism->name.starts_with("SCRAM")) continue;
    if (mechanism->needs == Needs::ticket) continue;  // gss_test
    CAPTURE(mechanism->name);
    for (std::size_t cut = 0; cut < 512; ++cut) {
      SeededRandom random(1);
      auto server = mechanism->serve({.fake_salt_key = "0123456789abcdef", .host = "h", .random = &random});
      auto client = mechanism->use({.identity = {"ann@example.test", ""},
                                    .password = Secret::copy(kPassword),
                                    .service = "imap",
                                    .host = "h",
                                    .random = &random});
      const OtpAlgorithm algorithm = mechanism->name == "SKEY" ? OtpAlgorithm::md4 : OtpAlgorithm::sha1;
      Account account{otp_state(kPassword, {.algorithm = algorithm, .sequence = 9, .seed = "ke1234"}).value()};
      std::string response = client->initial_response()->value_or("");
      ServerStep step = answer(*server, server->start(std::nullopt), account);
      // Client-first mechanisms ask for their first message by an empty challenge.
      if (std::get<Challenge>(step).octets.empty()) step = answer(*server, server->step(response), account);
      response = client->respond(std::get<Challenge>(step).octets).value();
      if (cut >= response.size()) break;
      step = answer(*server, server->step(response.substr(0, cut)), account);
      CHECK(std::holds_alternative<Failure>(step));
    }
  }
}

TEST_CASE("names and passwords are compared in their prepared form") {
  for (const Mechanism* mechanism : mechanisms()) {
    if (mechanism->needs != Needs::password) continue;
    CAPTURE(mechanism->name);
    // The decomposed e with acute accent, a soft hyphen in the name.
    CHECK(std::holds_alternative<Identity>(
        talk(*mechanism, {.user = "ann\xC2\xAD@example.test", .password = "correct horse, battery=e\xCC\x81"})));
  }
}

TEST_CASE("RFC 4422 section 3: a client-first mechanism without initial response gets an empty challenge") {
  for (const Mechanism* mechanism : mechanisms()) {
    const auto step = first_step(mechanism->name, std::nullopt);
    REQUIRE(std::holds_alternative<Challenge>(step));
    const std::string_view octets = std::get<Challenge>(step).octets;
    if (mechanism->name == "LOGIN") {
      CHECK(octets == "Username:");
    } else if (mechanism->name == "CRAM-MD5" || mechanism->name == "DIGEST-MD5") {
      CHECK(!octets.empty());
    } else {
      CHECK(octets.empty());
    }
  }
}

TEST_CASE("calls out of turn end an exchange") {
  for (const Mechanism* mechanism : mechanisms()) {
    CAPTURE(mechanism->name);
    auto server = mechanism->serve({});
    CHECK(kind(server->step("x")) == kBroken.name);
    CHECK(kind(server->start(std::nullopt)) == kBroken.name);
    server = mechanism->serve({});
    CHECK(kind(server->answer_verdict({})) == kBroken.name);
    server = mechanism->serve({});
    server->start(std::nullopt);
    CHECK(kind(server->answer_scram(std::optional<ScramCredentials>())) == kBroken.name);
    server = mechanism->serve({});
    CHECK(kind(server->answer_key(std::optional<KeyCredentials>())) == kBroken.name);
    server = mechanism->serve({});
    CHECK(kind(server->answer_otp(std::optional<OtpCredentials>())) == kBroken.name);
    server = mechanism->serve({});
    CHECK(kind(server->answer_token("ann")) == kBroken.name);
    server = mechanism->serve({});
    CHECK(kind(server->answer_gss(GssAnswer{})) == kBroken.name);
  }
}

TEST_CASE("RFC 4616 section 2: PLAIN") {
  auto step = first_step("PLAIN", "\0tim\0tanstaaftanstaaf"sv);
  REQUIRE(std::holds_alternative<PasswordWanted>(step));
  CHECK(std::get<PasswordWanted>(step).identity == Identity{"tim", ""});
  CHECK(std::get<PasswordWanted>(step).password.view() == "tanstaaftanstaaf");
  step = first_step("PLAIN", "Ursel\0Kurt\0xipj3plmq"sv);
  REQUIRE(std::holds_alternative<PasswordWanted>(step));
  CHECK(std::get<PasswordWanted>(step).identity == Identity{"Kurt", "Ursel"});
  for (std::string_view bad : {""sv, "tim"sv, "\0tim"sv, "\0\0secret"sv, "\0tim\0sec\0ret"sv, "\0tim\0sec\xFF"sv,
                               "\xFF\0tim\0secret"sv, "\0t\x07m\0secret"sv})
    CHECK(kind(first_step("PLAIN", bad)) == kMalformed.name);
  CHECK(kind(first_step("PLAIN", "\0tim\0"sv)) == kBadCredentials.name);  // well formed, and nobody's password
}

TEST_CASE("PLAIN: names and passwords at the limit and one past") {
  auto message = [](std::size_t authzid, std::size_t authcid, std::size_t password) {
    return std::string(authzid, 'z') + '\0' + std::string(authcid, 'c') + '\0' + std::string(password, 'p');
  };
  CHECK(std::holds_alternative<PasswordWanted>(first_step("PLAIN", message(kNameMax, kNameMax, kPasswordMax))));
  CHECK(kind(first_step("PLAIN", message(kNameMax + 1, 1, 1))) == kTooLong.name);
  CHECK(kind(first_step("PLAIN", message(0, kNameMax + 1, 1))) == kTooLong.name);
  CHECK(kind(first_step("PLAIN", message(0, 1, kPasswordMax + 1))) == kTooLong.name);
  CHECK(kind(first_step("PLAIN", std::string(kMessageMax + 1, 'x'))) == kTooLong.name);
}

TEST_CASE("LOGIN: user name as initial response, then the password") {
  auto server = find_mechanism("login")->serve({});
  auto step = server->start("ann");
  REQUIRE(std::holds_alternative<Challenge>(step));
  CHECK(std::get<Challenge>(step).octets == "Password:");
  step = server->step("secret");
  REQUIRE(std::holds_alternative<PasswordWanted>(step));
  CHECK(std::get<PasswordWanted>(step).identity == Identity{"ann", ""});
  CHECK(kind(server->answer_verdict(fail(kUnavailable, "later"))) == kUnavailable.name);
  CHECK(kind(first_step("LOGIN", "")) == kMalformed.name);
}

TEST_CASE(
    "RFC 4422 appendix A: EXTERNAL needs an identity from below, and may not name another user without authority") {
  CHECK(kind(first_step("EXTERNAL", "")) == kBadCredentials.name);
  auto step = first_step("EXTERNAL", "", {.external_identity = "ann"});
  REQUIRE(std::holds_alternative<AuthorityWanted>(step));
  CHECK(std::get<AuthorityWanted>(step).identity == Identity{"ann", ""});
  CHECK(kind(first_step("EXTERNAL", "a\0b"sv, {.external_identity = "ann"})) == kMalformed.name);
}

TEST_CASE("what is offered depends on the site, TLS, bindings and certificate") {
  std::vector<std::string_view> all;
  for (const Mechanism* one : mechanisms()) all.push_back(one->name);
  auto names = [](const std::vector<const Mechanism*>& list) {
    std::string result;
    for (const Mechanism* one : list) result += std::string(one->name) + ' ';
    return result;
  };
  const std::string plus = "SCRAM-SHA-512-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS GS2-KRB5-PLUS ";
  const std::string proofs = "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 GS2-KRB5 GSSAPI ";
  const std::string weak = "OTP DIGEST-MD5 NTLM CRAM-MD5 SKEY ";
  const std::string plain = "OAUTHBEARER XOAUTH2 PLAIN LOGIN ";
  CHECK(names(offered({.enabled = all})) == proofs + weak + "ANONYMOUS ");
  CHECK(names(offered({.enabled = all, .plaintext = Plaintext::allowed})) == proofs + weak + plain + "ANONYMOUS ");
  CHECK(names(offered(
            {.enabled = all, .plaintext = Plaintext::allowed, .has_bindings = true, .has_external_identity = true})) ==
        plus + proofs + "EXTERNAL " + weak + plain + "ANONYMOUS ");
  const std::vector<std::string_view> few = {"plain", "SCRAM-SHA-1"};
  CHECK(names(offered({.enabled = few, .plaintext = Plaintext::allowed, .has_bindings = true})) ==
        "SCRAM-SHA-1 PLAIN ");
  CHECK(names(offered({.enabled = {}})).empty());
  // What a site has that says nothing: neither weak ones, nor those that need to be set up.
  const std::vector<std::string_view> unasked = default_mechanisms();
  CHECK(names(offered({.enabled = unasked,
                       .plaintext = Plaintext::allowed,
                       .has_bindings = true,
                       .has_external_identity = true})) ==
        "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 EXTERNAL PLAIN LOGIN ");
  for (const Mechanism* one : mechanisms())
    if (one->grade == Grade::weak) CHECK(one->by_default == ByDefault::off);
  CHECK(plus_among(all) == PlusOffered::yes);
  CHECK(plus_among(few) == PlusOffered::no);
  // Kerberos' own says nothing about SCRAM.
  const std::vector<std::string_view> kerberos = {"GS2-KRB5-PLUS", "SCRAM-SHA-1"};
  CHECK(plus_among(kerberos) == PlusOffered::no);
  CHECK(plus_among(kerberos, Needs::ticket) == PlusOffered::yes);
}

TEST_CASE("the client chooses the strongest that both have, and no plain password without leave") {
  const std::vector<std::string_view> names = {"LOGIN",    "PLAIN",         "XOAUTH2",
                                               "EXTERNAL", "scram-sha-256", "SCRAM-SHA-256-PLUS"};
  CHECK(choose({.names = names})->name == "SCRAM-SHA-256");
  CHECK(choose({.names = names, .has_bindings = true})->name == "SCRAM-SHA-256-PLUS");
  CHECK(choose({.names = names, .has = Needs::external_identity})->name == "EXTERNAL");
  const std::vector<std::string_view> weak = {"LOGIN", "PLAIN"};
  CHECK(choose({.names = weak}) == nullptr);
  CHECK(choose({.names = weak, .plaintext = Plaintext::allowed})->name == "PLAIN");
  CHECK(choose({.names = {}}) == nullptr);
  CHECK(find_mechanism("KERBEROS_V4") == nullptr);
  // A weak one only with leave, and only where there is no sound one.
  const std::vector<std::string_view> old = {"CRAM-MD5", "DIGEST-MD5", "PLAIN", "ANONYMOUS"};
  CHECK(choose({.names = old}) == nullptr);
  CHECK(choose({.names = old, .weak = Choice::Weak::allowed})->name == "DIGEST-MD5");
  CHECK(choose({.names = old, .plaintext = Plaintext::allowed, .weak = Choice::Weak::allowed})->name == "PLAIN");
  CHECK(choose({.names = old, .has = Needs::nothing, .weak = Choice::Weak::allowed})->name == "ANONYMOUS");
  CHECK(choose({.names = names, .has = Needs::token}) == nullptr);
  CHECK(choose({.names = names, .has = Needs::token, .plaintext = Plaintext::allowed})->name == "XOAUTH2");
}

TEST_CASE("a client that does not know who answers over TLS uses what is bound to it, or tells that it could be") {
  const std::vector<std::string_view> tickets = {"GS2-KRB5-PLUS", "GS2-KRB5", "GSSAPI"};
  const auto by_ticket = [&](std::size_t taken, Peer peer, bool has_bindings = true) {
    const Mechanism* const found = choose(
        {.names = std::span(tickets).subspan(taken), .has = Needs::ticket, .has_bindings = has_bindings, .peer = peer});
    return found == nullptr ? "" : found->name;
  };
  CHECK(by_ticket(0, Peer::unknown) == "GS2-KRB5-PLUS");
  CHECK(by_ticket(1, Peer::unknown) == "GS2-KRB5");
  // Whoever stands between took both from the list; or speaks a TLS that cannot be bound to.
  CHECK(by_ticket(2, Peer::unknown) == "");
  CHECK(by_ticket(0, Peer::unknown, false) == "");
  CHECK(by_ticket(2, Peer::known) == "GSSAPI");
  CHECK(by_ticket(0, Peer::known, false) == "GS2-KRB5");
  const std::vector<std::string_view> passwords = {"SCRAM-SHA-256", "PLAIN"};
  CHECK(choose({.names = passwords, .has_bindings = true, .peer = Peer::unknown})->name == "SCRAM-SHA-256");
  CHECK(choose({.names = passwords, .peer = Peer::unknown}) == nullptr);
  // A certificate of our own is shown to this end of TLS alone; weak ones are used by leave.
  const std::vector<std::string_view> others = {"EXTERNAL", "CRAM-MD5"};
  CHECK(choose({.names = others, .has = Needs::external_identity, .peer = Peer::unknown})->name == "EXTERNAL");
  CHECK(choose({.names = others, .peer = Peer::unknown}) == nullptr);
  CHECK(choose({.names = others, .peer = Peer::unknown, .weak = Choice::Weak::allowed})->name == "CRAM-MD5");
}

TEST_CASE(
    "a client that wants a layer chooses what can have one: first where it would like to, alone where it has to") {
  using Layer = Choice::Layer;
  const std::vector<std::string_view> tickets = {"GS2-KRB5-PLUS", "GS2-KRB5", "GSSAPI"};
  const auto by_ticket = [&](Layer layer, bool has_bindings = false) {
    return choose({.names = tickets, .has = Needs::ticket, .has_bindings = has_bindings, .layer = layer})->name;
  };
  CHECK(by_ticket(Layer::unwanted, true) == "GS2-KRB5-PLUS");
  CHECK(by_ticket(Layer::unwanted) == "GS2-KRB5");
  CHECK(by_ticket(Layer::preferred) == "GSSAPI");
  CHECK(by_ticket(Layer::required) == "GSSAPI");
  const std::vector<std::string_view> passwords = {"SCRAM-SHA-256", "DIGEST-MD5", "CRAM-MD5", "PLAIN"};
  const auto by_password = [&](Layer layer, Choice::Weak weak) {
    const Mechanism* const found = choose({.names = passwords, .weak = weak, .layer = layer});
    return found == nullptr ? "" : found->name;
  };
  // A layer makes up for no weak mechanism.
  CHECK(by_password(Layer::preferred, Choice::Weak::allowed) == "SCRAM-SHA-256");
  CHECK(by_password(Layer::required, Choice::Weak::allowed) == "DIGEST-MD5");
  CHECK(by_password(Layer::required, Choice::Weak::refused) == "");
  const std::vector<std::string_view> none = {"GS2-KRB5", "SCRAM-SHA-1", "CRAM-MD5"};
  CHECK(choose({.names = none, .has = Needs::ticket, .layer = Layer::preferred})->name == "GS2-KRB5");
  CHECK(choose({.names = none, .has = Needs::ticket, .layer = Layer::required}) == nullptr);
  CHECK(choose({.names = none, .weak = Choice::Weak::allowed, .layer = Layer::required}) == nullptr);
}

TEST_CASE("base64 lines: cancelled, empty, malformed, too long") {
  CHECK(decode_response("*").error().is(kAborted));
  CHECK(decode_response("").value().empty());
  CHECK(decode_response("dGlt").value() == "tim");
  CHECK(decode_response("dGl").error().is(kMalformed));
  CHECK(decode_response("=").error().is(kMalformed));
  CHECK(decode_initial_response("=").value().empty());
  CHECK(decode_initial_response("").error().is(kMalformed));
  CHECK(decode_initial_response("dGlt").value() == "tim");
  CHECK(encode_initial_response("") == "=");
  CHECK(encode_initial_response("tim") == "dGlt");
  CHECK(decode_response(std::string(12'288, 'A')).has_value());
  CHECK(decode_response(std::string(12'292, 'A')).error().is(kTooLong));
}

TEST_CASE("RFC 4013 section 3: SASLprep's examples") {
  CHECK(prepare_name("I\xC2\xADX").value() == "IX");
  CHECK(prepare_name("user").value() == "user");
  CHECK(prepare_name("USER").value() == "USER");
  CHECK(prepare_name("\xC2\xAA").value() == "a");
  CHECK(prepare_name("\xE2\x85\xA8").value() == "IX");
  CHECK(prepare_name("\x07").error().is(kMalformed));
  CHECK(prepare_name("\xD8\xA7\x31").error().is(kMalformed));
}

TEST_CASE("SASLprep: spaces, what is left empty, unassigned code points, growth past the limit") {
  CHECK(prepare_name("a\xC2\xA0z").value() == "a z");
  CHECK(prepare_name("\xC2\xAD").error().is(kMalformed));
  CHECK(prepare_name("").error().is(kMalformed));
  CHECK(prepare_name("\xF0\x9F\xA6\x8A").value() == "\xF0\x9F\xA6\x8A");  // a fox: unassigned in Unicode 3.2
  CHECK(prepare_name("a\0b"sv).error().is(kMalformed));
  CHECK(prepare_name("\xC0\x80").error().is(kMalformed));
  CHECK(prepare("\xEF\xB7\xBA", 32).error().is(kTooLong));  // U+FDFA grows to 33 octets
  CHECK(prepare("\xEF\xB7\xBA", 33).value().size() == 33);
}

TEST_CASE("a secret leaves nothing in what it was moved from") {
  for (std::string_view octets : {"short"sv, "one that is far too long to be stored in place"sv}) {
    std::string source(octets);
    Secret first(std::move(source));
    CHECK(source.empty());  // NOLINT(bugprone-use-after-move): that is the promise under test
    Secret second = std::move(first);
    CHECK(first.empty());  // NOLINT(bugprone-use-after-move)
    CHECK(second.view() == octets);
    Secret third = Secret::copy("other");
    third = std::move(second);
    CHECK(third.view() == octets);
  }
}

TEST_CASE("RFC 1939 section 7: the digest of APOP") {
  CHECK(apop_digest("<1896.697170952@dbc.mtview.ca.us>", "tanstaaf").value() == "c4c9334bac560ecc979e58001b3e22fb");
  CHECK(apop_digest("<1@x>", "").error().is(kMalformed));
}
