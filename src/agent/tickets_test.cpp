#include "agent/tickets.h"

#include "account/support.h"
#include "sasl/types.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

/// Believes the principal that it is given as a token; "more" asks for another one, "away" cannot be judged.
class Credulous final : public kerberos::Context {
 public:
  [[nodiscard]] const std::string& peer() const override { return peer_; }
  Result<Step> step(std::string_view token, const std::optional<std::string>&) override {
    if (token == "away") return fail(sasl::kUnavailable, "the keytab /etc/mail.keytab cannot be used");
    if (token == "forged") return fail(sasl::kBadCredentials, "Kerberos: Decrypt integrity check failed");
    if (token == "none") return fail(sasl::kMalformed, "Kerberos: a token that is none");
    if (token == "unbound") return fail(sasl::kChannelBinding, "Kerberos: Incorrect channel bindings were supplied");
    if (token == "more") return Step{.token = "go on", .established = false};
    peer_ = token;
    return Step{.token = "it is me", .established = true};
  }
  [[nodiscard]] sasl::Protection strongest() const override { return sasl::Protection::none; }
  [[nodiscard]] std::size_t clear_max(std::size_t, sasl::Protection) const override { return 0; }
  Result<std::string> wrap(std::string_view, sasl::Protection) override { return fail(kBroken, "no"); }
  Result<Opened> unwrap(std::string_view) override { return fail(kBroken, "no"); }

 private:
  std::string peer_;
};

struct Desk {
  io::SimulatedLoop loop;
  Tickets tickets;
  std::string service;
  int made = 0;

  Desk() {
    tickets.use({{.realm = "EXAMPLE.ORG", .domain = "Example.ORG"}, {.realm = "FAR.EXAMPLE", .domain = "example.net"}},
                [this](const std::string& wanted) {
                  service = wanted;
                  ++made;
                  return std::make_unique<Credulous>();
                });
  }
  ~Desk() {
    tickets.end();
    loop.settle();
  }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;
  Result<sasl::GssAnswer> accept(const std::string& token, std::unique_ptr<sasl::GssContext> context = nullptr) {
    return account::test::finish(
        loop, tickets.accept({.context = std::move(context), .token = token, .service = "imap", .bindings = {}}));
  }
};

}  // namespace

TEST_CASE("a ticket's owner is the account of that name in the domain of the realm") {
  Desk desk;
  CHECK(desk.accept("Anna@EXAMPLE.ORG").value().owner == "anna@example.org");
  CHECK(desk.accept("anna@FAR.EXAMPLE").value().owner == "anna@example.net");
  CHECK(desk.service == "imap");
}

TEST_CASE(
    "principals of realms that are not configured, and of no user, are refused in the same words as a forged ticket") {
  Desk desk;
  const Error forged = desk.accept("forged").error();
  CHECK(forged.is(sasl::kBadCredentials));
  // Realms have upper and lower case.
  for (const char* principal : {"anna@OTHER.EXAMPLE", "anna@example.org", "anna/admin@EXAMPLE.ORG", "anna"}) {
    const auto answer = desk.accept(principal);
    REQUIRE(!answer);
    CHECK(answer.error().is(sasl::kBadCredentials));
    CHECK(answer.error().text() == forged.text());
  }
}

TEST_CASE("principals whose names an address would read in another way are nobody's account") {
  Desk desk;
  CHECK(desk.accept("anna.b-c_d+e@EXAMPLE.ORG").value().owner == "anna.b-c_d+e@example.org");
  for (const char* principal : {"\"anna\"@EXAMPLE.ORG", "\"an\"na@EXAMPLE.ORG", "(x)anna@EXAMPLE.ORG",
                                "anna(x)@EXAMPLE.ORG", "<anna@EXAMPLE.ORG", "anna,bob@EXAMPLE.ORG", "anna:@EXAMPLE.ORG",
                                ".anna@EXAMPLE.ORG", "anna.@EXAMPLE.ORG", "an..na@EXAMPLE.ORG", "[anna]@EXAMPLE.ORG"}) {
    const auto answer = desk.accept(principal);
    REQUIRE_MESSAGE(!answer, principal);
    CHECK_MESSAGE(answer.error().is(sasl::kBadCredentials), principal);
  }
  // Longer than any account's name.
  CHECK(desk.accept(std::string(64, 'x') + "@EXAMPLE.ORG"));
  CHECK(desk.accept(std::string(65, 'x') + "@EXAMPLE.ORG").error().is(sasl::kBadCredentials));
}

TEST_CASE("an exchange goes on with the context that it began with") {
  Desk desk;
  auto first = desk.accept("more");
  REQUIRE(first);
  CHECK(!first->owner);
  CHECK(first->token == "go on");
  const auto second = desk.accept("anna@EXAMPLE.ORG", std::move(first->context));
  REQUIRE(second);
  CHECK(second->owner == "anna@example.org");
  CHECK(desk.made == 1);
}

TEST_CASE("while the keytab cannot be read it cannot be told, and nobody hears where that lies") {
  Desk desk;
  const auto answer = desk.accept("away");
  REQUIRE(!answer);
  CHECK(answer.error().is(sasl::kUnavailable));
  CHECK(answer.error().text().find("keytab") == std::string::npos);
  desk.tickets.use({});
  CHECK(desk.accept("anna@EXAMPLE.ORG").error().is(sasl::kUnavailable));
}

TEST_CASE("what is no token is told from a ticket that does not count") {
  Desk desk;
  CHECK(desk.accept("none").error().is(sasl::kMalformed));
}

TEST_CASE("nobody hears the library's own words") {
  Desk desk;
  for (const char* token : {"forged", "none", "unbound"})
    CHECK_MESSAGE(desk.accept(token).error().text().find("Kerberos:") == std::string::npos, token);
  CHECK(desk.accept("unbound").error().is(sasl::kChannelBinding));
}

}  // namespace angarium::agent
