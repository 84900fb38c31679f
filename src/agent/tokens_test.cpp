#include "agent/tokens.h"

#include "account/support.h"
#include "sasl/types.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

// RFC 7515 appendix A.3: iss joe, no audience, over since 2011.
constexpr const char* kKeys =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"lFVp4FGP3kOXON-khhP4GPgtInKezgEV9SiHwn8mV2A"},{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";
constexpr const char* kJoe =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
// Signed once with the first key, for anna until 2096.
constexpr const char* kAnna =
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUub3JnIiwiYXVkIjoibWFpbCIsI"
    "mV4cCI6NDAwMDAwMDAwMCwiZW1haWwiOiJBbm5hQEV4YW1wbGUub3JnIn0.GjfRC1tje-QTgPtBEW8EMOKjOGMmVN4y6tT4yxHcQ"
    "wuAVofHvGdwNGo268pP4FQqcRr3nznFPJN2WkaEVDBfDA";

struct Desk {
  io::SimulatedLoop loop;
  ManualClock clock;
  Tokens tokens{clock};
  bool away = false;

  void use(const std::string& domain) {
    tokens.use({{.issuer = "https://login.example.org", .audience = {"mail"}, .domains = {domain}, .keys_file = "-"},
                {.issuer = "joe", .audience = {"mail"}, .domains = {domain}, .keys_file = "-"}},
               [this](const configuration::TokenIssuer&) -> Result<std::string> {
                 if (away) return fail(kTimedOut, "away");
                 return kKeys;
               });
  }
  Desk() { use("Example.ORG"); }
  ~Desk() {
    tokens.end();
    loop.settle();
  }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;
  Result<std::string> owner(const char* token) {
    return account::test::finish(loop, tokens.owner(sasl::Secret::copy(token)));
  }
};

}  // namespace

TEST_CASE("a token's owner is who its issuer names, in the form in which addresses compare") {
  Desk desk;
  CHECK(desk.owner(kAnna) == "anna@example.org");
}

TEST_CASE("a token that is over, another's, or of an issuer that is not configured, is refused in the same words") {
  Desk desk;
  for (const char* token : {kJoe, "", "a.b.c", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ."}) {
    const auto owner = desk.owner(token);
    REQUIRE(!owner);
    CHECK(owner.error().is(sasl::kBadCredentials));
    CHECK(owner.error().text() == desk.owner("x").error().text());
  }
}

TEST_CASE("a rightly signed token of ours whose time is over is told from a guess") {
  Desk desk;
  desk.clock.advance(std::chrono::seconds(4'000'000'000));
  const auto owner = desk.owner(kAnna);
  REQUIRE(!owner);
  CHECK(owner.error().is(kTokenOver));
  std::string forged = kAnna;
  forged.back() = 'g';
  forged[forged.size() - 5] = forged[forged.size() - 5] == 'a' ? 'b' : 'a';
  CHECK(desk.owner(forged.c_str()).error().is(sasl::kBadCredentials));
}

TEST_CASE("an issuer names no addresses but its domains'") {
  Desk desk;
  desk.use("example.net");
  CHECK(desk.owner(kAnna).error().is(sasl::kBadCredentials));
}

TEST_CASE("without keys it cannot be told, which is no failed login") {
  Desk desk;
  desk.away = true;
  CHECK(desk.owner(kAnna).error().is(sasl::kUnavailable));
}

}  // namespace angarium::agent
