#include "sasl/otp.h"

#include <array>

#include "base/text.h"
#include "sasl/mechanism.h"
#include "sasl/otp_response.h"
#include "sasl/otp_words.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::sasl;

namespace {

struct Vector {
  OtpAlgorithm algorithm;
  std::string_view pass_phrase, seed;
  std::uint32_t sequence;
  std::string_view hex, words;
};

// RFC 2289 appendix C; the seed "TeSt" in lower case, as §6.0 has it.
constexpr std::array<Vector, 27> kVectors = {{
    {OtpAlgorithm::md4, "This is a test.", "test", 0, "d1854218ebbb0b51", "ROME MUG FRED SCAN LIVE LACE"},
    {OtpAlgorithm::md4, "This is a test.", "test", 1, "63473ef01cd0b444", "CARD SAD MINI RYE COL KIN"},
    {OtpAlgorithm::md4, "This is a test.", "test", 99, "c5e612776e6c237a", "NOTE OUT IBIS SINK NAVE MODE"},
    {OtpAlgorithm::md4, "AbCdEfGhIjK", "alpha1", 0, "50076f47eb1ade4e", "AWAY SEN ROOK SALT LICE MAP"},
    {OtpAlgorithm::md4, "AbCdEfGhIjK", "alpha1", 1, "65d20d1949b5f7ab", "CHEW GRIM WU HANG BUCK SAID"},
    {OtpAlgorithm::md4, "AbCdEfGhIjK", "alpha1", 99, "d150c82cce6f62d1", "ROIL FREE COG HUNK WAIT COCA"},
    {OtpAlgorithm::md4, "OTP's are good", "correct", 0, "849c79d4f6f55388", "FOOL STEM DONE TOOL BECK NILE"},
    {OtpAlgorithm::md4, "OTP's are good", "correct", 1, "8c0992fb250847b1", "GIST AMOS MOOT AIDS FOOD SEEM"},
    {OtpAlgorithm::md4, "OTP's are good", "correct", 99, "3f3bf4b4145fd74b", "TAG SLOW NOV MIN WOOL KENO"},
    {OtpAlgorithm::md5, "This is a test.", "test", 0, "9e876134d90499dd", "INCH SEA ANNE LONG AHEM TOUR"},
    {OtpAlgorithm::md5, "This is a test.", "test", 1, "7965e05436f5029f", "EASE OIL FUM CURE AWRY AVIS"},
    {OtpAlgorithm::md5, "This is a test.", "test", 99, "50fe1962c4965880", "BAIL TUFT BITS GANG CHEF THY"},
    {OtpAlgorithm::md5, "AbCdEfGhIjK", "alpha1", 0, "87066dd9644bf206", "FULL PEW DOWN ONCE MORT ARC"},
    {OtpAlgorithm::md5, "AbCdEfGhIjK", "alpha1", 1, "7cd34c1040add14b", "FACT HOOF AT FIST SITE KENT"},
    {OtpAlgorithm::md5, "AbCdEfGhIjK", "alpha1", 99, "5aa37a81f212146c", "BODE HOP JAKE STOW JUT RAP"},
    {OtpAlgorithm::md5, "OTP's are good", "correct", 0, "f205753943de4cf9", "ULAN NEW ARMY FUSE SUIT EYED"},
    {OtpAlgorithm::md5, "OTP's are good", "correct", 1, "ddcdac956f234937", "SKIM CULT LOB SLAM POE HOWL"},
    {OtpAlgorithm::md5, "OTP's are good", "correct", 99, "b203e28fa525be47", "LONG IVY JULY AJAR BOND LEE"},
    {OtpAlgorithm::sha1, "This is a test.", "test", 0, "bb9e6ae1979d8ff4", "MILT VARY MAST OK SEES WENT"},
    {OtpAlgorithm::sha1, "This is a test.", "test", 1, "63d936639734385b", "CART OTTO HIVE ODE VAT NUT"},
    {OtpAlgorithm::sha1, "This is a test.", "test", 99, "87fec7768b73ccf9", "GAFF WAIT SKID GIG SKY EYED"},
    {OtpAlgorithm::sha1, "AbCdEfGhIjK", "alpha1", 0, "ad85f658ebe383c9", "LEST OR HEEL SCOT ROB SUIT"},
    {OtpAlgorithm::sha1, "AbCdEfGhIjK", "alpha1", 1, "d07ce229b5cf119b", "RITE TAKE GELD COST TUNE RECK"},
    {OtpAlgorithm::sha1, "AbCdEfGhIjK", "alpha1", 99, "27bc71035aaf3dc6", "MAY STAR TIN LYON VEDA STAN"},
    {OtpAlgorithm::sha1, "OTP's are good", "correct", 0, "d51f3e99bf8e6f0b", "RUST WELT KICK FELL TAIL FRAU"},
    {OtpAlgorithm::sha1, "OTP's are good", "correct", 1, "82aeb52d943774e4", "FLIT DOSE ALSO MEW DRUM DEFY"},
    {OtpAlgorithm::sha1, "OTP's are good", "correct", 99, "4f296a74fe1567ec", "AURA ALOE HURL WING BERG WAIT"},
}};

constexpr std::string_view kPhrase = "This is a test.";
constexpr std::string_view kTim("\0tim", 4);

/// The state of RFC 2444 §5: the next challenge is 499.
OtpState state(OtpAlgorithm algorithm = OtpAlgorithm::md5) {
  return otp_state(kPhrase, {.algorithm = algorithm, .sequence = 500, .seed = "ke1234"}).value();
}

/// A server of OTP or SKEY that has been told the user and given a state.
struct Server {
  std::unique_ptr<ServerExchange> exchange;
  ServerStep last;
  explicit Server(std::optional<OtpState> given, std::string_view mechanism = "OTP", std::string_view first = kTim,
                  Authority authority = Authority::granted)
      : exchange(find_mechanism(mechanism)->serve({.fake_salt_key = "a secret of the site"})),
        last(exchange->start(first)) {
    REQUIRE(std::holds_alternative<OtpWanted>(last));
    std::optional<OtpCredentials> credentials;
    if (given) credentials = OtpCredentials{*std::move(given), authority};
    last = exchange->answer_otp(std::move(credentials));
  }
  [[nodiscard]] std::string challenge() const { return std::get<Challenge>(last).octets; }
};

std::string_view kind(const ServerStep& step) {
  const auto* failure = std::get_if<Failure>(&step);
  return failure == nullptr ? "no failure" : failure->error.kind().name;
}

std::optional<OtpState> replaced(const ServerStep& step) {
  const auto* change = std::get_if<OtpChange>(&step);
  return change == nullptr ? std::nullopt : std::optional(change->to);
}

}  // namespace

TEST_CASE("RFC 2289 appendix C: passwords of MD4, MD5 and SHA-1, in digits and in words") {
  for (const Vector& vector : kVectors) {
    CAPTURE(vector.words);
    const std::string password =
        one_time_password(vector.algorithm, vector.pass_phrase, vector.seed, vector.sequence).value();
    CHECK(to_hex(password) == vector.hex);
    CHECK(to_six_words(password) == vector.words);
    CHECK(from_six_words(vector.words) == password);
    CHECK(from_otp_hex(vector.hex) == password);
    if (vector.sequence == 1) {
      const std::string zero = one_time_password(vector.algorithm, vector.pass_phrase, vector.seed, 0).value();
      CHECK(previous_password(vector.algorithm, zero).value() == password);
    }
  }
}

TEST_CASE("RFC 2289 section 6.0: words in any case and any white space, with the right checksum") {
  const auto right = from_six_words("OUST COAT FOAL MUG BEAK TOTE");
  REQUIRE(right);
  CHECK(from_six_words("oust coat foal  mug\tbeak  tote\r\n") == right);
  CHECK(to_hex(*from_six_words("FOWL KID MASH DEAD DUAL OAF")) == "85c43ee03857765b");
  for (const std::string_view bad :
       {"FOWL KID MASH DEAD DUAL NUT", "FOWL KID MASH DEAD DUAL O", "FOWL KID MASH DEAD DUAL OAK",
        "FOWL KID MASH DEAD DUAL", "FOWL KID MASH DEAD DUAL OAF A", "FOWL KID MASH DEAD DUAL OAFS", "", "      "})
    CHECK(!from_six_words(bad));
}

TEST_CASE("RFC 2289 section 6.0: digits in any case, white space between them does not count") {
  CHECK(to_hex(*from_otp_hex("3503785b369cda8b")) == "3503785b369cda8b");
  CHECK(to_hex(*from_otp_hex("e5cc a1b8 7c13 096b")) == "e5cca1b87c13096b");
  CHECK(to_hex(*from_otp_hex("C7 48 90 F4 27 7B A1 CF")) == "c74890f4277ba1cf");
  CHECK(to_hex(*from_otp_hex("47 9 A68 28 4C 9D 0 1BC")) == "479a68284c9d01bc");
  for (const std::string_view bad : {"", "3503785b369cda8", "3503785b369cda8b0", "3503785b369cda8g"})
    CHECK(!from_otp_hex(bad));
}

TEST_CASE("RFC 2289 appendix C: a pass phrase of ten at least, a seed of one to sixteen letters and digits") {
  auto made = [](std::string_view phrase, std::string_view seed, std::uint32_t sequence = 99) {
    auto result = one_time_password(OtpAlgorithm::md5, phrase, seed, sequence);
    return result ? "ok"sv : result.error().kind().name;
  };
  CHECK(made("Too_short", "iamvalid") == kMalformed.name);
  CHECK(made("1234567890", "iamvalid") == "ok");
  CHECK(made("1234567890123456789012345678901234567890123456789012345678901234", "iamvalid") == "ok");
  CHECK(made(std::string(kPasswordMax, 'x'), "iamvalid") == "ok");
  CHECK(made(std::string(kPasswordMax + 1, 'x'), "iamvalid") == kTooLong.name);
  for (const std::string_view seed : {"Length_Okay", "LengthOfSeventeen", "A Seed", ""})
    CHECK(made("A_Valid_Pass_Phrase", seed) == kMalformed.name);
  CHECK(made("A_Valid_Pass_Phrase", "LengthOfSixteen1") == "ok");
  CHECK(made("A_Valid_Pass_Phrase", "a", kOtpSequenceMax) == "ok");
  CHECK(made("A_Valid_Pass_Phrase", "a", kOtpSequenceMax + 1) == kIterations.name);
}

TEST_CASE("RFC 2444 section 5: the published exchanges") {
  // The RFC's own password of SHA-1, c90fc02cc488df5e, is one of the big-endian folding that RFC 2289 (appendix A) had
  // done away with by then; the one here was computed apart from this program.
  struct Example {
    OtpAlgorithm algorithm;
    std::string_view challenge, response;
  };
  for (const Example& example :
       {Example{OtpAlgorithm::md5, "otp-md5 499 ke1234 ext", "hex:5bf075d9959d036f"},
        Example{OtpAlgorithm::md5, "otp-md5 499 ke1234 ext", "word:BOND FOGY DRAB NE RISE MART"},
        Example{OtpAlgorithm::sha1, "otp-sha1 499 ke1234 ext", "hex:1ef48366d04873e0"},
        Example{OtpAlgorithm::md5, "otp-md5 499 ke1234 ext", "5bf0 75d9 959d 036f"},
        Example{OtpAlgorithm::md5, "otp-md5 499 ke1234 ext", "HEX: 5BF075D9959D036F \r\n"}}) {
    Server server(state(example.algorithm));
    CHECK(server.challenge() == example.challenge);
    CAPTURE(example.response);
    const auto step = server.exchange->step(example.response);
    CHECK(kind(step) == "no failure");
    const auto next = replaced(step);
    REQUIRE(next);
    CHECK(next->sequence == 499);
    CHECK(next->seed == "ke1234");
    const auto end = server.exchange->answer_verdict({});
    REQUIRE(std::holds_alternative<Success>(end));
    CHECK(std::get<Success>(end).identity == Identity{"tim", ""});
  }
  auto client = find_mechanism("OTP")->use({.identity = {"tim", ""}, .password = Secret::copy(kPhrase)});
  CHECK(client->initial_response().value() == kTim);
  CHECK(client->respond("otp-md5 499 ke1234 ext").value() == "hex:5bf075d9959d036f");
  client = find_mechanism("OTP")->use({.identity = {"tim", ""}, .password = Secret::copy("this is a test")});
  REQUIRE(client->initial_response());
  CHECK(client->respond("otp-md5 123 ke1234 ext,foo").value() == "hex:11d4c147e227c1f1");
}

TEST_CASE("RFC 2243 section 4: init-hex and init-word begin a new sequence") {
  Server server(state());
  auto next = replaced(server.exchange->step("init-hex:5bf075d9959d036f:md5 499 ke1235:3712dcb4aa5316c1"));
  REQUIRE(next);
  CHECK(*next == otp_state(kPhrase, {.algorithm = OtpAlgorithm::md5, .sequence = 499, .seed = "ke1235"}).value());
  REQUIRE(std::holds_alternative<Success>(server.exchange->answer_verdict({})));
  Server again(state());
  const std::string words = to_six_words(next->last);
  const auto by_words = replaced(again.exchange->step("Init-Word:BOND FOGY DRAB NE RISE MART:md5 499 ke1235:" + words));
  REQUIRE(by_words);
  CHECK(*by_words == *next);
}

TEST_CASE("RFC 2243 section 4.3: a new sequence that can't be used costs the password all the same, and fails") {
  for (const std::string_view renewed :
       {":md5 499 ke1234:3712dcb4aa5316c1" /* the seed is the old one */, ":md5 499 KE1234:3712dcb4aa5316c1",
        ":md9 499 ke1235:3712dcb4aa5316c1", ":md5 1 ke1235:3712dcb4aa5316c1", ":md5 10000 ke1235:3712dcb4aa5316c1",
        ":md5 499 ke_1235:3712dcb4aa5316c1", ":md5 499 ke1235:3712dcb4aa5316c", ":md5 499:3712dcb4aa5316c1", ":", ""}) {
    CAPTURE(renewed);
    Server server(state());
    const auto next = replaced(server.exchange->step("init-hex:5bf075d9959d036f" + std::string(renewed)));
    REQUIRE(next);
    CHECK(next->sequence == 499);
    CHECK(to_hex(next->last) == "5bf075d9959d036f");
    CHECK(kind(server.exchange->answer_verdict({})) == kMalformed.name);
  }
  Server wrong(state());
  CHECK(kind(wrong.exchange->step("init-hex:5bf075d9959d036e:md5 499 ke1235:3712dcb4aa5316c1")) ==
        kBadCredentials.name);
}

TEST_CASE("RFC 2243 section 2.2: responses of unknown types and what is no password are refused") {
  for (const std::string_view bad :
       {"foo:some data", "hex:", "hex:xyz", "word:BOND", "hex:5bf075d9959d036f0", "", ":"}) {
    Server server(state());
    CHECK(kind(server.exchange->step(bad)) == kMalformed.name);
  }
  Server server(state());
  CHECK(kind(server.exchange->step("hex:5bf075d9959d036e")) == kBadCredentials.name);
}

TEST_CASE("a password is good for one time: who comes second with the state that has changed fails") {
  Server server(state());
  REQUIRE(replaced(server.exchange->step("hex:5bf075d9959d036f")));
  CHECK(kind(server.exchange->answer_verdict(fail(kBadCredentials, "changed"))) == kBadCredentials.name);
  // The password that was used is not the next one.
  OtpState next = state();
  next.sequence = 499;
  next.last = *from_otp_hex("5bf075d9959d036f");
  Server second(next);
  CHECK(second.challenge() == "otp-md5 498 ke1234 ext");
  CHECK(kind(second.exchange->step("hex:5bf075d9959d036f")) == kBadCredentials.name);
}

TEST_CASE("a user who may not act as the one asked for has used the password") {
  Server server(state(), "OTP", "bob\0tim"sv, Authority::refused);
  REQUIRE(replaced(server.exchange->step("hex:5bf075d9959d036f")));
  CHECK(kind(server.exchange->answer_verdict({})) == kNotAuthorized.name);
}

TEST_CASE("an unknown user, and one whose sequence is used up, see a challenge that stays the same and fail") {
  OtpState used_up = state();
  used_up.sequence = 1;
  const Server unknown(std::nullopt);
  for (int round = 0; round < 2; ++round) {
    CHECK(Server(std::nullopt).challenge() == unknown.challenge());
    CHECK(Server(used_up).challenge() == unknown.challenge());
  }
  CHECK(Server(std::nullopt, "OTP", "\0tom"sv).challenge() != unknown.challenge());
  const auto challenge = parse_otp_challenge(unknown.challenge()).value();
  CHECK(challenge.algorithm == OtpRenewal{}.algorithm);
  CHECK(challenge.sequence >= 1);
  CHECK(challenge.seed.size() == otp_seed(system_random()).size());
  CHECK(kind(Server(std::nullopt).exchange->step("hex:5bf075d9959d036f")) == kBadCredentials.name);
  OtpState last = used_up;
  last.sequence = 2;
  CHECK(Server(last).challenge() == "otp-md5 1 ke1234 ext");
}

TEST_CASE("RFC 2243 section 4.3: a client makes no password below one, and RFC 2289: no more than the limit") {
  auto respond = [](std::string_view challenge, std::optional<OtpRenewal> renewal = std::nullopt) {
    auto client = find_mechanism("OTP")->use(
        {.identity = {"tim", ""}, .password = Secret::copy(kPhrase), .otp_renewal = std::move(renewal)});
    REQUIRE(client->initial_response());
    return client->respond(challenge);
  };
  CHECK(respond("otp-md5 0 ke1234 ext").error().is(kExhausted));
  CHECK(respond("otp-md5 1 ke1234 ext").has_value());
  CHECK(respond("otp-md5 9999 ke1234 ext").has_value());
  CHECK(respond("otp-md5 10000 ke1234 ext").error().is(kMalformed));
  CHECK(respond("otp-sha256 499 ke1234 ext").error().is(kMalformed));
  CHECK(respond("OTP-md5 499 ke1234 ext").error().is(kMalformed));
  CHECK(respond("").error().is(kMalformed));
  // RFC 2243 §2.2: extended responses for extended challenges only. RFC 2289 §6.0: the seed's case does not matter.
  CHECK(respond("otp-md5  499\tKE1234 ").value() == "5bf075d9959d036f");
  const OtpRenewal renewal{.algorithm = OtpAlgorithm::md5, .sequence = 499, .seed = "ke1235"};
  CHECK(respond("otp-md5 499 ke1234 ext", renewal).value() ==
        "init-hex:5bf075d9959d036f:md5 499 ke1235:3712dcb4aa5316c1");
}

TEST_CASE("RFC 2222 section 7.3: SKEY, with words or with octets, and for sequences of MD4 only") {
  const OtpState md4 = state(OtpAlgorithm::md4);
  const std::string password = one_time_password(OtpAlgorithm::md4, kPhrase, "ke1234", 499).value();
  for (const std::string& response : {to_six_words(password), password}) {
    Server server(md4, "SKEY", "morgan");
    CHECK(server.challenge() == "499 ke1234");
    REQUIRE(replaced(server.exchange->step(response)));
    REQUIRE(std::holds_alternative<Success>(server.exchange->answer_verdict({})));
  }
  Server hex(md4, "SKEY", "morgan");
  CHECK(kind(hex.exchange->step(to_hex(password))) == kMalformed.name);
  CHECK(Server(state(OtpAlgorithm::md5), "SKEY", "morgan").challenge() ==
        Server(std::nullopt, "SKEY", "morgan").challenge());
  // The response of the RFC's example is six words of the dictionary.
  CHECK(from_six_words("FOUR MANN SOON FIR VARY MASH"));
  auto client = find_mechanism("SKEY")->use({.identity = {"morgan", ""}, .password = Secret::copy(kPhrase)});
  CHECK(client->initial_response().value() == "morgan");
  CHECK(from_six_words(client->respond("95 Qa58308").value()) ==
        one_time_password(OtpAlgorithm::md4, kPhrase, "Qa58308", 95).value());
}
