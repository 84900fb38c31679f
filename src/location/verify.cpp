#include "location/verify.h"

#include "location/pairs.h"
#include "store/keys.h"

namespace angarium::location {

Result<std::vector<std::string>> verify_records(store::Tablet& tablet) {
  std::vector<mailbox::AccountId> accounts;
  std::vector<std::string> damage;
  std::string from(1, static_cast<char>(kKeyOctet));
  const std::string to = store::after_prefix(from);
  for (bool more = true; more;) {
    more = false;
    TRY(tablet.scan(from, to, {.limit = 1}, [&](std::string_view key, std::string_view) {
      store::KeyReader parts(key);
      parts.u8();
      const mailbox::AccountId account = parts.u64();
      if (!parts.ok()) {
        damage.emplace_back("a record of what lies in place is of no account");
        return store::Step::stop;
      }
      accounts.push_back(account);
      from = store::after_prefix(store::KeyWriter().u8(kKeyOctet).u64(account).key());
      more = true;
      return store::Step::next;
    }));
  }
  for (const mailbox::AccountId account : accounts) {
    auto sound = [&]() -> Result<> {
      TRY(moved_in(tablet, account));
      for (const Kept& kept : TRY(kept_boxes(tablet, account))) TRY(pairs_of(tablet, account, kept.mailbox));
      return {};
    }();
    if (sound) continue;
    if (!sound.error().is(kTrouble)) return std::unexpected(std::move(sound).error());
    damage.push_back("account " + std::to_string(account) + ": " + sound.error().text());
  }
  return damage;
}

}  // namespace angarium::location
