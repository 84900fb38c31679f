// GSSAPI and GS2-KRB5 without Kerberos itself: what their messages say, and what is made of them.
#include "sasl/gss.h"

#include <algorithm>

#include "sasl/gss_tokens.h"
#include "sasl/mechanism.h"
#include "sasl/memory_gss.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::sasl;

namespace {

const std::vector<ChannelBinding> kBindings = {{"tls-exporter", std::string(32, 'b')}};

/// A server whose desk believes tickets, and lets everybody act as himself and as bob.
class Server {
 public:
  explicit Server(const Mechanism& mechanism, Protection protection = Protection::none,
                  Protection strongest = Protection::confidentiality, PlusOffered plus = PlusOffered::yes)
      : exchange_(mechanism.serve(
            {.bindings = kBindings, .plus_offered = plus, .service = "imap", .protection = protection})),
        strongest_(strongest) {}

  ServerStep start(std::optional<std::string_view> first) { return answer(exchange_->start(first)); }
  ServerStep step(std::string_view response) { return answer(exchange_->step(response)); }

 private:
  ServerStep answer(ServerStep step) {
    if (auto* wanted = std::get_if<GssWanted>(&step))
      return answer(exchange_->answer_gss(memory_gss_answer(std::move(*wanted), strongest_)));
    if (auto* wanted = std::get_if<AuthorityWanted>(&step)) {
      const std::string& as = wanted->identity.authorization_id;
      return exchange_->answer_verdict(as.empty() || as == "bob" ? Result<>() : fail(kNotAuthorized, "no"));
    }
    return step;
  }
  std::unique_ptr<ServerExchange> exchange_;
  Protection strongest_;
};

/// A context of a client that has got as far as the server's offer, and that offer.
struct Agreed {
  std::unique_ptr<GssContext> gss = memory_gss_initiator("ann", "imap");
  std::string offer;

  explicit Agreed(Server& server) {
    auto step = server.start(gss->step({}, std::nullopt).value().token);
    gss->step(std::get<Challenge>(step).octets, std::nullopt).value();
    step = server.step("");
    offer = gss->unwrap(std::get<Challenge>(step).octets).value().clear;
  }
  std::string choice(std::string_view octets) { return gss->wrap(octets, Protection::none).value(); }
};

std::string_view kind(const ServerStep& step) {
  const auto* failure = std::get_if<Failure>(&step);
  return failure == nullptr ? "no failure" : failure->error.kind().name;
}

struct Outcome {
  std::optional<Success> success;
  std::unique_ptr<ClientExchange> client;
  std::string_view error;
};
Outcome talk(const Mechanism& mechanism, Server& server, ClientContext context) {
  Outcome outcome;
  outcome.client = mechanism.use(std::move(context));
  const auto initial = outcome.client->initial_response();
  if (!initial) return outcome.error = initial.error().kind().name, std::move(outcome);
  ServerStep step = server.start(**initial);
  while (auto* challenge = std::get_if<Challenge>(&step)) {
    const auto response = outcome.client->respond(challenge->octets);
    if (!response) return outcome.error = response.error().kind().name, std::move(outcome);
    step = server.step(*response);
  }
  outcome.error = kind(step);
  if (auto* success = std::get_if<Success>(&step)) {
    const auto finished = outcome.client->finish(success->data);
    outcome.error = finished ? "" : finished.error().kind().name;
    outcome.success = std::move(*success);
  }
  return outcome;
}

ClientContext client(std::string owner = "ann", Protection protection = Protection::none) {
  return {.identity = {},
          .bindings = kBindings,
          .plus_offered = PlusOffered::yes,
          .protection_min = protection,
          .protection_max = protection,
          .gss = memory_gss_initiator(std::move(owner), "imap")};
}

}  // namespace

TEST_CASE("RFC 4752 section 3.2: without a layer the server takes no buffers, and neither does the client") {
  Server server(kGssapi);
  Agreed agreed(server);
  CHECK(agreed.offer == "\x01\0\0\0"sv);
  CHECK(kind(server.step(agreed.choice("\x01\0\0\x10"sv))) == kMalformed.name);
}

TEST_CASE("RFC 4752 section 3.2: what is offered is what the context can do and the connection may") {
  const auto offered = [](Protection allowed, Protection can) {
    Server server(kGssapi, allowed, can);
    return Agreed(server).offer;
  };
  CHECK(offered(Protection::confidentiality, Protection::confidentiality) == "\x07\x01\0\0"sv);
  CHECK(offered(Protection::confidentiality, Protection::integrity) == "\x03\x01\0\0"sv);
  CHECK(offered(Protection::integrity, Protection::confidentiality) == "\x03\x01\0\0"sv);
  CHECK(offered(Protection::confidentiality, Protection::none) == "\x01\0\0\0"sv);
}

TEST_CASE("RFC 4752 section 3.2: the client chooses one layer, of those that were offered") {
  for (const std::string_view choice : {"\x02\0\x10\0"sv, "\x01\0\0\0"sv}) {
    Server server(kGssapi, Protection::integrity);
    Agreed agreed(server);
    const auto step = server.step(agreed.choice(choice));
    REQUIRE(std::holds_alternative<Success>(step));
    CHECK((std::get<Success>(step).layer != nullptr) == (choice[0] == 2));
  }
  for (const std::string_view choice : {"\x04\0\x10\0"sv, "\x03\0\x10\0"sv, "\x06\0\x10\0"sv, "\x00\0\0\0"sv,
                                        "\x08\0\x10\0"sv, "\x02\0\0"sv, ""sv, "\x02\0\0\0"sv, "\x02\0\0\x02"sv}) {
    Server server(kGssapi, Protection::integrity);
    Agreed agreed(server);
    CHECK(kind(server.step(agreed.choice(choice))) == kMalformed.name);
  }
}

TEST_CASE("RFC 4752 section 3.2: the authorization identity is the rest of the choice, and judged") {
  const auto as = [](std::string_view name) {
    Server server(kGssapi);
    Agreed agreed(server);
    return server.step(agreed.choice(std::string("\x01\0\0\0"sv) + std::string(name)));
  };
  const auto bob = as("bob");
  REQUIRE(std::holds_alternative<Success>(bob));
  CHECK(std::get<Success>(bob).identity == Identity{"ann", "bob"});
  CHECK(kind(as("root")) == kNotAuthorized.name);
  CHECK(kind(as("\xFF")) == kMalformed.name);
  CHECK(kind(as("bob\0"sv)) == kMalformed.name);
  CHECK(kind(as(std::string(kNameMax + 1, 'x'))) == kTooLong.name);
}

TEST_CASE("a choice that the context did not protect opens no account") {
  Server server(kGssapi);
  Agreed agreed(server);
  std::string choice = agreed.choice("\x01\0\0\0"sv);
  choice[1] = 9;
  CHECK(kind(server.step(choice)) == kMalformed.name);
  Server early(kGssapi);
  CHECK(kind(early.start("\x01\0\0\0"sv)) == kMalformed.name);
  Server full(kGssapi);
  auto gss = memory_gss_initiator("ann", "imap");
  full.start(gss->step({}, std::nullopt).value().token);
  // RFC 4752 §3.2: the server's last token is answered with no data.
  CHECK(kind(full.step("x")) == kMalformed.name);
}

TEST_CASE("no token, cut anywhere or for another service, opens an account") {
  for (const Mechanism* mechanism : {&kGssapi, &kGs2Krb5, &kGs2Krb5Plus}) {
    CAPTURE(mechanism->name);
    const std::string whole = **mechanism->use(client())->initial_response();
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      Server server(*mechanism);
      const auto step = server.start(whole.substr(0, cut));
      CHECK(std::holds_alternative<Failure>(step));
    }
    ClientContext other = client();
    other.gss = memory_gss_initiator("ann", "smtp");
    Server server(*mechanism);
    CHECK(talk(*mechanism, server, std::move(other)).error == kBadCredentials.name);
  }
}

TEST_CASE("exchanges of more tokens than one from each side") {
  for (const Mechanism* mechanism : {&kGssapi, &kGs2Krb5, &kGs2Krb5Plus}) {
    CAPTURE(mechanism->name);
    Server server(*mechanism);
    ClientContext given = client("slow ann");
    const Outcome outcome = talk(*mechanism, server, std::move(given));
    CHECK(outcome.error == "");
    REQUIRE(outcome.success);
    CHECK(outcome.success->identity == Identity{"slow ann", ""});
  }
}

TEST_CASE("an exchange with as many tokens as a client may send, and with one more") {
  for (const Mechanism* mechanism : {&kGssapi, &kGs2Krb5, &kGs2Krb5Plus}) {
    CAPTURE(mechanism->name);
    for (const std::size_t past : {0, 1}) {
      std::string owner = "ann";
      for (std::size_t token = 1; token < kGssTokensMax + past; ++token) owner.insert(0, "slow ");
      Server server(*mechanism);
      const Outcome outcome = talk(*mechanism, server, client(owner));
      CHECK(outcome.success.has_value() == (past == 0));
      CHECK(outcome.error == (past == 0 ? "" : kBadCredentials.name));
    }
  }
}

TEST_CASE("a layer carries what both sides say, and nothing that was changed, repeated or left open") {
  for (const Protection protection : {Protection::integrity, Protection::confidentiality}) {
    Server server(kGssapi, Protection::confidentiality);
    Outcome outcome = talk(kGssapi, server, client("ann", protection));
    REQUIRE(outcome.success);
    SecurityLayer& there = *outcome.success->layer;
    const auto here = outcome.client->take_layer();
    CHECK(there.clear_max() == kLayerBufferMax - 2);
    const std::string first = here->wrap("a NOOP\r\n").value();
    CHECK((first.find("NOOP") == std::string::npos) == (protection == Protection::confidentiality));
    CHECK(there.unwrap(first).value() == "a NOOP\r\n");
    CHECK(here->unwrap(there.wrap("a OK\r\n").value()).value() == "a OK\r\n");
    CHECK(there.wrap("").error().is(kBroken));
    CHECK(there.wrap(std::string(there.clear_max() + 1, 'x')).error().is(kBroken));
    CHECK(there.unwrap(first).error().is(kLayer));
    // And no more after that.
    CHECK(there.unwrap(here->wrap("b NOOP\r\n").value()).error().is(kLayer));
  }
}

TEST_CASE("under a layer for confidentiality nothing is taken that others could read") {
  Server server(kGssapi, Protection::confidentiality);
  Agreed agreed(server);
  auto step = server.step(agreed.choice("\x04\0\x10\0"sv));
  REQUIRE(std::holds_alternative<Success>(step));
  SecurityLayer& layer = *std::get<Success>(step).layer;
  CHECK(layer.clear_max() == 0x1000 - 2);
  const std::string open = agreed.gss->wrap("a NOOP\r\n", Protection::integrity).value();
  CHECK(layer.unwrap(open).error().is(kLayer));
}

TEST_CASE("a buffer at the limit of a layer, and one past") {
  for (const std::size_t past : {0, 1}) {
    Server server(kGssapi, Protection::integrity);
    Agreed agreed(server);
    auto step = server.step(agreed.choice("\x02\0\x10\0"sv));
    const std::string clear(kLayerBufferMax - 2 + past, 'x');
    const auto heard = std::get<Success>(step).layer->unwrap(agreed.gss->wrap(clear, Protection::integrity).value());
    CHECK(heard.has_value() == (past == 0));
  }
}

TEST_CASE("a client wants the protection it was told to have") {
  Server open(kGssapi);
  CHECK(talk(kGssapi, open, client("ann", Protection::integrity)).error == kServerNotAuthentic.name);
  Server server(kGssapi, Protection::confidentiality);
  Outcome none = talk(kGssapi, server, client());
  REQUIRE(none.success);
  CHECK(none.success->layer == nullptr);
  CHECK(none.client->take_layer() == nullptr);
}

TEST_CASE("a client believes no server that lets it in without having shown who it is") {
  for (const Mechanism* mechanism : {&kGssapi, &kGs2Krb5, &kGs2Krb5Plus}) {
    const auto exchange = mechanism->use(client());
    REQUIRE(exchange->initial_response());
    CHECK(exchange->finish({}).error().is(kServerNotAuthentic));
    CHECK(!mechanism->use({})->initial_response());
  }
}

TEST_CASE("RFC 5801 section 5: a channel that is not the client's, or a list that was changed, is refused") {
  Server plus(kGs2Krb5Plus);
  ClientContext other = client();
  other.bindings[0].data = std::string(32, 'c');
  CHECK(talk(kGs2Krb5Plus, plus, std::move(other)).error == kChannelBinding.name);
  Server unknown(kGs2Krb5Plus);
  ClientContext unique = client();
  unique.bindings = {{"tls-unique", "0123"}};
  CHECK(talk(kGs2Krb5Plus, unknown, std::move(unique)).error == kChannelBinding.name);
  ClientContext unaware = client();
  unaware.plus_offered = PlusOffered::no;
  Server shown(kGs2Krb5);
  CHECK(talk(kGs2Krb5, shown, std::move(unaware)).error == kChannelBinding.name);
  unaware = client();
  unaware.plus_offered = PlusOffered::no;
  Server not_shown(kGs2Krb5, Protection::none, Protection::none, PlusOffered::no);
  CHECK(talk(kGs2Krb5, not_shown, std::move(unaware)).error == "");
  // Neither mechanism is the other.
  const std::string bound = **kGs2Krb5Plus.use(client())->initial_response();
  const std::string unbound = **kGs2Krb5.use(client())->initial_response();
  CHECK(kind(Server(kGs2Krb5).start(bound)) == kChannelBinding.name);
  CHECK(kind(Server(kGs2Krb5Plus).start(unbound)) == kChannelBinding.name);
}

TEST_CASE("RFC 5801 section 4: the header is bound, too: no other authorization identity can be put in") {
  const std::string first = **kGs2Krb5.use(client())->initial_response();
  REQUIRE(first.starts_with("n,,"));
  CHECK(kind(Server(kGs2Krb5).start("n,a=bob," + first.substr(3))) == kChannelBinding.name);
  ClientContext as_bob = client();
  as_bob.identity.authorization_id = "bob";
  Server server(kGs2Krb5);
  const Outcome outcome = talk(kGs2Krb5, server, std::move(as_bob));
  REQUIRE(outcome.success);
  CHECK(outcome.success->identity == Identity{"ann", "bob"});
  ClientContext as_root = client();
  as_root.identity.authorization_id = "root";
  Server strict(kGs2Krb5);
  CHECK(talk(kGs2Krb5, strict, std::move(as_root)).error == kNotAuthorized.name);
}

TEST_CASE("RFC 5801 section 4: headers that are none") {
  const std::string first = **kGs2Krb5.use(client())->initial_response();
  const std::string token = first.substr(3);
  for (const std::string header : {"", "n", "n,", "x,,", "F,n,,", "n,b=c,", "n,a=,", "n,a=x=,", "p=,,", "p=a b,,"})
    CHECK_MESSAGE(kind(Server(kGs2Krb5).start(header + token)) == kMalformed.name, header);
}

TEST_CASE("gss_bindings() has whatever a client's mechanism may bind its first token to, and GSSAPI's nothing first") {
  /// Notes what it is bound to, and goes no further.
  class Noting final : public GssContext {
   public:
    explicit Noting(std::vector<std::optional<std::string>>& seen) : seen_(seen) {}
    Result<Step> step(std::string_view, const std::optional<std::string>& bindings) override {
      seen_.push_back(bindings);
      return fail(kUnavailable, "noted");
    }
    [[nodiscard]] Protection strongest() const override { return Protection::none; }
    [[nodiscard]] std::size_t clear_max(std::size_t, Protection) const override { return 0; }
    Result<std::string> wrap(std::string_view, Protection) override { return fail(kUnavailable, "noted"); }
    Result<Opened> unwrap(std::string_view) override { return fail(kUnavailable, "noted"); }

   private:
    std::vector<std::optional<std::string>>& seen_;
  };
  const std::vector<ChannelBinding> several = {{"tls-exporter", std::string("a\0b", 3)}, {"tls-unique", "c"}};
  for (const auto& bindings : {std::vector<ChannelBinding>(), kBindings, several}) {
    const auto all = gss_bindings(bindings);
    REQUIRE(!all.empty());
    CHECK(!all.front());
    std::vector<std::optional<std::string>> seen;
    for (const Mechanism* const mechanism : {&kGssapi, &kGs2Krb5, &kGs2Krb5Plus}) {
      if (mechanism->binding == Binding::required && bindings.empty()) continue;
      for (const PlusOffered plus : {PlusOffered::no, PlusOffered::yes}) {
        const auto exchange =
            mechanism->use({.bindings = bindings, .plus_offered = plus, .gss = std::make_unique<Noting>(seen)});
        CHECK(exchange->initial_response().error().is(kUnavailable));
      }
    }
    CHECK(seen.size() == (bindings.empty() ? 4 : 6));
    for (const auto& one : seen) CHECK(std::ranges::find(all, one) != all.end());
    for (const auto& one : all) CHECK(std::ranges::find(seen, one) != seen.end());
  }
}
