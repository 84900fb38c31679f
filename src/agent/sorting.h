// Where the mail for an address goes in the end: the directory, the aliases of the host and the .forward files of its
// users, followed until every copy has its place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "account/directory.h"
#include "agent/people.h"
#include "agent/services.h"
#include "alias/expand.h"
#include "alias/file.h"
#include "alias/source.h"
#include "envelope/path.h"
#include "route/delivery_map.h"
#include "route/fact.h"

namespace angarium::agent {

/// People of this host who have mail without an entry in the directory. Any thread; may block: for pools.
class HostUsers {
 public:
  struct User {
    std::uint32_t uid = 0;
    std::optional<alias::Forward> forward;  ///< read with the user's rights
    account::Destination mailbox;
    std::string home = {};
  };
  virtual ~HostUsers() = default;
  /// Nothing when nobody has the name (in lower case, without a detail). Temporary errors make the mail wait.
  virtual Result<std::optional<User>> find(const std::string& name) = 0;
  /// Where mail lies that nobody of this host reads otherwise: root's mailbox in the own store, which takes no login.
  virtual Result<std::optional<account::Destination>> root() = 0;
};

/// What the host knows of names besides the directory. What is kept of the files apart, never changed; any thread.
struct LocalTerms {
  std::string hostname;
  std::set<std::string> domains;  ///< message::domain_key() of those whose addresses are names of this host
  std::vector<std::shared_ptr<alias::AliasFile>> aliases;  ///< of a name that is in several the first counts
  alias::Files* files = &alias::system_files();
  std::shared_ptr<HostUsers> users;  ///< null: none
  std::shared_ptr<People> people;    ///< null: none
  route::DeliveryMap deliveries;     ///< where the mail of accounts is laid down
  bool srs = false;                  ///< whether senders are rewritten where mail is sent on
  std::string srs_domain;            ///< of such senders; empty: the one that stands for names without a domain
  [[nodiscard]] bool is_here(std::string_view domain) const;
};

/// Aliases and .forward files that lead from one to the other through addresses.
inline constexpr std::size_t kSortingDepthMax = 10;
/// Addresses looked at for one; alias::kDestinationsMax bounds each list of them.
inline constexpr std::size_t kSortingAddressesMax = 20'000;

/// Where the mail for one address goes.
struct Sorted {
  /// A copy that goes to another host, into a file or to a command.
  struct Onward {
    envelope::Mailbox to;  ///< unless there is a target
    std::string target;    ///< as delivery::parse_target() reads it
    std::string user;      ///< whose rights the target is used with; empty: the server's
    /// Who chose the target. The operator's may lie in the folder of mailboxes, where users may make no files.
    enum class Chosen : std::uint8_t { by_user, by_operator } chosen = Chosen::by_user;
    std::string owner;  ///< address that reports go to instead of to the sender; empty: to the sender
    bool here = false;  ///< `to` is a user of this host who cannot be delivered to now: this copy waits alone
    friend bool operator==(const Onward&, const Onward&) = default;
  };
  /// As the directory's, but that `accounts` is said also of what only goes onward or is thrown away.
  account::Resolution::Kind kind = account::Resolution::Kind::unknown;
  std::vector<account::Destination> accounts;
  std::vector<Onward> onward;
  bool discarded = false;  ///< one copy is thrown away: /dev/null
  /// Who does not get it. While one is temporary nobody may get it: what was delivered would be again.
  std::vector<alias::Problem> problems;
  route::Facts facts;  ///< each step

  [[nodiscard]] const alias::Problem* temporary() const;
  [[nodiscard]] std::size_t copies() const { return accounts.size() + onward.size() + (discarded ? 1 : 0); }
  /// All reports go to an owner: a mailing list (RFC 3461 §5.2.7), not an alias.
  [[nodiscard]] bool is_list() const;
};

/// An address without a domain is a name of this host. Names of the host are those of its domains (`local`, may be
/// null), of no domain, and of the domain that stands for none: the host's own if it is served, else the first. They
/// are looked for in the directory, in the aliases, among the users; postmaster, MAILER-DAEMON, abuse and root always
/// have a reader. A sender that was rewritten (SRS) stands for the sender. An address of another domain that is not
/// served is `not_local`. Blocks: for pools. Errors: the store's.
Result<Sorted> sort_mail(Services& services, const LocalTerms* local, const envelope::Mailbox& address);

}  // namespace angarium::agent
