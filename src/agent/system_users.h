// Users of the host as accounts: the steward knows them and their passwords; their mailboxes are made when they are
// first needed.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "account/users.h"
#include "agent/services.h"
#include "agent/sorting.h"
#include "cage/steward.h"
#include "io/pool.h"

namespace angarium::agent {

/// What the steward said of a name is believed for so long, and for the shorter time that there is nobody.
inline constexpr Duration kUserKnown = std::chrono::minutes(1);
inline constexpr Duration kNobodyKnown = std::chrono::seconds(20);
/// Names that are remembered; strangers choose them, so that all are forgotten when there is one more.
inline constexpr std::size_t kUsersKnownMax = 10'000;
/// What it asks of the steward, for tests without processes.
class UserSource {
 public:
  virtual ~UserSource() = default;
  virtual Result<std::optional<cage::User>> find_user(const std::string& name) = 0;
  virtual Result<cage::Verdict> check_password(const std::string& name, sasl::Secret password,
                                               const std::string& remote) = 0;
  virtual Result<std::optional<cage::Forward>> forward(const std::string& name) = 0;
};
std::unique_ptr<UserSource> users_of(const cage::Steward& steward);

/// Any thread. Outlives the verifier that asks it, or ends after it is asked no more.
class SystemUsers final : public account::Users {
 public:
  SystemUsers(std::unique_ptr<UserSource> source, Services& services, std::string hostname,
              const Clock& clock = system_clock());

  /// Domains whose addresses are users of this host, besides the host's own name and the domain of names without one.
  void set_domains(const std::vector<std::string>& domains);
  /// No check is begun any more; those under way are waited for.
  void end() { checks_.end(); }

  /// Nobody where an account of that name was added: it has its own password. A user who is switched off is wrong.
  io::Task<Result<Check>> check_password(std::string name, sasl::Secret password, std::string peer) override;
  io::Task<Result<std::optional<account::Account>>> account(std::string name) override;
  /// PAM tells none.
  io::Task<Result<std::optional<sasl::ScramKeys>>> scram_keys(std::string name, sasl::Hash hash) override;

  struct Found {
    cage::User user;
    account::Account account;
  };
  /// The user of this name in lower case, without domain and detail. The account, and its mailboxes, are made when they
  /// are not there, in the domain that names without one belong to; on a host that serves no domain, that too. Nothing
  /// when nobody has the name, or the address is an alias. Blocks; errors are temporary.
  Result<std::optional<Found>> find(const std::string& name);
  /// Root's mailbox, made when it is not there: root is no user that is served, logs in nowhere and has no .forward,
  /// and reads it by `mail`. Nothing when the address is an alias, or an account that was added. Blocks.
  Result<std::optional<account::Account>> root();
  /// The home of a user, whether there is a mailbox or not. kUnknownUser; other errors are temporary. Blocks.
  Result<std::string> home_of(const std::string& name);
  static constexpr ErrorKind kUnknownUser{"agent.unknown-user", Fault::user, Lasting::permanent};
  /// What the user's .forward says now; nothing without one. Blocks; errors are temporary.
  Result<std::optional<alias::Forward>> forward(const std::string& name);

 private:
  struct Known {
    std::optional<cage::User> user;
    Moment until;
  };
  /// The user's name in what somebody logs in with; empty: it cannot be one's.
  Result<std::string> name_in(std::string_view login);
  Result<std::optional<cage::User>> known(const std::string& name);
  Result<std::optional<account::Account>> account_of(const std::string& name, const cage::User& user);
  Result<bool> was_added(const std::string& name);
  Result<std::string> home();

  std::unique_ptr<UserSource> source_;
  Services& services_;
  const std::string hostname_;
  const Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<std::string, Known> known_;  // under the mutex
  std::set<std::string> domains_;                 // under the mutex; message::domain_key()
  io::Pool checks_;                               // last: its threads end first
};

/// They, as who follows addresses asks for them. Does not own them.
class UsersOfHost final : public HostUsers {
 public:
  explicit UsersOfHost(SystemUsers& users) : users_(users) {}
  Result<std::optional<User>> find(const std::string& name) override;
  Result<std::optional<account::Destination>> root() override;

 private:
  SystemUsers& users_;
};

}  // namespace angarium::agent
