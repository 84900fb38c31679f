// Where the mail of accounts here is laid down: the own store, or a file, a folder or a command of the host.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "envelope/path.h"
#include "route/transport.h"

namespace angarium::route {

/// The word for the own store.
inline constexpr std::string_view kOwnStore = "store";

/// A line of the table. `place` is "store" or a target as delivery::parse_target() reads it, in which {user} stands for
/// the account's name, which is its local part, and {home} for the home of a user of this host.
struct DeliveryRule {
  std::string key;
  std::string place;
};

/// Checks `place`: kBadTransport says what is wrong.
Result<> check_place(std::string_view place);

/// Who {user} and {home} are.
struct Resident {
  std::string user;
  std::string home;  ///< empty: the account is no user of the host
};
/// The target for this account. kBadTransport: {home} of who has none, or a name or home that is no safe part of a path
/// and of a command line.
Result<std::string> fill_place(std::string_view place, const Resident& resident);

/// Keys: "user@example.org", "example.org", ".example.org" (domains below it), "*"; the first in this order that is
/// there wins. Immutable; safe from any thread.
class DeliveryMap {
 public:
  DeliveryMap() = default;
  /// kBadRule, kBadTransport.
  static Result<DeliveryMap> make(const std::vector<DeliveryRule>& rules);

  struct Choice {
    std::string place;  ///< empty: the own store
    std::string rule;   ///< the key that matched; empty: none
  };
  [[nodiscard]] Choice decide(const envelope::Mailbox& account) const;
  [[nodiscard]] bool empty() const { return map_.size() == 0; }

 private:
  TransportMap map_;
};

/// As rule_key(), without those of senders.
Result<std::string> delivery_key(std::string_view key);

}  // namespace angarium::route
