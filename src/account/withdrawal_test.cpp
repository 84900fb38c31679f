#include "account/withdrawal.h"

#include <functional>

#include "support/test.h"

using namespace angarium;
using namespace angarium::account;

namespace {

using Of = Withdrawal::Of;
using By = Proof::By;

Account account() {
  Account one{.id = 7, .address = "alice@example.test"};
  for (const Demand demand : kDemands) one.credentials.on_demand.want(demand);
  return one;
}

/// What a change takes; nothing for none.
std::optional<Withdrawal> taken_by(const std::function<void(Account&)>& change) {
  const Account before = account();
  Account after = before;
  change(after);
  return withdrawn_by(before, after);
}

}  // namespace

TEST_CASE("a mechanism that is not asked for any more takes its own logins, and OTP and SKEY theirs together") {
  const auto cram = taken_by([](Account& one) { one.credentials.on_demand.unwant(Demand::cram_md5); });
  REQUIRE(cram);
  CHECK(cram->of == Of::keys);
  CHECK(cram->account == 7);
  CHECK(cram->demands == std::vector{Demand::cram_md5});
  CHECK(!taken_by([](Account& one) { one.credentials.on_demand.unwant(Demand::otp); }));
  CHECK(!taken_by([](Account& one) { one.credentials.on_demand.unwant(Demand::skey); }));
  const auto both = taken_by([](Account& one) {
    one.credentials.on_demand.unwant(Demand::skey);
    one.credentials.on_demand.unwant(Demand::otp);
  });
  REQUIRE(both);
  CHECK(both->demands == std::vector{Demand::otp, Demand::skey});
  // Keys that are made, or used up, take nothing.
  CHECK(!taken_by([](Account& one) { one.credentials.on_demand.cram_md5 = "keys"; }));
  CHECK(!taken_by([](Account& one) { one.name = "Alice"; }));
}

TEST_CASE("of several changes at once that counts which takes most") {
  const auto password = taken_by([](Account& one) {
    ++one.credentials.version;
    one.credentials.on_demand.unwant(Demand::cram_md5);
  });
  REQUIRE(password);
  CHECK(password->of == Of::password);
  const auto all = taken_by([](Account& one) {
    ++one.credentials.version;
    one.status = Status::disabled;
  });
  REQUIRE(all);
  CHECK(all->of == Of::account);
}

TEST_CASE("a withdrawal ends who came by it, and nobody else") {
  const Proof cram{.by = By::password, .keys = Demand::cram_md5};
  const Proof plain{.by = By::password};
  const Proof phone{.by = By::app_password, .digest = "phone"};
  const Proof token{.by = By::other};
  const Proof user{.by = By::host};
  const Proof guest{.by = By::guest};
  const auto ended = [&](const Withdrawal& withdrawal) {
    std::string all;
    for (const Proof& proof : {cram, plain, phone, token, user, guest}) all += ends(withdrawal, proof) ? '1' : '0';
    return all;
  };
  CHECK(ended({.of = Of::account}) == "111111");
  CHECK(ended({.of = Of::password}) == "110000");
  CHECK(ended({.of = Of::keys, .demands = {Demand::cram_md5, Demand::ntlm}}) == "100000");
  CHECK(ended({.of = Of::keys, .demands = {Demand::ntlm}}) == "000000");
  CHECK(ended({.of = Of::app_passwords, .digests = {"watch", "phone"}}) == "001000");
  CHECK(ended({.of = Of::app_passwords, .digests = {"watch"}}) == "000000");
}
