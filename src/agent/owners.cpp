#include "agent/owners.h"

#include "base/text.h"

namespace angarium::agent {

Result<std::string> access_identifier(account::Directory& directory, std::string_view domain, std::string written) {
  if (written == kAnyone) return written;
  // Kinds of identifiers that other servers know: no name here begins so.
  if (written.starts_with('$') || written.starts_with("group:") || written.starts_with("group="))
    return fail(kNobody, "rights are granted to users and to anyone, not to groups");
  if (!written.contains('@')) (written += '@') += domain;
  const auto address = account::canonical_address(written);
  if (!address) return fail(kNobody, "no user is called " + escape_controls(written, 400));
  if (!TRY(directory.account(*address))) return fail(kNobody, "there is no user " + escape_controls(*address, 400));
  return *address;
}

io::Task<Result<>> Owners::read_all() {
  const auto all = CO_TRY(co_await io::run(pool_, [&directory = directory_] { return directory.accounts(); }));
  const std::lock_guard lock(mutex_);
  for (const account::Account& account : all) known_[account.id] = account.address;
  co_return Result<>();
}

io::Task<Result<std::string>> Owners::address(account::AccountId id) {
  // The directory has no way from ids to addresses: all are read once, and again when there are new accounts. A reading
  // that was under way may be older than the account, the one behind it is not.
  constexpr int kReadings = 2;
  for (int reading = 0; reading < kReadings; ++reading) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto at = known_.find(id); at != known_.end()) co_return at->second;
    }
    CO_TRY(co_await reading_.run([this] { return read_all(); }));
  }
  const std::lock_guard lock(mutex_);
  // Of one that was removed: it is not looked for again.
  co_return known_[id];
}

}  // namespace angarium::agent
