// The directory: domains, accounts, aliases and groups in the tablet, changed while the server runs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/record.h"
#include "account/routes.h"
#include "account/types.h"
#include "account/withdrawal.h"
#include "store/tablet.h"

namespace angarium::account {

/// All keys of the directory begin with this octet.
inline constexpr std::uint8_t kDirectoryKey = 0x10;

/// What one address expands to, for EXPN: itself for an account, the targets for an alias or group.
struct Expansion {
  std::vector<std::string> addresses;
};

/// One for each tablet, used from any thread; it keeps no more than the latest resolutions in memory. Reading takes a
/// tier: Tier::memory never waits and may answer store::kWouldBlock; then ask again from a pool. Writing waits for the
/// commit: never from an event loop. A change is visible everywhere when the call that made it returns.
class Directory {
 public:
  explicit Directory(store::Tablet& tablet, const Clock& clock = system_clock()) : tablet_(tablet), clock_(clock) {}

  Result<Domain> add_domain(std::string_view name);
  /// kInUse while the domain has addresses.
  Result<> remove_domain(std::string_view name);
  /// An empty address switches it off. The target must exist.
  Result<Domain> set_catch_all(std::string_view domain, std::string_view address);
  Result<std::optional<Domain>> domain(std::string_view name, store::Tier tier = store::Tier::any);
  Result<std::vector<Domain>> domains();
  /// The domain that stands for names without one: the host's own if it is served, else the first; empty: none is.
  Result<std::string> home(std::string_view hostname, store::Tier tier = store::Tier::any);

  struct NewAccount {
    std::string address;
    std::string name;
    Quota quota;
    Credentials credentials;
    Origin origin = Origin::added;  ///< a user of the host does not become the postmaster by being the first
  };
  /// What becomes durable together with an account's entry, or not at all: its mailboxes. Called anew at each attempt.
  using Also = std::function<void(const Account&, store::Batch&)>;
  /// The domain must exist.
  Result<Account> add_account(const NewAccount& account, const Also& also = {});
  /// Reads, changes and writes; repeated when somebody else was quicker. `change` may run several times.
  Result<Account> change_account(std::string_view address, const std::function<void(Account&)>& change);
  /// What was made for the account's programs; in the order in which it was made.
  Result<std::vector<AppPassword>> app_passwords(AccountId account, store::Tier tier = store::Tier::any);
  /// Reads, changes and writes them as change_account() does; whatever `change` answers but success is left as it was.
  using ChangeAppPasswords = std::function<Result<>(std::vector<AppPassword>&)>;
  Result<> change_app_passwords(std::string_view address, const ChangeAppPasswords& change);

  /// To be committed together with the removal of the mail, which the mailbox room does by the account's id: the
  /// account, and in the batch what takes its entry away, which is refused (store::kExpectation) when somebody else
  /// changed the entry meanwhile. forget() when it is done.
  Result<Account> prepare_removal(std::string_view address, store::Batch& batch);
  /// After every commit of a batch of prepare_removal(), also a failed one.
  void forget() { routes_.forget(); }
  /// Told, from any thread, what lets somebody in no longer, once that is durable. Set before the first change.
  using OnWithdrawn = std::function<void(const Withdrawal&)>;
  void on_withdrawn(OnWithdrawn told) { on_withdrawn_ = std::move(told); }
  /// Of an account whose removal is committed.
  void removed(const Account& account) { withdraw(Withdrawal{.of = Withdrawal::Of::account, .account = account.id}); }
  Result<std::optional<Account>> account(std::string_view address, store::Tier tier = store::Tier::any);
  Result<std::vector<Account>> accounts(std::string_view domain = {});

  /// Targets may be addresses anywhere. kInvalid, with the way, where they lead back to the address itself.
  Result<Alias> add_alias(std::string_view address, Alias::Kind kind, const std::vector<std::string>& targets);
  Result<> remove_alias(std::string_view address);
  Result<std::optional<Alias>> alias(std::string_view address, store::Tier tier = store::Tier::any);
  Result<std::vector<Alias>> aliases(std::string_view domain = {});

  /// Whether the domain is one of ours.
  Result<bool> is_local(std::string_view domain, store::Tier tier = store::Tier::any);
  /// Follows exact addresses, sub-addresses ("user+detail"), aliases and groups, the domain's postmaster (RFC 5321
  /// §4.5.1: there always is one once the domain has an account; RFC 2142 §2, §4: "abuse" is read by them too, and so
  /// is what is sent to "mailer-daemon") and its catch-all, in this order. Where an alias has an "owner-" beside it,
  /// reports about its copies go there.
  Result<std::shared_ptr<const Resolution>> resolve(std::string_view local_part, std::string_view domain,
                                                    store::Tier tier = store::Tier::any);
  /// A line in words for each record that does not decode, or is of nobody. Waits.
  Result<std::vector<std::string>> verify();

  Result<Expansion> expand(std::string_view address, store::Tier tier = store::Tier::any);
  /// Whether mail may be sent in this address' name by the account: its own address, with any detail, and aliases of
  /// which it is a target.
  Result<bool> may_send_as(const Account& account, std::string_view local_part, std::string_view domain,
                           store::Tier tier = store::Tier::any);

 private:
  struct Walk;
  Result<> commit(store::Batch batch);
  /// Puts or, without `value`, erases one record that still is `expected`.
  Result<> replace(const std::string& key, std::string_view expected, const std::optional<std::string>& value);
  Result<Resolution> read_resolution(const std::string& local_part, std::string_view domain, store::Tier tier);
  Result<std::optional<Entry>> entry(std::string_view address, store::Tier tier);
  Result<bool> follow(const std::string& address, std::size_t depth, store::Tier tier, Walk& walk);
  Result<> follow_alias(const Alias& alias, std::size_t depth, store::Tier tier, Walk& walk);
  Result<std::optional<std::string>> postmaster(const Domain& domain, store::Tier tier);
  Result<std::string> loop_of(const Alias& alias, store::Batch& batch);
  Result<AccountId> next_id(std::string& before);
  void withdraw(const std::optional<Withdrawal>& withdrawal) {
    if (withdrawal && on_withdrawn_) on_withdrawn_(*withdrawal);
  }

  store::Tablet& tablet_;
  const Clock& clock_;
  Routes routes_;
  OnWithdrawn on_withdrawn_;
};

}  // namespace angarium::account
