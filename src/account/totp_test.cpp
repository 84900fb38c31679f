#include "account/totp.h"

#include "account/record.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::account;

namespace {

constexpr std::string_view kRfcSecret = "12345678901234567890";
const WallTime kNow = WallTime::from_seconds(1'700'000'010);  // the middle of a step

Totp rfc() { return {.secret = std::string(kRfcSecret), .on = true}; }

std::string code_at(const Totp& totp, std::int64_t seconds) {
  return *totp_code(totp.secret, totp_step(WallTime::from_seconds(seconds)));
}

}  // namespace

TEST_CASE("RFC 6238 appendix B: the codes of SHA-1") {
  for (const auto& [time, code] :
       std::initializer_list<std::pair<std::int64_t, std::string_view>>{{59, "94287082"},
                                                                        {1'111'111'109, "07081804"},
                                                                        {1'111'111'111, "14050471"},
                                                                        {1'234'567'890, "89005924"},
                                                                        {2'000'000'000, "69279037"},
                                                                        {20'000'000'000, "65353130"}}) {
    CHECK(*totp_code(kRfcSecret, totp_step(WallTime::from_seconds(time)), 8) == code);
    CHECK(*totp_code(kRfcSecret, totp_step(WallTime::from_seconds(time))) == code.substr(2));
  }
}

TEST_CASE("RFC 6238 section 5.2: one step to either side counts, the next one does not") {
  for (const std::int64_t off : {-60, -30, 0, 30, 60}) {
    Totp totp = rfc();
    CHECK(take_code(totp, code_at(totp, kNow.seconds() + off), kNow) == (off > -60 && off < 60));
  }
  // The two ends of a step.
  Totp totp = rfc();
  const std::int64_t begin = kNow.seconds() / 30 * 30;
  CHECK(code_at(totp, begin) == code_at(totp, begin + 29));
  CHECK(code_at(totp, begin) != code_at(totp, begin + 30));
}

TEST_CASE("RFC 6238 section 5.2: a code is accepted once, and none from before it") {
  Totp totp = rfc();
  const std::string before = code_at(totp, kNow.seconds() - 30);
  const std::string now = code_at(totp, kNow.seconds());
  const std::string next = code_at(totp, kNow.seconds() + 30);
  CHECK(take_code(totp, now, kNow));
  CHECK(!take_code(totp, now, kNow));
  CHECK(!take_code(totp, before, kNow));
  CHECK(take_code(totp, next, kNow));
  CHECK(!take_code(totp, next, kNow));
  // Nor when the clock is set back.
  CHECK(!take_code(totp, now, WallTime::from_seconds(kNow.seconds() - 30)));
}

TEST_CASE("what is no code is not taken, and changes nothing") {
  Totp totp = rfc();
  const std::string right = code_at(totp, kNow.seconds());
  for (const std::string& code :
       {std::string(), right.substr(1), right + "0", " " + right, std::string("abcdef"), "-" + right})
    CHECK(!take_code(totp, code, kNow));
  CHECK(totp == rfc());
  CHECK(take_code(totp, right, kNow));
}

TEST_CASE("recovery codes: ten, each once, in any spelling, and no code of an older set") {
  Totp totp = rfc();
  const auto old = make_recovery_codes(totp).value();
  const auto codes = make_recovery_codes(totp).value();
  CHECK(codes.size() == kRecoveryCodes);
  CHECK(!take_code(totp, old.front(), kNow));
  std::string bare;
  for (const char c : codes[3])
    if (c != '-') bare += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  CHECK(take_code(totp, bare, kNow));
  CHECK(!take_code(totp, codes[3], kNow));
  CHECK(totp.recovery.size() == kRecoveryCodes - 1);
  for (const std::string& digest : totp.recovery)
    for (const std::string& code : codes) CHECK(digest.find(code.substr(0, 4)) == std::string::npos);
  CHECK(take_code(totp, codes[0], kNow));
}

TEST_CASE("a code stands behind the last dollar sign of what is given") {
  const auto split = split_code("wonder$land$123456");
  REQUIRE(split);
  CHECK(split->password == "wonder$land");
  CHECK(split->code == "123456");
  CHECK(split_code("pass$abcd-efgh-jkmn-2345")->code == "abcd-efgh-jkmn-2345");
  for (const std::string_view other :
       {"", "$123456", "pass123456", "pass$12345", "pass$1234567", "pass$12345a", "pass$123456 ", "pass$", "123456",
        "pass$abcd-efgh-jkmn-234", "pass$abcd-efgh-jkmn-23451", "pass$abcd-efgh-jkmn-234!"})
    CHECK_MESSAGE(!split_code(other), other);
}

TEST_CASE("the secret and its URL are what authenticator programs read") {
  Totp totp{.secret = "foobar"};
  CHECK(totp_secret_text(totp) == "MZXW6YTBOI");  // RFC 4648 §10, without padding
  totp.secret = "fooba";
  CHECK(totp_secret_text(totp) == "MZXW6YTB");
  totp.secret = "f";
  CHECK(totp_secret_text(totp) == "MY");
  CHECK(totp_url(totp, "alice+x@example.test", "mail:1 é") ==
        "otpauth://totp/mail%3A1%20%C3%A9:alice%2Bx@example.test?secret=MY&issuer=mail%3A1%20%C3%A9");
  CHECK(make_totp(kNow).secret.size() == kTotpSecretOctets);
  CHECK(make_totp(kNow).secret != make_totp(kNow).secret);
  CHECK(!make_totp(kNow).on);
}

TEST_CASE("an account's record brings the second factor back, and without one it is what it was") {
  Account account{.id = 7, .address = "alice@example.test"};
  const std::string plain = encode(account);
  Totp totp = make_totp(kNow);
  totp.on = true;
  totp.last_step = 4711;
  REQUIRE(make_recovery_codes(totp));
  account.totp = totp;
  const std::string octets = encode(account);
  CHECK(octets.starts_with(plain));
  CHECK(std::get<Account>(decode_entry(octets).value()).totp == totp);
  account.credentials.on_demand.want(Demand::apop);
  account.credentials.on_demand.plain = "wonder land";
  const auto read = std::get<Account>(decode_entry(encode(account)).value());
  CHECK(read.totp == totp);
  CHECK(read.credentials.on_demand == account.credentials.on_demand);
  // Cut anywhere within, it is refused: an account with half a second factor is none without.
  for (std::size_t size = plain.size() + 9; size < octets.size(); ++size)
    CHECK(!decode_entry(std::string_view(octets).substr(0, size)));
  account.totp.reset();
  account.credentials.on_demand = {};
  CHECK(encode(account) == plain);
}
