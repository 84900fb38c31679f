#include "account/on_demand.h"

#include <functional>

#include "account/support.h"
#include "account/verifier.h"
#include "base/text.h"
#include "sasl/keys.h"

using namespace angarium;
using namespace angarium::account;
using account::test::finish;

namespace {

constexpr PasswordCost kCheap{.memory_kib = 8, .passes = 1};
constexpr std::string_view kPassword = "wonder land";
constexpr std::string_view kRealm = "mail.example.test";

/// A directory with one account, and the verifier that makes its keys.
struct Desk {
  std::unique_ptr<store::Tablet> tablet = account::test::memory_tablet();
  Directory directory{*tablet};
  io::SimulatedLoop loop;
  ManualClock clock;
  io::Pool pool{{.name = "read"}};
  Verifier verifier{directory, pool, {.cost = kCheap, .realm = std::string(kRealm)}, clock};

  Desk() {
    REQUIRE(directory.add_domain("example.test"));
    auto credentials = make_credentials(kPassword, kCheap);
    REQUIRE(credentials);
    REQUIRE(
        directory.add_account({.address = "alice@example.test", .name = "", .quota = {}, .credentials = *credentials}));
  }
  void want(std::initializer_list<Demand> demands) {
    REQUIRE(directory.change_account("alice@example.test", [&](Account& account) {
      for (const Demand demand : demands) account.credentials.on_demand.want(demand);
    }));
  }
  OnDemand keys() { return directory.account("alice@example.test").value().value().credentials.on_demand; }
  Result<Account> log_in(std::string_view password) {
    return account::test::finish(
        loop, verifier.check_password("Alice@example.test", std::string(password), "192.0.2.1", Use::imap));
  }
};

Account with_all() {
  Account account{.id = 7, .address = "alice@example.test"};
  for (const Demand demand : kDemands) account.credentials.on_demand.want(demand);
  REQUIRE(make_on_demand(account.credentials.on_demand, kPassword, account.address, kRealm));
  return account;
}

}  // namespace

TEST_CASE("where mail is read now stands behind the keys, and who did not move has the record of before") {
  Account account{.address = "alice@example.test"};
  const std::string before = encode(account);
  account.moved_to = "imap://new.example.test/";
  CHECK(encode(account) != before);
  for (const bool keys : {false, true}) {
    if (keys) account.credentials.on_demand.want(Demand::cram_md5);
    const auto read = decode_entry(encode(account));
    REQUIRE(read);
    CHECK(std::get<Account>(*read).moved_to == account.moved_to);
    CHECK(std::get<Account>(*read).credentials.on_demand == account.credentials.on_demand);
  }
  account.moved_to.clear();
  account.credentials.on_demand = {};
  CHECK(encode(account) == before);
}

TEST_CASE(
    "keys, codes by time and where mail is read now come back in every combination, and are cut between them only") {
  for (const unsigned parts : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U}) {
    CAPTURE(parts);
    Account account = (parts & 1) != 0 ? with_all() : Account{.id = 7, .address = "alice@example.test"};
    if ((parts & 2) != 0) account.totp = Totp{.secret = std::string(kTotpSecretOctets, 's'), .on = true};
    if ((parts & 4) != 0) account.moved_to = "imap://new.example.test/";
    const std::string octets = encode(account);
    const auto same = [&](const Account& read, bool keys, bool totp, bool moved) {
      return read.credentials.on_demand == (keys ? account.credentials.on_demand : OnDemand()) &&
             read.totp == (totp ? account.totp : std::nullopt) && read.moved_to == (moved ? account.moved_to : "");
    };
    CHECK(same(std::get<Account>(decode_entry(octets).value()), true, true, true));
    // As older versions would have it: without all, with keys, and with keys and codes.
    int whole = 0;
    for (std::size_t size = 0; size < octets.size(); ++size) {
      const auto cut = decode_entry(std::string_view(octets).substr(0, size));
      if (!cut) continue;
      ++whole;
      CHECK(same(std::get<Account>(*cut), whole > 1, whole > 2, false));
    }
    CHECK(whole == ((parts & 4) != 0 ? 3 : (parts & 2) != 0 ? 2 : (parts & 1) != 0 ? 1 : 0));
  }
}

TEST_CASE("nothing is kept that nobody asked for") {
  Desk desk;
  CHECK(desk.log_in(kPassword));
  CHECK(desk.keys() == OnDemand());
  // A record of somebody who asks for nothing is what it was before there was anything to ask for.
  Account account{.id = 7, .address = "alice@example.test"};
  const std::string before = encode(account);
  account.credentials.on_demand.want(Demand::cram_md5);
  CHECK(encode(account).starts_with(before));
  CHECK(std::get<Account>(decode_entry(before).value()).credentials.on_demand == OnDemand());
}

TEST_CASE("records bring back every key, and refuse one that is cut") {
  const Account account = with_all();
  const std::string octets = encode(account);
  const auto read = decode_entry(octets);
  REQUIRE(read);
  CHECK(std::get<Account>(*read).credentials.on_demand == account.credentials.on_demand);
  const std::size_t before = encode(Account{.id = 7, .address = "alice@example.test"}).size();
  for (std::size_t size = before + 1; size < octets.size(); ++size)
    CHECK(!decode_entry(std::string_view(octets).substr(0, size)));
}

TEST_CASE("the keys are those of the mechanisms") {
  const OnDemand keys = with_all().credentials.on_demand;
  CHECK(keys.cram_md5 == sasl::cram_md5_key(kPassword)->view());
  CHECK(keys.digest_md5 == sasl::digest_md5_key("alice@example.test", kRealm, kPassword)->view());
  CHECK(keys.nt_hash == sasl::nt_hash(kPassword)->view());
  CHECK(keys.plain == kPassword);
  CHECK(keys.scram_sha_512->hash == sasl::Hash::sha512);
  // SKEY knows one algorithm only, and OTP that one, too.
  CHECK(keys.otp->algorithm == sasl::OtpAlgorithm::md4);
  OnDemand strong;
  strong.want(Demand::otp);
  REQUIRE(make_on_demand(strong, kPassword, "alice@example.test", kRealm));
  CHECK(strong.otp->algorithm == sasl::OtpAlgorithm::sha1);
  CHECK(strong.has(Demand::otp, kRealm));
  CHECK(!strong.has(Demand::skey, kRealm));
}

TEST_CASE("no key holds the password, but APOP's") {
  OnDemand keys;
  for (const Demand demand : kDemands)
    if (demand != Demand::apop) keys.want(demand);
  REQUIRE(make_on_demand(keys, kPassword, "alice@example.test", kRealm));
  Account account{.id = 7, .address = "alice@example.test"};
  account.credentials.on_demand = keys;
  CHECK(encode(account).find(kPassword) == std::string::npos);
  CHECK(encode(with_all()).find(kPassword) != std::string::npos);
}

TEST_CASE("keys that were asked for later are made when the password is given next, and not by a wrong one") {
  Desk desk;
  CHECK(desk.log_in(kPassword));  // it is remembered from now on
  desk.want({Demand::cram_md5, Demand::digest_md5, Demand::ntlm, Demand::otp, Demand::apop, Demand::scram_sha_512});
  CHECK(!desk.log_in("something else"));
  CHECK(desk.keys().lacks(kRealm));
  CHECK(desk.log_in(kPassword));
  CHECK(!desk.keys().lacks(kRealm));
  const OnDemand made = desk.keys();
  // Once is enough: a sequence of one-time passwords does not begin anew with each login.
  CHECK(desk.log_in(kPassword));
  CHECK(desk.keys() == made);
}

TEST_CASE("a password that is too short for one-time passwords makes the other keys") {
  OnDemand keys;
  keys.want(Demand::otp);
  keys.want(Demand::cram_md5);
  REQUIRE(make_on_demand(keys, "123456789", "alice@example.test", kRealm));
  CHECK(keys.has(Demand::cram_md5, kRealm));
  CHECK(!keys.has(Demand::otp, kRealm));
  CHECK(keys.lacks(kRealm));
}

TEST_CASE("a key of DIGEST-MD5 is for one name of the host") {
  OnDemand keys = with_all().credentials.on_demand;
  CHECK(keys.has(Demand::digest_md5, kRealm));
  CHECK(!keys.has(Demand::digest_md5, "new.example.test"));
  CHECK(keys.lacks("new.example.test"));
}

TEST_CASE("who asks for less has less") {
  OnDemand keys = with_all().credentials.on_demand;
  for (const Demand demand : kDemands) {
    keys.unwant(demand);
    CHECK(!keys.has(demand, kRealm));
  }
  keys.digest_realm.clear();
  CHECK(keys == OnDemand());
}

TEST_CASE("names of mechanisms are found again, others are none") {
  for (const Demand demand : kDemands) CHECK(parse_demand(to_text(demand)) == demand);
  CHECK(parse_demand("CRAM-MD5") == Demand::cram_md5);
  CHECK(!parse_demand("plain"));
}

TEST_CASE("SCRAM-SHA-512 has keys for who asked, and the others go on as they did") {
  Desk desk;
  const auto keys = [&](sasl::Hash hash) {
    return account::test::finish(desk.loop, desk.verifier.scram_keys("alice@example.test", hash)).value();
  };
  CHECK(!keys(sasl::Hash::sha512));
  desk.want({Demand::scram_sha_512});
  CHECK(desk.log_in(kPassword));
  CHECK(keys(sasl::Hash::sha512));
  CHECK(keys(sasl::Hash::sha256));
}

TEST_CASE("one exchange by one-time passwords at a time, whoever the name is (RFC 2289 §9)") {
  Desk desk;
  for (const std::string name : {"alice@example.test", "nobody@example.test"}) {
    const auto first = desk.verifier.begin_otp(name);
    REQUIRE(first);
    CHECK(!desk.verifier.begin_otp(to_upper(name)));
    desk.verifier.end_otp(name, *first);
    const auto second = desk.verifier.begin_otp(name);
    REQUIRE(second);
    // Who is too slow loses the turn, and can't end the other's.
    desk.clock.advance(Verifier::kOtpPatience);
    const auto third = desk.verifier.begin_otp(name);
    REQUIRE(third);
    desk.verifier.end_otp(name, *second);
    CHECK(!desk.verifier.begin_otp(name));
    desk.verifier.end_otp(name, *third);
  }
}

TEST_CASE("a state of one-time passwords is replaced once, durably, and by whose turn it is") {
  Desk desk;
  desk.want({Demand::otp});
  REQUIRE(desk.log_in(kPassword));
  const sasl::OtpState from = *desk.keys().otp;
  sasl::OtpState to = from;
  to.sequence -= 1;
  to.last = "12345678";
  const std::string name = "alice@example.test";
  const auto replace = [&](std::uint64_t ticket) {
    return account::test::finish(desk.loop, desk.verifier.replace_otp(name, ticket, from, to));
  };
  const std::uint64_t ticket = desk.verifier.begin_otp(name).value();
  CHECK(replace(ticket + 1).error().is(sasl::kBadCredentials));
  CHECK(*desk.keys().otp == from);
  CHECK(replace(ticket));
  CHECK(*desk.keys().otp == to);
  // The same password again.
  CHECK(replace(ticket).error().is(sasl::kBadCredentials));
  desk.verifier.end_otp(name, ticket);
  CHECK(replace(ticket).error().is(sasl::kBadCredentials));
}

TEST_CASE("a used-up sequence begins anew when the password is given") {
  Desk desk;
  desk.want({Demand::otp});
  REQUIRE(desk.log_in(kPassword));
  REQUIRE(desk.directory.change_account("alice@example.test",
                                        [](Account& account) { account.credentials.on_demand.otp->sequence = 1; }));
  CHECK(!desk.keys().has(Demand::otp, kRealm));
  REQUIRE(desk.log_in(kPassword));
  CHECK(desk.keys().has(Demand::otp, kRealm));
}

/// Who is known, by an address each for what was proved there.
struct Known {
  Desk& desk;
  Account account() const { return desk.directory.account("alice@example.test").value().value(); }
  void prove(const Proof& proof, std::string_view peer) const { desk.verifier.remember_proof(account(), proof, peer); }
  bool at(std::string_view peer) const {
    const auto known = finish(desk.loop, desk.verifier.has_proved(account(), std::string(peer)));
    REQUIRE(known);
    return *known;
  }
};

TEST_CASE("who has proved to be somebody is known by the address, as that one and there alone") {
  Desk desk;
  const Known known{desk};
  known.prove({.by = Proof::By::password}, "192.0.2.1");
  CHECK(known.at("192.0.2.1"));
  CHECK(!known.at("192.0.2.2"));
  Account other = known.account();
  ++other.id;
  CHECK(!*finish(desk.loop, desk.verifier.has_proved(other, "192.0.2.1")));
}

TEST_CASE("who has proved what is withdrawn is known no longer, and others are") {
  Desk desk;
  const Known known{desk};
  const auto change = [&](const std::function<void(Account&)>& change) {
    REQUIRE(desk.directory.change_account("alice@example.test", change));
  };
  AppPassword phone{.name = "phone", .salt = "s", .digest = "of the phone"};
  const AppPassword laptop{.name = "laptop", .salt = "s", .digest = "of the laptop"};
  const auto keep = [&](const std::vector<AppPassword>& kept) {
    REQUIRE(desk.directory.change_app_passwords("alice@example.test", [&](std::vector<AppPassword>& all) -> Result<> {
      all = kept;
      return {};
    }));
  };
  keep({phone, laptop});
  known.prove({.by = Proof::By::password}, "192.0.2.1");
  known.prove({.by = Proof::By::app_password, .digest = phone.digest}, "192.0.2.2");
  known.prove({.by = Proof::By::app_password, .digest = laptop.digest}, "192.0.2.3");
  known.prove({.by = Proof::By::other}, "192.0.2.4");
  CHECK(known.at("192.0.2.2"));
  keep({laptop});
  CHECK(!known.at("192.0.2.2"));
  phone.expires = desk.clock.wall();
  keep({phone, laptop});
  CHECK(!known.at("192.0.2.2"));
  CHECK(known.at("192.0.2.1"));
  change([](Account& account) { account.name = "Alice"; });
  CHECK(known.at("192.0.2.1"));
  change([](Account& account) { account.totp = Totp{.secret = std::string(kTotpSecretOctets, 's'), .on = true}; });
  CHECK(!known.at("192.0.2.1"));
  known.prove({.by = Proof::By::password}, "192.0.2.1");
  change([](Account& account) { ++account.credentials.version; });
  CHECK(!known.at("192.0.2.1"));
  CHECK(known.at("192.0.2.3"));
  CHECK(known.at("192.0.2.4"));
}
