#include <array>

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/mechanism.h"
#include "sasl/scram_exchange.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::sasl;

namespace {

/// One published exchange.
struct Vector {
  Hash hash;
  std::string_view client_nonce, server_nonce, salt;
  std::string_view client_first, server_first, client_final, server_final;
};

// RFC 5802 §5 and RFC 7677 §3; the third is the second with SHA-512, computed by Python's hashlib. User "user",
// password "pencil", 4096 iterations.
constexpr std::array<Vector, 3> kVectors = {{
    {Hash::sha1, "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
     "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
     "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {Hash::sha256, "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
     "W22ZaJ0SNY7soEsUEjb6gQ==", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    {Hash::sha512, "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
     "W22ZaJ0SNY7soEsUEjb6gQ==", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p="
     "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
     "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw=="},
}};

constexpr ScramVariant variant(const Vector& vector) { return {vector.hash, ScramVariant::Plus::no}; }

ScramKeys keys_of(const Vector& vector) {
  return scram_keys("pencil", from_base64(vector.salt).value(), 4096, vector.hash).value();
}

ServerContext server_context() {
  return {.fake_salt_key = "a secret of the site that stays", .scram_iterations = 4096};
}

ClientContext client_context(std::string_view password = "pencil") {
  return {.identity = {"user", ""}, .password = Secret::copy(password)};
}

const Error& failed(const ServerStep& step) {
  REQUIRE(std::holds_alternative<Failure>(step));
  return std::get<Failure>(step).error;
}

/// A server that has been told `first` and given the keys of the vector.
struct Server {
  ScramServer exchange;
  ServerStep last;
  explicit Server(const Vector& vector, std::string_view first, ServerContext given = server_context(),
                  ScramVariant::Plus plus = ScramVariant::Plus::no)
      : exchange({vector.hash, plus}, std::move(given), std::string(vector.server_nonce)), last(exchange.start(first)) {
    if (std::holds_alternative<ScramKeysWanted>(last))
      last = exchange.answer_scram(ScramCredentials{keys_of(vector), Authority::granted});
  }
};

}  // namespace

TEST_CASE("RFC 5802 section 5 and RFC 7677 section 3: the server's side of the published exchanges") {
  for (const Vector& vector : kVectors) {
    ScramServer server(variant(vector), server_context(), std::string(vector.server_nonce));
    auto step = server.start(vector.client_first);
    REQUIRE(std::holds_alternative<ScramKeysWanted>(step));
    CHECK(std::get<ScramKeysWanted>(step).identity == Identity{"user", ""});
    CHECK(std::get<ScramKeysWanted>(step).hash == vector.hash);
    step = server.answer_scram(ScramCredentials{keys_of(vector), Authority::granted});
    REQUIRE(std::holds_alternative<Challenge>(step));
    CHECK(std::get<Challenge>(step).octets == vector.server_first);
    step = server.step(vector.client_final);
    REQUIRE(std::holds_alternative<Challenge>(step));
    CHECK(std::get<Challenge>(step).octets == vector.server_final);
    step = server.step("");
    REQUIRE(std::holds_alternative<Success>(step));
    CHECK(std::get<Success>(step).identity == Identity{"user", ""});
    CHECK(failed(server.step("")).is(kBroken));
  }
}

TEST_CASE("RFC 5802 section 5 and RFC 7677 section 3: the client's side of the published exchanges") {
  for (const Vector& vector : kVectors) {
    ScramClient client(variant(vector), client_context(), std::string(vector.client_nonce));
    CHECK(client.initial_response().value() == vector.client_first);
    CHECK(client.respond(vector.server_first).value() == vector.client_final);
    CHECK(client.respond(vector.server_final).value().empty());
    CHECK(client.finish("").has_value());
    CHECK(!client.finish(""));
  }
}

TEST_CASE("with SuccessData::with_outcome the verifier comes with the success") {
  ServerContext context = server_context();
  context.success_data = SuccessData::with_outcome;
  Server server(kVectors[1], kVectors[1].client_first, std::move(context));
  const auto step = server.exchange.step(kVectors[1].client_final);
  REQUIRE(std::holds_alternative<Success>(step));
  CHECK(std::get<Success>(step).data == kVectors[1].server_final);
}

TEST_CASE("the response to the server's last message must be empty") {
  Server server(kVectors[1], kVectors[1].client_first);
  REQUIRE(std::holds_alternative<Challenge>(server.exchange.step(kVectors[1].client_final)));
  CHECK(failed(server.exchange.step("x")).is(kMalformed));
}

TEST_CASE("a final message cut anywhere or with any bit changed never succeeds") {
  for (const Vector& vector : kVectors) {
    const std::string whole(vector.client_final);
    for (std::size_t cut = 0; cut < whole.size(); ++cut)
      failed(Server(vector, vector.client_first).exchange.step(whole.substr(0, cut)));
    for (std::size_t at = 0; at < whole.size(); ++at)
      for (int bit = 0; bit < 8; ++bit) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
        CHECK(std::holds_alternative<Failure>(Server(vector, vector.client_first).exchange.step(changed)));
      }
  }
}

TEST_CASE("a first message changed anywhere never ends in success with the old proof") {
  const Vector& vector = kVectors[1];
  const std::string whole(vector.client_first);
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      Server server(vector, changed);
      if (std::holds_alternative<Challenge>(server.last))
        CHECK(std::holds_alternative<Failure>(server.exchange.step(vector.client_final)));
    }
}

TEST_CASE("a server's message cut anywhere or with any bit changed is never believed") {
  const Vector& vector = kVectors[1];
  const std::string final(vector.server_final);
  const std::string first(vector.server_first);
  auto fresh = [&](ScramClient& client) { REQUIRE(client.initial_response()); };
  for (std::size_t at = 0; at < final.size(); ++at) {
    ScramClient cut_client(variant(vector), client_context(), std::string(vector.client_nonce));
    fresh(cut_client);
    REQUIRE(cut_client.respond(first));
    CHECK(!cut_client.respond(final.substr(0, at)));
    CHECK(!cut_client.finish(""));
    ScramClient client(variant(vector), client_context(), std::string(vector.client_nonce));
    fresh(client);
    REQUIRE(client.respond(first));
    std::string changed = final;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CHECK(!client.respond(changed));
  }
  for (std::size_t at = 0; at < first.size(); ++at) {
    ScramClient client(variant(vector), client_context(), std::string(vector.client_nonce));
    fresh(client);
    std::string changed = first;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    const auto response = client.respond(changed);
    if (response) CHECK(*response != vector.client_final);
  }
}

TEST_CASE("success without the server's proof is not success") {
  const Vector& vector = kVectors[1];
  ScramClient client(variant(vector), client_context(), std::string(vector.client_nonce));
  REQUIRE(client.initial_response());
  CHECK(client.finish("").error().is(kServerNotAuthentic));
  ScramClient late(variant(vector), client_context(), std::string(vector.client_nonce));
  REQUIRE(late.initial_response());
  REQUIRE(late.respond(vector.server_first));
  CHECK(late.finish("").error().is(kServerNotAuthentic));
  ScramClient with_data(variant(vector), client_context(), std::string(vector.client_nonce));
  REQUIRE(with_data.initial_response());
  REQUIRE(with_data.respond(vector.server_first));
  CHECK(with_data.finish(vector.server_final).has_value());
}

TEST_CASE("the client names the server's error") {
  const Vector& vector = kVectors[1];
  auto after = [&](std::string_view final) {
    ScramClient client(variant(vector), client_context(), std::string(vector.client_nonce));
    REQUIRE(client.initial_response());
    REQUIRE(client.respond(vector.server_first));
    return client.respond(final).error().kind().name;
  };
  CHECK(after("e=invalid-proof") == kBadCredentials.name);
  CHECK(after("e=something-new,x=y") == kBadCredentials.name);
  CHECK(after("e=channel-bindings-dont-match") == kChannelBinding.name);
  CHECK(after("e=server-does-support-channel-binding") == kChannelBinding.name);
  CHECK(after("e=no-resources") == kUnavailable.name);
  CHECK(after("e=") == kMalformed.name);
}

TEST_CASE("the client must refuse a nonce that does not extend its own") {
  const Vector& vector = kVectors[1];
  for (std::string_view nonce : {"other", "rOprNGfwEbeRWgbNEkqO", "rOprNGfwEbeRWgbNEkq"}) {
    ScramClient client(variant(vector), client_context(), std::string(vector.client_nonce));
    REQUIRE(client.initial_response());
    CHECK(client.respond("r=" + std::string(nonce) + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
              .error()
              .is(kServerNotAuthentic));
  }
}

TEST_CASE("the client accepts iteration counts within its bounds only") {
  const Vector& vector = kVectors[1];
  auto with = [&](std::string_view count) -> std::string_view {
    ClientContext context = client_context();
    context.iterations_max = 5000;
    ScramClient client(variant(vector), std::move(context), std::string(vector.client_nonce));
    REQUIRE(client.initial_response());
    auto response = client.respond("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=" + std::string(count));
    return response ? "accepted" : response.error().kind().name;
  };
  CHECK(with("4096") == "accepted");
  CHECK(with("5000") == "accepted");
  CHECK(with("4095") == kIterations.name);
  CHECK(with("5001") == kIterations.name);
  CHECK(with("1") == kIterations.name);
  for (std::string_view bad : {"0", "04096", "-4096", "4096 ", "99999999999", ""})
    CHECK_MESSAGE(with(bad) == kMalformed.name, bad);
}

TEST_CASE("an unknown user is led through the whole exchange with a salt that stays the same") {
  const Vector& vector = kVectors[1];
  auto shown = [&](std::string_view user, std::string_view key) {
    ServerContext context = server_context();
    context.fake_salt_key = key;
    ScramServer server(variant(vector), std::move(context), "nonce");
    REQUIRE(std::holds_alternative<ScramKeysWanted>(server.start("n,,n=" + std::string(user) + ",r=client")));
    auto step = server.answer_scram(std::optional<ScramCredentials>());
    REQUIRE(std::holds_alternative<Challenge>(step));
    std::string first = std::get<Challenge>(step).octets;
    const std::string proof = to_base64(std::string(32, 'p'));
    CHECK(failed(server.step("c=biws,r=clientnonce,p=" + proof)).is(kBadCredentials));
    return first;
  };
  const std::string first = shown("nobody", "site key");
  const auto parsed = parse_server_first(first).value();
  CHECK(parsed.salt.size() == kSaltOctets);
  CHECK(parsed.iterations == 4096);
  CHECK(first == shown("nobody", "site key"));
  CHECK(first == shown("NoBody", "site key"));
  CHECK(first != shown("nobody2", "site key"));
  CHECK(first != shown("nobody", "other key"));
  CHECK(fake_scram_keys("k", "u", 4096, Hash::sha1)->salt != fake_scram_keys("k", "u", 4096, Hash::sha256)->salt);
}

TEST_CASE("a user who knows the false keys of an unknown one still gets in nowhere") {
  const ScramKeys fake = fake_scram_keys(server_context().fake_salt_key, "user", 4096, Hash::sha256).value();
  CHECK(fake.stored_key != fake.server_key);
  CHECK(fake.stored_key.size() == 32);
  CHECK(fake.stored_key.substr(0, kSaltOctets) != fake.salt);
}

TEST_CASE("a wrong password is bad credentials; a right one without authority is not authorized") {
  const Vector& vector = kVectors[1];
  for (const Authority authority : {Authority::granted, Authority::refused}) {
    for (std::string_view password : {"pencil", "pencils"}) {
      ScramServer server(variant(vector), server_context(), "srv");
      ClientContext context = client_context(password);
      context.identity.authorization_id = "boss,=1";
      ScramClient client(variant(vector), std::move(context), "cli");
      const std::string first = client.initial_response().value().value();
      CHECK(first == "n,a=boss=2C=3D1,n=user,r=cli");
      auto step = server.start(first);
      CHECK(std::get<ScramKeysWanted>(step).identity == Identity{"user", "boss,=1"});
      step = server.answer_scram(ScramCredentials{keys_of(vector), authority});
      step = server.step(client.respond(std::get<Challenge>(step).octets).value());
      if (password != "pencil") {
        CHECK(failed(step).is(kBadCredentials));
      } else if (authority == Authority::refused) {
        CHECK(failed(step).is(kNotAuthorized));
      } else {
        REQUIRE(std::holds_alternative<Challenge>(step));
        CHECK(client.respond(std::get<Challenge>(step).octets).has_value());
        CHECK(std::get<Success>(server.step("")).identity == Identity{"user", "boss,=1"});
      }
    }
  }
}

TEST_CASE("an error of the look-up ends the exchange with that error") {
  ScramServer server(variant(kVectors[1]), server_context(), "srv");
  server.start("n,,n=user,r=x");
  CHECK(failed(server.answer_scram(fail(kUnavailable, "directory is down"))).is(kUnavailable));
}

TEST_CASE("keys of another hash are a broken invariant, not a login") {
  ScramServer server(variant(kVectors[1]), server_context(), "srv");
  server.start("n,,n=user,r=x");
  CHECK(failed(server.answer_scram(ScramCredentials{keys_of(kVectors[0]), Authority::granted})).is(kBroken));
}

TEST_CASE("RFC 5802 section 6: channel binding") {
  const Vector& vector = kVectors[1];
  using Plus = ScramVariant::Plus;
  const std::vector<ChannelBinding> bindings = {{"tls-exporter", "0123456789abcdef0123456789abcdef"}};
  auto bound = [&] {
    ServerContext context = server_context();
    context.bindings = bindings;
    context.plus_offered = PlusOffered::yes;
    return context;
  };
  SUBCASE("both ends of one channel succeed") {
    ScramServer server({vector.hash, Plus::yes}, bound(), "srv");
    ClientContext context = client_context();
    context.bindings = bindings;
    ScramClient client({vector.hash, Plus::yes}, std::move(context), "cli");
    const std::string first = client.initial_response().value().value();
    CHECK(first == "p=tls-exporter,,n=user,r=cli");
    server.start(first);
    auto step = server.answer_scram(ScramCredentials{keys_of(vector), Authority::granted});
    step = server.step(client.respond(std::get<Challenge>(step).octets).value());
    REQUIRE(std::holds_alternative<Challenge>(step));
    CHECK(client.respond(std::get<Challenge>(step).octets).has_value());
  }
  SUBCASE("a man in the middle with another channel fails") {
    ScramServer server({vector.hash, Plus::yes}, bound(), "srv");
    ClientContext context = client_context();
    context.bindings = {{"tls-exporter", "another channel's 32 octets here"}};
    ScramClient client({vector.hash, Plus::yes}, std::move(context), "cli");
    server.start(client.initial_response().value());
    auto step = server.answer_scram(ScramCredentials{keys_of(vector), Authority::granted});
    CHECK(failed(server.step(client.respond(std::get<Challenge>(step).octets).value())).is(kChannelBinding));
  }
  SUBCASE("the y flag against a server that offered -PLUS is a downgrade") {
    CHECK(failed(Server(vector, "y,,n=user,r=cli", bound()).last).is(kChannelBinding));
    CHECK(std::holds_alternative<Challenge>(Server(vector, "y,,n=user,r=cli").last));
    CHECK(std::holds_alternative<Challenge>(Server(vector, "n,,n=user,r=cli", bound()).last));
  }
  SUBCASE("-PLUS and the p flag go together, with a type this connection has") {
    CHECK(failed(Server(vector, "p=tls-exporter,,n=user,r=cli", bound(), Plus::no).last).is(kChannelBinding));
    CHECK(failed(Server(vector, "n,,n=user,r=cli", bound(), Plus::yes).last).is(kChannelBinding));
    CHECK(failed(Server(vector, "y,,n=user,r=cli", bound(), Plus::yes).last).is(kChannelBinding));
    CHECK(failed(Server(vector, "p=tls-unique,,n=user,r=cli", bound(), Plus::yes).last).is(kChannelBinding));
    CHECK(std::holds_alternative<Challenge>(Server(vector, "p=tls-exporter,,n=user,r=cli", bound(), Plus::yes).last));
  }
  SUBCASE("the client says y only when it can bind and saw no -PLUS") {
    auto first = [&](bool can, PlusOffered offered) {
      ClientContext context = client_context();
      if (can) context.bindings = bindings;
      context.plus_offered = offered;
      return ScramClient({vector.hash, Plus::no}, std::move(context), "cli")
          .initial_response()
          .value()
          .value()
          .substr(0, 2);
    };
    CHECK(first(true, PlusOffered::no) == "y,");
    CHECK(first(true, PlusOffered::yes) == "n,");
    CHECK(first(false, PlusOffered::no) == "n,");
    CHECK(
        ScramClient({vector.hash, Plus::yes}, client_context(), "cli").initial_response().error().is(kChannelBinding));
  }
}

TEST_CASE("RFC 5802 section 7: what a first message of the client may not be") {
  for (std::string_view bad : {"",
                               "n",
                               "n,",
                               "n,,",
                               "x,,n=u,r=c",
                               "N,,n=u,r=c",
                               "p=,,n=u,r=c",
                               "p=a_b,,n=u,r=c",
                               "p,,n=u,r=c",
                               "n,b=x,n=u,r=c",
                               "n,a=,n=u,r=c",
                               "n,,r=c",
                               "n,,n=u",
                               "n,,r=c,n=u",
                               "n,,n=,r=c",
                               "n,,n=u,r=",
                               "n,,n=u=2,r=c",
                               "n,,n=u=2c,r=c",
                               "n,,n=u=,r=c",
                               "n,,m=x,n=u,r=c",
                               "n,,n=u,r=c,m=x",
                               "n,,n=u,r=c,",
                               "n,,n=u,r=c,xy",
                               "n,,n=u,r=c,1=y",
                               "n,,n=u,r=c\x01",
                               "n,,n=\xFF,r=c"})
    CHECK_MESSAGE(parse_client_first(bad).error().is(kMalformed), bad);
  CHECK(!parse_client_first(std::string_view("n,,n=u\0v,r=c", 12)));
  const auto first = parse_client_first("p=tls-unique,a=x=2Cy,n=a=3Db,r=c,x=y,z=w").value();
  CHECK(first.gs2.binding_type == "tls-unique");
  CHECK(first.gs2.authorization_id == "x,y");
  CHECK(first.user == "a=b");
  CHECK(first.gs2.octets == "p=tls-unique,a=x=2Cy,");
  CHECK(first.bare == "n=a=3Db,r=c,x=y,z=w");
}

TEST_CASE("limits of names, nonces, salts and messages, at the limit and one past") {
  auto with_nonce = [](std::size_t size) { return parse_client_first("n,,n=u,r=" + std::string(size, 'r')); };
  CHECK(with_nonce(kNonceMax).has_value());
  CHECK(with_nonce(kNonceMax + 1).error().is(kTooLong));
  auto with_name = [](std::size_t size) { return parse_client_first("n,,n=" + std::string(size, 'u') + ",r=c"); };
  CHECK(with_name(kNameMax).has_value());
  CHECK(with_name(kNameMax + 1).error().is(kTooLong));
  auto with_salt = [](std::size_t size) {
    return parse_server_first("r=c,s=" + to_base64(std::string(size, 's')) + ",i=4096");
  };
  CHECK(with_salt(kSaltMax / 3 * 3).has_value());
  CHECK(with_salt(kSaltMax + 2).error().is(kTooLong));
  auto sized = [](std::size_t size) {
    std::string message = "n,,n=u,r=c,x=";
    return message + std::string(size - message.size(), 'x');
  };
  CHECK(parse_client_first(sized(kMessageMax)).has_value());
  CHECK(parse_client_first(sized(kMessageMax + 1)).error().is(kTooLong));
  ScramServer server(variant(kVectors[1]), server_context(), "srv");
  CHECK(failed(server.start(sized(kMessageMax + 1))).is(kTooLong));
}

TEST_CASE("keys are made of the prepared password, within the bounds of iterations") {
  const auto salt = std::string(kSaltOctets, 's');
  CHECK(scram_keys("I\xC2\xADX", salt, 4096, Hash::sha256)->stored_key ==
        scram_keys("\xE2\x85\xA8", salt, 4096, Hash::sha256)->stored_key);
  CHECK(scram_keys("a", salt, 4096, Hash::sha256)->stored_key != scram_keys("b", salt, 4096, Hash::sha256)->stored_key);
  CHECK(scram_keys("a", salt, 4096, Hash::sha1)->server_key.size() == 20);
  CHECK(scram_keys("a", salt, 4096, Hash::sha512)->stored_key.size() == 64);
  CHECK(fake_scram_keys("k", "u", 4096, Hash::sha512)->stored_key.size() == 64);
  CHECK(scram_keys("a", salt, kStoredIterationsMin - 1, Hash::sha1).error().is(kIterations));
  CHECK(scram_keys("a", salt, kStoredIterationsMax + 1, Hash::sha1).error().is(kIterations));
  CHECK(scram_keys("", salt, 4096, Hash::sha1).error().is(kMalformed));
  CHECK(scram_keys("a", "", 4096, Hash::sha1).error().is(kMalformed));
}
