#include "account/app_password.h"

#include <algorithm>
#include <set>

#include "account/record.h"
#include "account/support.h"
#include "base/text.h"
#include "store/keys.h"

using namespace angarium;
using namespace angarium::account;

namespace {

AppPassword phone() {
  AppPassword one{.name = "phone", .created = WallTime::from_seconds(1'700'000'000)};
  one.allow(Use::imap);
  one.allow(Use::smtp);
  REQUIRE(make_app_password(one));
  return one;
}

std::string join(std::string_view text, std::string_view by) {
  std::string out;
  for (const char c : text) out += c == '-' ? std::string(by) : std::string(1, c);
  return out;
}

}  // namespace

TEST_CASE("a secret is six groups of four letters, each time another one, and no letter is mistaken for another") {
  std::set<std::string> seen;
  std::set<char> letters;
  for (int i = 0; i < 200; ++i) {
    AppPassword one;
    const std::string secret(make_app_password(one)->view());
    CHECK(secret.size() == 29);
    for (std::size_t at = 0; at < secret.size(); ++at) {
      CHECK((secret[at] == '-') == (at % 5 == 4));
      if (secret[at] != '-') letters.insert(secret[at]);
    }
    CHECK(seen.insert(secret).second);
    CHECK(one.digest.size() == 32);
    CHECK(one.digest.find(secret) == std::string::npos);
  }
  CHECK(letters.size() == 24);
  CHECK(!letters.contains('l'));
  CHECK(!letters.contains('o'));
}

TEST_CASE("what is typed counts without hyphens and blanks, in either case; nothing else is an app password") {
  AppPassword one;
  const std::string secret(make_app_password(one)->view());
  const std::vector<AppPassword> all = {phone(), one, phone()};
  for (const std::string& typed :
       {secret, join(secret, " "), join(secret, ""), join(secret, " - "), to_upper(secret)}) {
    const auto read = app_password_in(typed);
    REQUIRE(read);
    CHECK(find_app_password(all, *read) == &all[1]);
  }
  for (const std::string& other : {std::string(), secret.substr(1), secret + "a", join(secret, "_"), join(secret, "l"),
                                   secret.substr(0, 28) + "1", std::string(24, '-')})
    CHECK(!app_password_in(other));
}

TEST_CASE("another secret finds nothing, and the same one in two accounts is kept by two digests") {
  const std::vector<AppPassword> all = {phone(), phone()};
  AppPassword other;
  const auto secret = app_password_in(make_app_password(other)->view());
  CHECK(find_app_password(all, *secret) == nullptr);
  CHECK(find_app_password({}, *secret) == nullptr);
  CHECK(all[0].digest != all[1].digest);
  CHECK(all[0].salt != all[1].salt);
}

TEST_CASE("a name is 1 to 64 octets of text") {
  CHECK(check_app_password_name("phone"));
  CHECK(check_app_password_name(std::string(kAppPasswordNameMax, 'x')));
  CHECK(check_app_password_name("Telefon für Zürich"));
  CHECK(!check_app_password_name(""));
  CHECK(!check_app_password_name(std::string(kAppPasswordNameMax + 1, 'x')));
  CHECK(!check_app_password_name("pho\x1b[1mne"));
  CHECK(!check_app_password_name("a\xff"));
}

TEST_CASE("records bring back all that is kept, and refuse what is cut") {
  std::vector<AppPassword> all = {phone(), phone()};
  all[1].name = "laptop";
  all[1].expires = WallTime::from_seconds(1'800'000'000);
  all[1].last_use = LastUse{.at = WallTime::from_seconds(1'700'000'100), .use = Use::smtp, .peer = "192.0.2.1"};
  const std::string octets = encode(all);
  CHECK(decode_app_passwords(octets).value() == all);
  for (std::size_t size = 0; size < octets.size(); ++size)
    CHECK(!decode_app_passwords(std::string_view(octets).substr(0, size)));
  CHECK(decode_app_passwords(encode(std::vector<AppPassword>())).value().empty());
}

TEST_CASE("a last use for what only a newer version knows is left out, and the password stays") {
  std::vector<AppPassword> all = {phone(), phone()};
  all[0].last_use =
      LastUse{.at = WallTime::from_seconds(1'700'000'100), .use = static_cast<Use>(kUses.size()), .peer = "192.0.2.1"};
  all[1].last_use = LastUse{.at = WallTime::from_seconds(1'700'000'100), .use = Use::smtp, .peer = "192.0.2.1"};
  const auto read = decode_app_passwords(encode(all));
  REQUIRE(read);
  all[0].last_use.reset();
  CHECK(*read == all);
}

TEST_CASE("an account's app passwords are changed together, and go with it") {
  auto tablet = account::test::memory_tablet();
  Directory directory{*tablet};
  REQUIRE(directory.add_domain("example.test"));
  const auto alice =
      directory.add_account({.address = "alice@example.test", .name = "", .quota = {}, .credentials = {}});
  const auto bob = directory.add_account({.address = "bob@example.test", .name = "", .quota = {}, .credentials = {}});
  REQUIRE((alice && bob));
  const auto add = [&](std::string_view address, const AppPassword& one) {
    return directory.change_app_passwords(address, [&](std::vector<AppPassword>& all) -> Result<> {
      all.push_back(one);
      return {};
    });
  };
  const AppPassword one = phone();
  REQUIRE(add("Alice@Example.test", one));
  REQUIRE(add("bob@example.test", one));
  CHECK(directory.app_passwords(alice->id).value() == std::vector{one});
  CHECK(add("nobody@example.test", one).error().is(kUnknown));
  // What `change` refuses is not written.
  CHECK(!directory.change_app_passwords("alice@example.test", [](std::vector<AppPassword>& all) -> Result<> {
    all.clear();
    return fail(kInvalid, "not so");
  }));
  CHECK(directory.app_passwords(alice->id).value().size() == 1);
  CHECK(directory.verify().value().empty());
  // One that is added while the account is being removed does not stay behind.
  store::Batch batch;
  REQUIRE(directory.prepare_removal("alice@example.test", batch));
  REQUIRE(add("alice@example.test", phone()));
  REQUIRE(tablet->commit_and_wait(std::move(batch)));
  directory.forget();
  CHECK(directory.app_passwords(alice->id).value().empty());
  CHECK(directory.app_passwords(bob->id).value().size() == 1);
  CHECK(directory.verify().value().empty());
}

TEST_CASE("verify names records that do not decode, and app passwords of nobody") {
  auto tablet = account::test::memory_tablet();
  Directory directory{*tablet};
  REQUIRE(directory.add_domain("example.test"));
  const auto alice =
      directory.add_account({.address = "alice@example.test", .name = "", .quota = {}, .credentials = {}});
  store::Batch batch;
  const auto key = [](std::uint64_t account) {
    return store::KeyWriter().u8(kDirectoryKey).u8('p').u64(account).key();
  };
  batch.put(key(alice->id), "rubbish");
  batch.put(key(alice->id + 1), encode(std::vector{phone()}));
  batch.put(store::KeyWriter().u8(kDirectoryKey).u8('a').text("example.test").text("bob").key(), "rubbish");
  batch.put(store::KeyWriter().u8(kDirectoryKey).u8('d').text("other.test").key(), "rubbish");
  REQUIRE(tablet->commit_and_wait(std::move(batch)));
  const auto damage = directory.verify().value();
  CHECK(damage.size() == 4);
  const auto names = [&](const std::string& what) {
    return std::ranges::any_of(damage, [&](const std::string& line) { return line.find(what) != std::string::npos; });
  };
  CHECK(names("bob@example.test"));
  CHECK(names("other.test"));
  CHECK(names("account " + std::to_string(alice->id) + " do not decode"));
  CHECK(names("account " + std::to_string(alice->id + 1) + ", which is gone"));
}
