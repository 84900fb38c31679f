// Where accounts' mail lies besides the own store: [location] of the configuration, and who has moved in.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "account/directory.h"
#include "configuration/configuration.h"
#include "location/pairs.h"
#include "route/location.h"

namespace angarium::agent {

/// What the configuration says.
struct LocationTerms {
  std::vector<configuration::TransportRule> rules;
  std::string home;                      ///< where journals of boxes go that may not lie beside them
  route::LocationMap::HomeOf home_of{};  ///< of users of the host; blocks
};
/// `home_of` says that there is nobody to ask: no server runs.
LocationTerms location_terms(const configuration::Configuration& configuration);

Result<route::LocationMap> location_map(const std::vector<configuration::TransportRule>& rules);
/// Nothing: the own store alone. May block.
Result<std::optional<route::Location>> location_of(const route::LocationMap& map, const account::Account& account,
                                                   const route::LocationMap::HomeOf& home_of);

/// Two accounts have one place: it is the one's that was made first, and the other's mail lies in the own store alone.
inline constexpr ErrorKind kPlaceTaken{"agent.place-taken", Fault::user, Lasting::permanent};
/// Accounts whose place is another's, and words that say whose.
using TakenPlaces = std::map<account::AccountId, std::string>;
std::string words_of_taken(const std::string& place, const std::string& holder);
/// As far as it can be told without asking the host for its users.
TakenPlaces taken_places(const route::LocationMap& map, std::vector<account::Account> accounts);

class Services;

/// What is known of all accounts at one time. Its functions may block.
class Whereabouts {
 public:
  static Result<Whereabouts> read(Services& services, LocationTerms terms);
  /// As location_of(); kPlaceTaken.
  [[nodiscard]] Result<std::optional<route::Location>> location(const account::Account& account) const {
    if (const auto found = taken_.find(account.id); found != taken_.end()) return fail(kPlaceTaken, found->second);
    return location_of(map_, account, home_of_);
  }
  /// Null: it has not moved in.
  [[nodiscard]] const location::MovedIn* moved_in(account::AccountId account) const {
    const auto found = moved_.find(account);
    return found == moved_.end() ? nullptr : &found->second;
  }

 private:
  route::LocationMap map_;
  route::LocationMap::HomeOf home_of_;
  std::map<account::AccountId, location::MovedIn> moved_;
  TakenPlaces taken_;
};

}  // namespace angarium::agent
