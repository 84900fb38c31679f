// The mechanisms of one message or two: CRAM-MD5, OAUTHBEARER, XOAUTH2, ANONYMOUS.
#include <algorithm>

#include "base/text.h"
#include "sasl/keys.h"
#include "sasl/mechanism.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::sasl;

namespace {

constexpr std::string_view kToken = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
// RFC 7628 §4.1
const std::string kBearer =
    "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
    "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
const std::string kGoogle =
    "user=user@example.com\x01"
    "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";

std::unique_ptr<ServerExchange> server(std::string_view mechanism, ServerContext context = {}) {
  return find_mechanism(mechanism)->serve(std::move(context));
}
ServerStep first(std::string_view mechanism, std::string_view response, ServerContext context = {}) {
  return server(mechanism, std::move(context))->start(response);
}
std::string_view kind(const ServerStep& step) {
  const auto* failure = std::get_if<Failure>(&step);
  return failure == nullptr ? "no failure" : failure->error.kind().name;
}

/// Gives the same octets for ever.
class Fixed final : public Random {
 public:
  void fill(char* octets, std::size_t count) override { std::fill_n(octets, count, '\x11'); }
};

}  // namespace

TEST_CASE("RFC 2195 section 2: CRAM-MD5, the published exchange") {
  auto client =
      find_mechanism("CRAM-MD5")->use({.identity = {"tim", ""}, .password = Secret::copy("tanstaaftanstaaf")});
  CHECK(!client->initial_response().value());
  CHECK(client->respond("<1896.697170952@postoffice.reston.mci.net>").value() ==
        "tim b913a602c7eda7a495b4e6e7334d3890");
  CHECK(client->finish(""));
  CHECK(client->respond("again").error().is(kMalformed));
}

TEST_CASE("RFC 2195 section 2: CRAM-MD5's challenge has the form of a Message-ID and is never the same") {
  auto challenge = [](Random& random) {
    auto exchange = server("CRAM-MD5", {.host = "mail.example.test", .random = &random});
    return std::get<Challenge>(exchange->start(std::nullopt)).octets;
  };
  const std::string one = challenge(system_random());
  CHECK(one.starts_with("<"));
  CHECK(one.ends_with("@mail.example.test>"));
  CHECK(one != challenge(system_random()));
}

TEST_CASE("CRAM-MD5: what the server makes of responses") {
  Fixed random;
  auto judged = [&](auto change, Authority authority = Authority::granted, bool known = true,
                    std::string_view password = "secret") {
    auto exchange = server("CRAM-MD5", {.fake_salt_key = "k", .random = &random});
    const std::string challenge = std::get<Challenge>(exchange->start(std::nullopt)).octets;
    auto client = find_mechanism("CRAM-MD5")->use({.identity = {"tim q", ""}, .password = Secret::copy(password)});
    ServerStep step = exchange->step(change(client->respond(challenge).value()));
    if (const auto* wanted = std::get_if<KeyWanted>(&step)) {
      CHECK(wanted->identity == Identity{"tim q", ""});
      std::optional<KeyCredentials> credentials;
      if (known) credentials = KeyCredentials{cram_md5_key("secret").value(), authority};
      step = exchange->answer_key(std::move(credentials));
    }
    return std::string(kind(step));
  };
  auto same = [](std::string text) { return text; };
  CHECK(judged(same) == "no failure");
  CHECK(judged(same, Authority::refused) == kNotAuthorized.name);
  CHECK(judged(same, Authority::granted, false) == kBadCredentials.name);
  // What the work for an unknown user is done with opens nothing.
  CHECK(judged(same, Authority::granted, false, "k") == kBadCredentials.name);
  CHECK(judged([](std::string text) { return text.substr(0, text.size() - 1); }) == kMalformed.name);
  CHECK(judged([](std::string text) { return text + "0"; }) == kMalformed.name);
  CHECK(judged([](std::string) { return std::string("tim"); }) == kMalformed.name);
  CHECK(judged([](std::string) { return " " + std::string(32, '0'); }) == kMalformed.name);
  CHECK(judged([](std::string) { return "tim q " + std::string(32, 'A'); }) == kMalformed.name);
  CHECK(judged([](std::string) { return "tim q " + std::string(32, 'a'); }) == kBadCredentials.name);
  CHECK(kind(first("CRAM-MD5", "tim b913a602c7eda7a495b4e6e7334d3890")) == kMalformed.name);  // nobody was asked
}

TEST_CASE("RFC 7628 section 4.1: OAUTHBEARER, and Google's XOAUTH2, as clients send them") {
  for (const auto& [mechanism, message] : {std::pair{"OAUTHBEARER", kBearer}, std::pair{"XOAUTH2", kGoogle}}) {
    auto exchange = server(mechanism, {.host = "server.example.com"});
    ServerStep step = exchange->start(message);
    REQUIRE(std::holds_alternative<TokenWanted>(step));
    CHECK(std::get<TokenWanted>(step).identity == Identity{"", "user@example.com"});
    CHECK(std::get<TokenWanted>(step).token.view() == kToken);
    step = exchange->answer_token("user@example.com");
    REQUIRE(std::holds_alternative<Success>(step));
    CHECK(std::get<Success>(step).identity == Identity{"user@example.com", ""});
    auto client = find_mechanism(mechanism)->use({.identity = {"user@example.com", ""},
                                                  .password = Secret::copy(kToken),
                                                  .host = "server.example.com",
                                                  .port = 143});
    CHECK(client->initial_response()->value() == message);
    CHECK(client->finish(""));
  }
}

TEST_CASE("RFC 7628 section 3.2: a refused token is told so in JSON, and only then the exchange fails") {
  struct Example {
    std::string_view mechanism, json, answer;
    std::string message;
  };
  for (const Example& example :
       {Example{"OAUTHBEARER",
                R"({"status":"invalid_token","scope":"mail","openid-configuration":"https://a.example/\"x"})", "\x01",
                kBearer},
        Example{"XOAUTH2",
                R"({"status":"401","schemes":"bearer","scope":"mail","openid-configuration":"https://a.example/\"x"})",
                "", kGoogle}}) {
    auto exchange =
        server(example.mechanism, {.token_scope = "mail", .token_configuration = "https://a.example/\"x\n"});
    REQUIRE(std::holds_alternative<TokenWanted>(exchange->start(example.message)));
    ServerStep step = exchange->answer_token(fail(kBadCredentials, "expired"));
    REQUIRE(std::holds_alternative<Challenge>(step));
    CHECK(std::get<Challenge>(step).octets == example.json);
    auto client = find_mechanism(example.mechanism)->use({.identity = {"u", ""}, .password = Secret::copy("t")});
    REQUIRE(client->initial_response());
    CHECK(client->respond(example.json).value() == example.answer);
    CHECK(client->finish("").error().is(kBadCredentials));
    CHECK(client->respond("more").error().is(kMalformed));
    CHECK(kind(exchange->step(example.answer)) == kBadCredentials.name);
    auto busy = server(example.mechanism);
    busy->start(example.message);
    CHECK(kind(busy->answer_token(fail(kUnavailable, "later"))) == kUnavailable.name);
  }
}

TEST_CASE("RFC 7628 section 3.2: a host the client meant has to be this one") {
  auto exchange = server("OAUTHBEARER", {.host = "other.example.com"});
  const ServerStep step = exchange->start(kBearer);
  REQUIRE(std::holds_alternative<Challenge>(step));
  CHECK(std::get<Challenge>(step).octets == R"({"status":"invalid_request"})");
  CHECK(kind(exchange->step("\x01")) == kBadCredentials.name);
  CHECK(std::holds_alternative<TokenWanted>(first("OAUTHBEARER", kBearer, {.host = "SERVER.example.com"})));
  const auto other = [](std::string_view name) { return name == "server.example.com"; };
  CHECK(std::holds_alternative<TokenWanted>(
      first("OAUTHBEARER", kBearer, {.host = "other.example.com", .is_other_name = other})));
}

TEST_CASE("RFC 7628 section 3.1: the grammar, cut anywhere; unknown keys are ignored") {
  auto bearer = [](std::string_view message) { return std::string(kind(first("OAUTHBEARER", message))); };
  for (std::size_t cut = 0; cut < kBearer.size(); ++cut) CHECK(bearer(kBearer.substr(0, cut)) == kMalformed.name);
  for (std::size_t cut = 0; cut < kGoogle.size(); ++cut)
    CHECK(kind(first("XOAUTH2", kGoogle.substr(0, cut))) == kMalformed.name);
  CHECK(bearer("n,,\x01"
               "auth=BeArEr x\x01\x01") == "no failure");
  CHECK(bearer("y,,\x01mthd=POST\x01"
               "auth=Bearer x\x01qs=\x01\x01") == "no failure");
  CHECK(bearer("p=tls-exporter,,\x01"
               "auth=Bearer x\x01\x01") == kChannelBinding.name);
  for (const std::string_view bad : {"\x01",
                                     "n,\x01"
                                     "auth=Bearer x\x01\x01",
                                     "n,b=x,\x01"
                                     "auth=Bearer x\x01\x01",
                                     "n,,\x01\x01",
                                     "n,,\x01"
                                     "auth=Basic x\x01\x01",
                                     "n,,\x01"
                                     "auth=Bearer \x01\x01",
                                     "n,,\x01"
                                     "auth=Bearer a b\x01\x01",
                                     "n,,\x01"
                                     "auth=Bearer x\x01"
                                     "auth=Bearer x\x01\x01",
                                     "n,,\x01"
                                     "auth\x01\x01",
                                     "n,,\x01"
                                     "a1=x\x01"
                                     "auth=Bearer x\x01\x01",
                                     "n,,\x01"
                                     "auth=Bearer x\x01\x01\x01",
                                     "n,a==,\x01"
                                     "auth=Bearer x\x01\x01"})
    CHECK(bearer(bad) == kMalformed.name);
  CHECK(kind(first("XOAUTH2", "auth=Bearer x\x01\x01")) == kMalformed.name);
}

TEST_CASE("a token at the limit and one past") {
  auto sent = [](std::size_t size) {
    return std::string(kind(first("OAUTHBEARER",
                                  "n,,\x01"
                                  "auth=Bearer " +
                                      std::string(size, 't') + "\x01\x01")));
  };
  CHECK(sent(8192) == "no failure");
  CHECK(sent(8193) == kTooLong.name);
  auto made = [](std::string_view token) {
    return find_mechanism("OAUTHBEARER")
        ->use({.identity = {"u", ""}, .password = Secret::copy(token)})
        ->initial_response()
        .has_value();
  };
  CHECK(made(std::string(8192, 't')));
  for (const std::string_view bad : {std::string_view(), " "sv, "a\x01"sv}) CHECK(!made(bad));
  CHECK(!made(std::string(8193, 't')));
}

TEST_CASE("RFC 4505 section 4: ANONYMOUS lets a guest in who is nobody's user") {
  auto exchange = server("ANONYMOUS");
  ServerStep step = exchange->start("sirhc");
  REQUIRE(std::holds_alternative<GuestWanted>(step));
  CHECK(std::get<GuestWanted>(step).trace == "sirhc");
  step = exchange->answer_verdict({});
  REQUIRE(std::holds_alternative<Success>(step));
  CHECK(std::get<Success>(step).identity.standing == Standing::guest);
  CHECK(std::get<Success>(step).identity != Identity{"anonymous", ""});
  auto refused = server("ANONYMOUS");
  refused->start("");
  CHECK(kind(refused->answer_verdict(fail(kNotAuthorized, "no guests"))) == kNotAuthorized.name);
}

TEST_CASE("RFC 4505 sections 2 and 3: trace information, what is prohibited, its limit and one past") {
  auto judged = [](std::string_view trace) { return std::string(kind(first("ANONYMOUS", trace))); };
  CHECK(judged("") == "no failure");
  CHECK(judged("sirhc@example.test") == "no failure");
  CHECK(judged("\xF0\x9F\xA6\x8A \xC2\xAA") == "no failure");
  for (const std::string_view bad : {"a\0b"sv, "\x07"sv, "\x7F"sv, "\xFF"sv, "\xC2\x85"sv, "\xEE\x80\x80"sv,
                                     "\xEF\xBF\xBD"sv, "\xE2\x80\xAE"sv, "\xD8\xA7\x31"sv})
    CHECK(judged(bad) == kMalformed.name);
  std::string foxes;
  for (int i = 0; i < 255; ++i) foxes += "\xF0\x9F\xA6\x8A";
  CHECK(judged(foxes) == "no failure");
  CHECK(judged(foxes + "x") == kTooLong.name);
  CHECK(judged(std::string(255, 'x')) == "no failure");
  CHECK(judged(std::string(256, 'x')) == kTooLong.name);
  CHECK(find_mechanism("ANONYMOUS")->use({.trace = "a\x07"})->initial_response().error().is(kMalformed));
  CHECK(find_mechanism("ANONYMOUS")->use({.trace = "sirhc"})->initial_response()->value() == "sirhc");
}
