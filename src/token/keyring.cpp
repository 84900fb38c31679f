#include "token/keyring.h"

#include "base/log.h"

namespace angarium::token {

Keyring::Held Keyring::held() {
  const std::lock_guard lock(mutex_);
  return {.keys = keys_, .told = told_};
}

/// What is published now, unless it was asked for a moment ago.
Keyring::Held Keyring::renewed() {
  const std::lock_guard one(fetching_);
  {
    const std::lock_guard lock(mutex_);
    if (tried_ && clock_.now() - last_ < kPause) return {.keys = keys_, .told = told_};
    tried_ = true;
    last_ = clock_.now();
  }
  auto text = fetch_();
  Result<KeySet> keys = text ? parse_keys(*text) : Result<KeySet>(std::unexpected(std::move(text).error()));
  if (!keys)
    log::warning("token", "an issuer's keys cannot be had; those that are known go on",
                 {{"issuer", name_}, {"error", keys.error().text()}});
  const std::lock_guard lock(mutex_);
  told_ = keys.has_value();
  if (keys) keys_ = std::make_shared<const KeySet>(*std::move(keys));
  return {.keys = keys_, .told = told_};
}

Result<std::string> Keyring::verify(std::string_view token, const Terms& terms) {
  Held now = held();
  bool old = false;
  {
    const std::lock_guard lock(mutex_);
    old = !keys_ || !told_ || clock_.now() - last_ >= kAge;
  }
  if (old) now = renewed();
  for (bool again : {true, false}) {
    if (now.keys == nullptr) break;
    auto address = token::verify(token, *now.keys, terms, clock_.wall());
    if (address || !address.error().is(kUnknownKey)) return address;
    if (again) now = renewed();
  }
  if (now.keys == nullptr || !now.told) return fail(kUnavailable, "the keys of " + name_ + " cannot be had now");
  return fail(kBad, "no key of " + name_ + " has signed it");
}

}  // namespace angarium::token
