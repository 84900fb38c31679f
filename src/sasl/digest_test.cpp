#include <array>

#include "base/text.h"
#include "sasl/digest_exchange.h"
#include "sasl/digest_keys.h"
#include "sasl/keys.h"
#include "sasl/legacy.h"
#include "sasl/mechanism.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::sasl;

namespace {

constexpr std::string_view kHost = "elwood.innosoft.com";

/// RFC 2831 §4: user "chris", password "secret".
struct Example {
  std::string_view service, nonce, cnonce, response, rspauth;
};
constexpr std::array<Example, 2> kExamples = {{
    {"imap", "OA6MG9tEQGm2hh", "OA6MHXh6VqTrRk", "d388dad90d4bbd760a152321f2143af7",
     "ea40f60335c427b5527b84dbabcdfffd"},
    {"acap", "OA9BSXrbuRhWay", "OA9BSuZWMSpW8m", "6084c6db3fede7352c551284490fd0fc",
     "2f0b3d7c3c2e486600ef710726aa2eae"},
}};
const Example& kImap = kExamples[0];

std::string challenge_of(const Example& example) {
  return "realm=\"elwood.innosoft.com\",nonce=\"" + std::string(example.nonce) +
         "\",qop=\"auth\",algorithm=md5-sess,charset=utf-8";
}
/// With the value of a directive replaced, or one more.
std::string response_of(const Example& example, std::string_view cut = "", std::string_view put = "") {
  std::string text = "charset=utf-8,username=\"chris\",realm=\"elwood.innosoft.com\",nonce=\"" +
                     std::string(example.nonce) + "\",nc=00000001,cnonce=\"" + std::string(example.cnonce) +
                     "\",digest-uri=\"" + std::string(example.service) +
                     "/elwood.innosoft.com\",response=" + std::string(example.response) + ",qop=auth";
  if (cut.empty()) return text + std::string(put);
  REQUIRE(text.find(cut) != std::string::npos);
  return text.replace(text.find(cut), cut.size(), put);
}

ServerContext server_context(std::string_view service = "imap", Protection protection = Protection::none) {
  return {.fake_salt_key = "a secret of the site",
          .service = std::string(service),
          .host = std::string(kHost),
          .protection = protection};
}
ClientContext client_context(std::string_view service = "imap", std::string_view password = "secret") {
  return {.identity = {"chris", ""},
          .password = Secret::copy(password),
          .service = std::string(service),
          .host = std::string(kHost)};
}
KeyCredentials credentials(std::string_view password = "secret", Authority authority = Authority::granted) {
  return {digest_md5_key("chris", kHost, password).value(), authority};
}

std::string_view kind(const ServerStep& step) {
  const auto* failure = std::get_if<Failure>(&step);
  return failure == nullptr ? "no failure" : failure->error.kind().name;
}

/// What a server of the example says to a response, the right key being there.
ServerStep judged(std::string_view response) {
  DigestServer server(server_context(), std::string(kImap.nonce));
  server.start(std::nullopt);
  ServerStep step = server.step(response);
  if (std::holds_alternative<KeyWanted>(step)) step = server.answer_key(credentials());
  return step;
}

/// Both halves after an exchange with this protection.
struct Pair {
  std::unique_ptr<SecurityLayer> server, client;
};
Pair layers(Protection protection, std::optional<DigestCipher> only = std::nullopt) {
  auto context = server_context("imap", protection);
  context.success_data = SuccessData::with_outcome;
  DigestServer server(std::move(context), "abc");
  auto mine = client_context();
  mine.protection_max = protection;
  DigestClient client(std::move(mine), "def");
  std::string challenge = std::get<Challenge>(server.start(std::nullopt)).octets;
  if (only) {
    const std::size_t at = challenge.find("cipher=");
    REQUIRE(at != std::string::npos);
    challenge = challenge.substr(0, at) + "cipher=\"" + std::string(cipher_name(*only)) + '"';
  }
  REQUIRE(std::holds_alternative<KeyWanted>(server.step(client.respond(challenge).value())));
  ServerStep step = server.answer_key(credentials());
  REQUIRE(std::holds_alternative<Success>(step));
  REQUIRE(client.finish(std::get<Success>(step).data));
  return {std::move(std::get<Success>(step).layer), client.take_layer()};
}

}  // namespace

TEST_CASE("RFC 2831 section 4: both published exchanges, the server's side") {
  for (const Example& example : kExamples) {
    DigestServer server(server_context(example.service), std::string(example.nonce));
    const auto parsed = parse_digest_challenge(std::get<Challenge>(server.start(std::nullopt)).octets).value();
    CHECK(parsed.realms == std::vector<std::string>{std::string(kHost)});
    CHECK(parsed.nonce == example.nonce);
    const auto wanted = server.step(response_of(example));
    REQUIRE(std::holds_alternative<KeyWanted>(wanted));
    CHECK(std::get<KeyWanted>(wanted).identity == Identity{"chris", ""});
    CHECK(std::get<KeyWanted>(wanted).realm == kHost);
    const auto last = server.answer_key(credentials());
    REQUIRE(std::holds_alternative<Challenge>(last));
    CHECK(std::get<Challenge>(last).octets == "rspauth=" + std::string(example.rspauth));
    const auto end = server.step("");
    REQUIRE(std::holds_alternative<Success>(end));
    CHECK(std::get<Success>(end).identity == Identity{"chris", ""});
    CHECK(std::get<Success>(end).layer == nullptr);
  }
}

TEST_CASE("RFC 2831 section 4: both published exchanges, the client's side") {
  for (const Example& example : kExamples) {
    DigestClient client(client_context(example.service), std::string(example.cnonce));
    CHECK(!client.initial_response().value());
    const auto response = parse_digest_response(client.respond(challenge_of(example)).value()).value();
    CHECK(response.response == example.response);
    CHECK(response.digest_uri == std::string(example.service) + "/elwood.innosoft.com");
    CHECK(client.finish("rspauth=" + std::string(example.rspauth)));
  }
}

TEST_CASE("the server must prove that it knows the password") {
  DigestClient silent(client_context(), std::string(kImap.cnonce));
  REQUIRE(silent.respond(challenge_of(kImap)));
  CHECK(silent.finish("").error().is(kServerNotAuthentic));
  DigestClient wrong(client_context(), std::string(kImap.cnonce));
  REQUIRE(wrong.respond(challenge_of(kImap)));
  CHECK(wrong.finish("rspauth=ea40f60335c427b5527b84dbabcdfffe").error().is(kServerNotAuthentic));
}

TEST_CASE("RFC 2831 section 2.1.2: username, nonce, cnonce, nc and response exactly once, the others at most once") {
  CHECK(kind(judged(response_of(kImap))) == "no failure");
  for (const std::string_view directive :
       {"username=\"chris\",", "nonce=\"OA6MG9tEQGm2hh\",", "cnonce=\"OA6MHXh6VqTrRk\",", "nc=00000001,",
        "response=d388dad90d4bbd760a152321f2143af7,", "digest-uri=\"imap/elwood.innosoft.com\","}) {
    CAPTURE(directive);
    CHECK(kind(judged(response_of(kImap, directive))) == kMalformed.name);
    CHECK(kind(judged(std::string(directive) + response_of(kImap))) == kMalformed.name);
  }
  for (const std::string_view directive : {"qop=auth,", "charset=utf-8,", "maxbuf=100,maxbuf=100,"})
    CHECK(kind(judged(std::string(directive) + response_of(kImap))) == kMalformed.name);
  // Unknown ones are ignored, as are empty elements and white space.
  CHECK(kind(judged(response_of(kImap, "", " , ,\r\n opaque = \"x\\\"y\", domain=a"))) == "no failure");
  CHECK(kind(judged(response_of(kImap, ",qop=auth"))) == "no failure");  // the default
}

TEST_CASE("RFC 2831 section 2.1.3: what the server checks") {
  CHECK(kind(judged(response_of(kImap, "nc=00000001", "nc=00000002"))) == kMalformed.name);
  CHECK(kind(judged(response_of(kImap, "OA6MG9tEQGm2hh", "OA6MG9tEQGm2hi"))) == kMalformed.name);
  CHECK(kind(judged(response_of(kImap, "qop=auth", "qop=auth-int"))) == kMalformed.name);
  CHECK(kind(judged(response_of(kImap, "qop=auth", "qop=auth,cipher=rc4"))) == kMalformed.name);
  CHECK(kind(judged(response_of(kImap, "realm=\"elwood", "realm=\"jake"))) == kBadCredentials.name);
  CHECK(kind(judged(response_of(kImap, "imap/elwood", "smtp/elwood"))) == kBadCredentials.name);
  CHECK(kind(judged(response_of(kImap, "imap/elwood", "imap/jake"))) == kBadCredentials.name);
  CHECK(kind(judged(response_of(kImap, "imap/elwood", "imapelwood"))) == kMalformed.name);
  CHECK(kind(judged(response_of(kImap, "d388", "D388"))) == kBadCredentials.name);  // LHEX
  CHECK(kind(judged(response_of(kImap, "d388", "d389"))) == kBadCredentials.name);
  CHECK(kind(judged(response_of(kImap, "", ",authzid=\"root\""))) == kBadCredentials.name);  // not in the hash
}

TEST_CASE("no key, a wrong one and a user who may not act so: told apart only where the proof was right") {
  auto end = [](std::optional<KeyCredentials> given) {
    DigestServer server(server_context(), std::string(kImap.nonce));
    server.start(std::nullopt);
    REQUIRE(std::holds_alternative<KeyWanted>(server.step(response_of(kImap))));
    return std::string(kind(server.answer_key(std::move(given))));
  };
  CHECK(end(std::nullopt) == kBadCredentials.name);
  CHECK(end(credentials("another")) == kBadCredentials.name);
  CHECK(end(credentials("another", Authority::refused)) == kBadCredentials.name);
  CHECK(end(credentials("secret", Authority::refused)) == kNotAuthorized.name);
}

TEST_CASE("RFC 2831 section 2.2.2: a response to a nonce of earlier days gets a new challenge") {
  DigestServer server(server_context(), std::string(kImap.nonce));
  const auto step = server.start(response_of(kImap, "nc=00000001", "nc=00000002"));
  REQUIRE(std::holds_alternative<Challenge>(step));
  CHECK(parse_digest_challenge(std::get<Challenge>(step).octets)->nonce == kImap.nonce);
  CHECK(std::holds_alternative<KeyWanted>(server.step(response_of(kImap))));
}

TEST_CASE("RFC 2831 section 2.1.2.1: names and passwords are hashed in ISO 8859-1 where that can be") {
  CHECK(to_latin1("J\xC3\xBCrgen") == "J\xFCrgen");
  CHECK(from_latin1("J\xFCrgen") == "J\xC3\xBCrgen");
  CHECK(!to_latin1("\xE2\x82\xAC"));
  // MD5 of "J\xFCrgen:r:p\xE4ss", and of the same with the euro sign left in UTF-8.
  CHECK(to_hex(digest_user_key("J\xC3\xBCrgen", "r", "p\xC3\xA4ss")->view()) == "04b72e5cb9d0efa4032ddf663bc2c1f3");
  CHECK(to_hex(digest_user_key("J\xC3\xBCrgen", "r", "\xE2\x82\xAC")->view()) == "943e56e07e2fa989a58b3f204dc3ba9f");
  // A server without charset=utf-8 gets the name as ISO 8859-1, and a password beyond it can't be sent.
  auto context = client_context();
  context.identity.authentication_id = "J\xC3\xBCrgen";
  DigestClient client(std::move(context), "def");
  const auto response = parse_digest_response(client.respond("nonce=\"a\",algorithm=md5-sess").value()).value();
  CHECK(response.username == "J\xFCrgen");
  CHECK(response.charset == Charset::latin1);
  DigestClient euro(client_context("imap", "\xE2\x82\xAC"), "def");
  CHECK(euro.respond("nonce=\"a\",algorithm=md5-sess").error().is(kMalformed));
}

TEST_CASE("RFC 2831 section 2.1.1: what a client makes of challenges") {
  auto answered = [](std::string_view challenge) {
    DigestClient client(client_context(), "def");
    const auto response = client.respond(challenge);
    return std::string(response ? "ok" : response.error().kind().name);
  };
  CHECK(answered("nonce=\"a\",algorithm=md5-sess") == "ok");
  CHECK(answered("nonce=\"a\",algorithm=md5-sess,qop=\"auth-foo,auth\",stale=true,realm=\"a\",realm=\"b\"") == "ok");
  for (const std::string_view bad :
       {"algorithm=md5-sess", "nonce=\"a\"", "nonce=\"a\",nonce=\"a\",algorithm=md5-sess",
        "nonce=\"a\",algorithm=md5-sess,algorithm=md5-sess", "nonce=\"a\",algorithm=md5",
        "nonce=\"a\",algorithm=md5-sess,qop=\"auth-foo\"", "nonce=\"a\",algorithm=md5-sess,qop=\"auth-int\"",
        "nonce=\"a\",algorithm=md5-sess,maxbuf=1,maxbuf=1", "nonce=\"a\",algorithm=md5-sess,maxbuf=63",
        "nonce=\"a\",algorithm=md5-sess,maxbuf=16777216", "nonce=\"a\",algorithm=md5-sess,charset=koi8",
        "nonce=\"a\",algorithm=md5-sess,stale=true,stale=true", "nonce=\"a", "nonce=\"a\"algorithm=md5-sess", "=", "",
        ",,"})
    CHECK(answered(bad) == kMalformed.name);
  CHECK(answered("nonce=\"a\",algorithm=md5-sess,maxbuf=64") == "ok");
  CHECK(answered("nonce=\"a\",algorithm=md5-sess,maxbuf=16777215") == "ok");
}

TEST_CASE("RFC 2831: a challenge of less than 2048 octets, a response of less than 4096; directives at the limit") {
  const std::string challenge = "nonce=\"a\",algorithm=md5-sess,x=";
  CHECK(parse_digest_challenge(challenge + std::string(2047 - challenge.size(), 'x')));
  CHECK(parse_digest_challenge(challenge + std::string(2048 - challenge.size(), 'x')).error().is(kTooLong));
  const std::string response = response_of(kImap, "", ",x=");
  CHECK(parse_digest_response(response + std::string(4095 - response.size(), 'x')));
  CHECK(parse_digest_response(response + std::string(4096 - response.size(), 'x')).error().is(kTooLong));
  std::string many = "nonce=a,algorithm=md5-sess";
  for (std::size_t i = 2; i < kDirectivesMax; ++i) many += ",x=y";
  CHECK(parse_digest_challenge(many));
  CHECK(parse_digest_challenge(many + ",x=y").error().is(kMalformed));
}

TEST_CASE("RFC 2831 sections 2.3 and 2.4: octets cross the layer in both directions, in every cipher") {
  for (const auto cipher : {DigestCipher::none, DigestCipher::des3, DigestCipher::rc4, DigestCipher::des}) {
    CAPTURE(cipher_name(cipher));
    const bool sealed = cipher != DigestCipher::none;
    Pair pair = sealed ? layers(Protection::confidentiality, cipher) : layers(Protection::integrity);
    REQUIRE(pair.server);
    REQUIRE(pair.client);
    for (std::size_t size = 1; size < 40; ++size) {
      const std::string text(size, static_cast<char>('a' + size % 26));
      const std::string there = pair.client->wrap(text).value();
      CHECK((there.find(text) != std::string::npos && size > 3) == (!sealed && size > 3));
      CHECK(pair.server->unwrap(there).value() == text);
      const std::string back = pair.server->wrap(text).value();
      CHECK(back != there);
      CHECK(pair.client->unwrap(back).value() == text);
    }
  }
}

TEST_CASE("the strongest that both have is taken, no less than the client must have") {
  auto chosen = [](Protection least, Protection most) {
    DigestServer server(server_context("imap", Protection::confidentiality), "abc");
    auto context = client_context();
    context.protection_min = least;
    context.protection_max = most;
    DigestClient client(std::move(context), "def");
    return parse_digest_response(client.respond(std::get<Challenge>(server.start(std::nullopt)).octets).value())
        .value();
  };
  CHECK(chosen(Protection::none, Protection::none).qop == "auth");
  CHECK(chosen(Protection::none, Protection::integrity).qop == "auth-int");
  CHECK(chosen(Protection::none, Protection::confidentiality).qop == "auth-conf");
  CHECK(chosen(Protection::none, Protection::confidentiality).cipher == DigestCipher::rc4);
  auto context = client_context();
  context.protection_min = context.protection_max = Protection::integrity;
  DigestClient strict(std::move(context), "def");
  CHECK(strict.respond("nonce=\"a\",algorithm=md5-sess,qop=\"auth\"").error().is(kMalformed));
}

TEST_CASE("who demands secrecy does not get single DES, though the list of ciphers has nothing else") {
  const std::string challenge = "nonce=\"a\",algorithm=md5-sess,qop=\"auth,auth-conf\",cipher=\"des\"";
  for (const Protection least : {Protection::none, Protection::confidentiality}) {
    auto context = client_context();
    context.protection_min = least;
    context.protection_max = Protection::confidentiality;
    DigestClient client(std::move(context), "def");
    const auto response = client.respond(challenge);
    CHECK(response.has_value() == (least == Protection::none));
    if (!response) CHECK(response.error().is(kMalformed));
  }
}

TEST_CASE("a buffer that is changed, cut, repeated or out of order ends the layer") {
  for (const auto protection : {Protection::integrity, Protection::confidentiality}) {
    const std::string sent = layers(protection).client->wrap("a command").value();
    CHECK(layers(protection).server->unwrap(sent).value() == "a command");
    for (std::size_t at = 0; at < sent.size(); ++at) {
      std::string changed = sent;
      changed[at] = static_cast<char>(changed[at] ^ 1);
      Pair pair = layers(protection);
      CHECK(pair.server->unwrap(changed).error().is(kLayer));
      // Once broken, it stays so.
      CHECK(pair.server->unwrap(sent).error().is(kLayer));
      CHECK(layers(protection).server->unwrap(sent.substr(0, at)).error().is(kLayer));
    }
    Pair pair = layers(protection);
    const std::string first = pair.client->wrap("one").value();
    const std::string second = pair.client->wrap("two").value();
    CHECK(pair.server->unwrap(second).error().is(kLayer));
    pair = layers(protection);
    CHECK(pair.server->unwrap(first).value() == "one");
    CHECK(pair.server->unwrap(first).error().is(kLayer));
    // One's own words come back.
    pair = layers(protection);
    CHECK(pair.client->unwrap(pair.client->wrap("echo").value()).error().is(kLayer));
  }
}

TEST_CASE("RFC 4422 section 3.7: buffers as long as the other side takes, and one past it") {
  for (const auto protection : {Protection::integrity, Protection::confidentiality}) {
    Pair pair = layers(protection);
    const std::string most(pair.client->clear_max(), 'x');
    const std::string buffer = pair.client->wrap(most).value();
    CHECK(buffer.size() <= pair.server->receive_max());
    CHECK(buffer.size() + 8 >= pair.server->receive_max());
    CHECK(pair.server->unwrap(buffer).value() == most);
    CHECK(pair.client->wrap(most + 'x').error().is(kBroken));
    CHECK(pair.server->unwrap(std::string(kLayerBufferMax + 1, 'x')).error().is(kLayer));
  }
}

TEST_CASE("old ciphers: published vectors of DES, RC4, MD4 and of HMAC-MD5 by its contexts") {
  // FIPS 81, "Now is t" in ECB is the first block of CBC with an initial value of zeros.
  const std::string parity = from_hex("0123456789abcdef").value();
  std::uint64_t bits = 0;
  for (const char c : parity) bits = bits << 7U | (static_cast<unsigned char>(c) >> 1U);
  std::string key;
  for (int shift = 48; shift >= 0; shift -= 8) key += static_cast<char>(bits >> shift & 0xFF);
  std::string text = "Now is the time for all ";
  REQUIRE(des_cbc(key, from_hex("1234567890abcdef").value(), CipherUse::encrypt).value()->apply(text));
  CHECK(to_hex(text) == "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6");
  REQUIRE(des_cbc(key, from_hex("1234567890abcdef").value(), CipherUse::decrypt).value()->apply(text));
  CHECK(text == "Now is the time for all ");
  CHECK(!des_cbc(key + "x", "12345678", CipherUse::encrypt));
  std::string odd = "seven..";
  CHECK(!des_cbc(key, "12345678", CipherUse::encrypt).value()->apply(odd));
  std::string plain = "Plaintext";
  REQUIRE(rc4("Key")->apply(plain));
  CHECK(to_hex(plain) == "bbf316e8d940af0ad3");
  // RFC 1320 A.5
  CHECK(to_hex(md4("").value()) == "31d6cfe0d16ae931b73c59d7e0c089c0");
  CHECK(to_hex(md4("message digest").value()) == "d9130a8164549fe818874806e1c7014b");
  // RFC 2202 §2, test cases 2 and 6
  CHECK(to_hex(hmac_md5_by(hmac_md5_contexts("Jefe")->view(), "what do ya want for nothing?").value()) ==
        "750c783e6ab0b503eaa86e310a5db738");
  CHECK(to_hex(hmac_md5_by(hmac_md5_contexts(std::string(80, '\xAA'))->view(),
                           "Test Using Larger Than Block-Size Key - Hash Key First")
                   .value()) == "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
  CHECK(!hmac_md5_by("short", "x"));
}
