#include "agent/system_users.h"

#include "agent/user_forward.h"
#include "base/log.h"
#include "base/text.h"
#include "message/domain.h"

namespace angarium::agent {
namespace {

using account::Account;

/// Checks of passwords under way, as many as the steward takes at one time, and those that wait.
constexpr std::size_t kChecks = 8;
constexpr std::size_t kChecksWaiting = 64;
static_assert(kChecks + kNameThreads <= cage::kQuestionsMax);

class StewardsUsers final : public UserSource {
 public:
  explicit StewardsUsers(const cage::Steward& steward) : steward_(steward) {}
  Result<std::optional<cage::User>> find_user(const std::string& name) override { return steward_.find_user(name); }
  Result<cage::Verdict> check_password(const std::string& name, sasl::Secret password,
                                       const std::string& remote) override {
    return steward_.check_password(name, std::move(password), remote);
  }
  Result<std::optional<cage::Forward>> forward(const std::string& name) override { return steward_.forward(name); }

 private:
  const cage::Steward& steward_;
};

std::string display_name(const cage::User& user) {
  return user.full_name.size() <= account::kNameMax && valid_utf8(user.full_name) ? user.full_name : std::string();
}

/// By the host's password.
bool logs_in(const Account& account) {
  return account.origin == account::Origin::host && account.status == account::Status::enabled;
}

/// What sessions know to say of it.
Error unavailable(const Error& error) {
  if (error.is(io::kBusy)) return {account::kBusy, "too many logins at this moment; try again"};
  if (error.is(cage::kUnavailable)) log::warning("users", "the host does not tell", {{"error", error.text()}});
  return {sasl::kUnavailable, "the users of this host cannot be asked now"};
}

}  // namespace

std::unique_ptr<UserSource> users_of(const cage::Steward& steward) { return std::make_unique<StewardsUsers>(steward); }

SystemUsers::SystemUsers(std::unique_ptr<UserSource> source, Services& services, std::string hostname,
                         const Clock& clock)
    : source_(std::move(source)),
      services_(services),
      hostname_(std::move(hostname)),
      clock_(clock),
      checks_({.name = "users", .threads = kChecks, .queue = kChecksWaiting}) {}

void SystemUsers::set_domains(const std::vector<std::string>& domains) {
  std::set<std::string> keys;
  for (const std::string& domain : domains) keys.insert(message::domain_key(domain));
  const std::lock_guard lock(mutex_);
  domains_ = std::move(keys);
}

Result<std::string> SystemUsers::home() {
  std::string home = TRY(services_.directory().home(hostname_));
  if (!home.empty()) return home;
  auto added = services_.directory().add_domain(hostname_);
  if (!added && !added.error().is(account::kExists)) return std::unexpected(std::move(added).error());
  log::notice("users", "this host serves its own name now, for its users", {{"domain", hostname_}});
  return services_.directory().home(hostname_);
}

Result<std::string> SystemUsers::name_in(std::string_view login) {
  const std::size_t at = login.rfind('@');
  std::string name = to_lower(login.substr(0, at));
  if (at == std::string_view::npos) return name;
  const std::string domain = message::domain_key(login.substr(at + 1));
  {
    const std::lock_guard lock(mutex_);
    if (domains_.contains(domain)) return name;
  }
  if (domain == message::domain_key(hostname_) || domain == TRY(home())) return name;
  return std::string();
}

Result<std::optional<cage::User>> SystemUsers::known(const std::string& name) {
  if (!cage::plausible_user_name(name)) return std::nullopt;
  {
    const std::lock_guard lock(mutex_);
    const auto at = known_.find(name);
    if (at != known_.end() && clock_.now() < at->second.until) return at->second.user;
  }
  auto user = source_->find_user(name);
  if (!user) return user;
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kUsersKnownMax) known_.clear();
  known_[name] = {.user = *user, .until = clock_.now() + (*user ? kUserKnown : kNobodyKnown)};
  return user;
}

Result<std::optional<Account>> SystemUsers::account_of(const std::string& name, const cage::User& user) {
  account::Directory& directory = services_.directory();
  const std::string address = name + "@" + TRY(home());
  if (auto account = TRY(directory.account(address))) return account;
  account::Directory::NewAccount wanted{.address = address, .name = display_name(user), .quota = {}, .credentials = {}};
  wanted.origin = account::Origin::host;
  auto added = directory.add_account(wanted, [this](const Account& account, store::Batch& batch) {
    services_.mail().create_account(account.id, {}, batch);
  });
  if (added) {
    log::notice("users", "a mailbox was made for a user of this host", {{"user", name}, {"address", address}});
    return *std::move(added);
  }
  // Somebody else made it at this moment, or it is an alias. A name that is no address has no mail.
  if (added.error().is(account::kExists)) return directory.account(address);
  if (added.error().is(account::kInvalid)) return std::nullopt;
  return std::unexpected(std::move(added).error());
}

/// Whether the operator has added an account of that name.
Result<bool> SystemUsers::was_added(const std::string& name) {
  const std::string address = name + "@" + TRY(home());
  const auto account = TRY(services_.directory().account(address));
  return account && account->origin != account::Origin::host;
}

Result<std::optional<SystemUsers::Found>> SystemUsers::find(const std::string& name) {
  auto user = TRY(known(name));
  if (!user) return std::nullopt;
  auto account = TRY(account_of(name, *user));
  if (!account) return std::nullopt;
  return Found{*std::move(user), *std::move(account)};
}

Result<std::optional<Account>> SystemUsers::root() {
  auto account = TRY(account_of("root", {.name = "root", .full_name = "root"}));
  if (!account || account->origin != account::Origin::host || account->status != account::Status::enabled)
    return std::nullopt;
  return account;
}

Result<std::string> SystemUsers::home_of(const std::string& name) {
  auto user = TRY(known(name));
  if (!user) return fail(kUnknownUser, "no user of this host that is served is named " + name);
  return std::move(user->home);
}

Result<std::optional<alias::Forward>> SystemUsers::forward(const std::string& name) {
  auto read = source_->forward(name);
  if (!read) return std::unexpected(std::move(read).error());
  if (!*read) return std::nullopt;
  return user_forward(**std::move(read));
}

Result<std::optional<HostUsers::User>> UsersOfHost::find(const std::string& name) {
  auto found = TRY(users_.find(name));
  if (!found) return std::nullopt;
  // Who is switched off gets no mail by another way either.
  if (found->account.status != account::Status::enabled) return std::nullopt;
  auto forward = TRY(users_.forward(name));
  return User{.uid = found->user.uid,
              .forward = std::move(forward),
              .mailbox = {.id = found->account.id, .address = std::move(found->account.address)},
              .home = std::move(found->user.home)};
}

Result<std::optional<account::Destination>> UsersOfHost::root() {
  auto account = TRY(users_.root());
  if (!account) return std::nullopt;
  return account::Destination{.id = account->id, .address = std::move(account->address)};
}

io::Task<Result<account::Users::Check>> SystemUsers::check_password(std::string name, sasl::Secret password,
                                                                    std::string peer) {
  auto checked = co_await io::run(checks_, [this, name, secret = std::move(password), peer]() mutable -> Result<Check> {
    const std::string user_name = TRY(name_in(name));
    const auto user = TRY(known(user_name));
    // An account that was added has a password of its own, and takes no other.
    if (!user || TRY(was_added(user_name))) return Check{};
    const cage::Verdict verdict = TRY(source_->check_password(user_name, std::move(secret), peer));
    if (verdict == cage::Verdict::wrong) return Check{.kind = Check::Kind::wrong};
    auto account = TRY(account_of(user_name, *user));
    if (!account || !logs_in(*account)) return Check{.kind = Check::Kind::wrong};
    return Check{.kind = Check::Kind::right, .account = *std::move(account)};
  });
  if (!checked) co_return std::unexpected(unavailable(checked.error()));
  co_return *std::move(checked);
}

io::Task<Result<std::optional<sasl::ScramKeys>>> SystemUsers::scram_keys(std::string, sasl::Hash) {
  co_return std::nullopt;
}

io::Task<Result<std::optional<Account>>> SystemUsers::account(std::string name) {
  auto found = co_await io::run(checks_, [this, name]() -> Result<std::optional<Account>> {
    const std::string user_name = TRY(name_in(name));
    auto user = TRY(find(user_name));
    if (!user || !logs_in(user->account)) return std::nullopt;
    return std::move(user->account);
  });
  if (!found) co_return std::unexpected(unavailable(found.error()));
  co_return *std::move(found);
}

}  // namespace angarium::agent
