// The directories of the configuration that are kept elsewhere: who they know has an account, which is made at the
// first mail or login, and logs in by the password that the directory keeps.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "account/users.h"
#include "agent/people.h"
#include "agent/services.h"
#include "configuration/configuration.h"
#include "directory/person/person.h"
#include "io/fair_pool.h"

namespace angarium::agent {

/// What a directory said of an address is believed for so long, and for the shorter times that there is nobody, or that
/// it does not answer.
inline constexpr Duration kPersonKnown = std::chrono::minutes(1);
inline constexpr Duration kNoPersonKnown = std::chrono::seconds(20);
inline constexpr Duration kAwayKnown = std::chrono::seconds(5);
/// Addresses that are remembered; strangers choose them, so that all are forgotten when there is one more.
inline constexpr std::size_t kPeopleKnownMax = 10'000;
/// Questions to one directory that have a thread at one time, and those that wait, of mail and of logins each: who
/// sends to many addresses takes no login's thread. The directory's connections (its `connections`, 4 without it) are
/// for both: while mail's questions have all of them, a login waits for one as long as the directory's timeout allows.
inline constexpr std::size_t kDirectoryShare = 8;
inline constexpr std::size_t kDirectoryWaiting = 256;
/// So that with several that hang others still have threads.
inline constexpr std::size_t kDirectoryThreads = 32;

/// One of them.
struct OneDirectory {
  std::string name;
  std::set<std::string> domains;  ///< message::domain_key()
  std::shared_ptr<directory::Source> source;
  std::uint32_t scram_iterations = 0;  ///< of the keys there; 0: it keeps none
};
using DirectoryList = std::vector<OneDirectory>;

/// In the order of the configuration. Reads password files; nobody is asked yet. Errors say which directory it is.
Result<DirectoryList> open_directories(const configuration::Configuration& configuration);

/// Any thread. Outlives the verifier that asks it, or ends after it is asked no more.
class Directories final : public account::Users, public People {
 public:
  Directories(Services& services, std::string hostname, const Clock& clock = system_clock());

  /// From now on these, whose domains are served here. Blocks; on an error all is as it was.
  Result<> use(DirectoryList list);
  /// No question is begun any more; those under way are waited for.
  void end();

  /// Nobody where an account of that name was added: it has its own password.
  io::Task<Result<Check>> check_password(std::string name, sasl::Secret password, std::string peer) override;
  io::Task<Result<std::optional<account::Account>>> account(std::string name) override;
  io::Task<Result<std::optional<sasl::ScramKeys>>> scram_keys(std::string name, sasl::Hash hash) override;
  [[nodiscard]] std::uint32_t iterations_like(std::string_view name) override;

  bool serves(std::string_view domain) override;
  /// While a directory is away: who was known before.
  Result<std::optional<account::Destination>> find(const std::string& address) override;
  io::Task<Result<std::optional<account::Destination>>> ask(std::string address) override;

 private:
  /// Somebody with an account here.
  struct Met {
    account::Account account;
    std::optional<std::uint64_t> octets;  ///< of its quota, where the directory says something new
  };
  using Person = std::optional<Met>;
  struct Checked {
    Check::Kind kind = Check::Kind::nobody;
    Met met;  ///< when right
  };
  Result<Checked> check(const OneDirectory& one, const directory::Asked& asked, const sasl::Secret& password);
  struct Known {
    std::optional<account::Destination> person;
    std::optional<Error> error;
    Moment until;
  };
  using Serving = std::vector<std::shared_ptr<const OneDirectory>>;
  Serving serving(std::string_view domain);
  /// Who a login means; nothing: nobody of ours.
  io::Task<Result<std::optional<directory::Asked>>> asked_by(std::string name);
  Result<std::optional<directory::Asked>> ours(const std::string& name);
  io::FairPool& pool();
  /// Whose turn it is at a directory.
  enum class Asker : std::uint8_t { mail, login };
  static std::string party(const OneDirectory& one, Asker asker);
  io::Task<Result<std::optional<account::Destination>>> ask_for(Asker asker, std::string address);

  Result<Person> look(const OneDirectory& one, const directory::Asked& asked);
  Result<Person> account_of(const OneDirectory& one, const directory::Asked& asked, const directory::Person& person);
  Result<Met> keep_up(account::Account account, const directory::Person& person);
  io::Task<> set_quota(Met met);
  std::optional<Known> known(const std::string& address);
  Result<std::optional<account::Destination>> remember(const std::string& address, Result<Person> found);

  Services& services_;
  const std::string hostname_;
  const Clock& clock_;
  std::mutex mutex_;                              // of all that follows but the pool's work
  Serving list_;                                  // shared with what is under way
  std::unordered_map<std::string, Known> known_;  // by address
  std::unique_ptr<io::FairPool> pool_;            // made with the first directory, and kept
};

/// Several bodies as one, asked in order: right before "cannot be told", that before wrong, wrong before nobody.
class UsersInOrder final : public account::Users {
 public:
  explicit UsersInOrder(std::vector<account::Users*> bodies) : bodies_(std::move(bodies)) {}
  io::Task<Result<Check>> check_password(std::string name, sasl::Secret password, std::string peer) override;
  io::Task<Result<std::optional<account::Account>>> account(std::string name) override;
  io::Task<Result<std::optional<sasl::ScramKeys>>> scram_keys(std::string name, sasl::Hash hash) override;
  [[nodiscard]] std::uint32_t iterations_like(std::string_view name) override;

 private:
  std::vector<account::Users*> bodies_;
};

}  // namespace angarium::agent
