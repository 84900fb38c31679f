#include "agent/location_of.h"

#include <algorithm>

#include "agent/caretaker.h"
#include "agent/system_users.h"
#include "envelope/path.h"
#include "location/location.h"

namespace angarium::agent {

LocationTerms location_terms(const configuration::Configuration& configuration) {
  return {.rules = configuration.locations,
          .home = configuration.resolve("run"),
          .home_of = [](const std::string& user) -> Result<std::string> {
            return fail(location::kTrouble,
                        "the boxes of " + user + " are reached by the running server: start it, and try again");
          }};
}

Result<route::LocationMap> location_map(const std::vector<configuration::TransportRule>& rules) {
  std::vector<route::DeliveryRule> lines;
  for (const auto& [key, place] : rules) lines.push_back({key, place});
  return route::LocationMap::make(lines);
}

Result<std::optional<route::Location>> location_of(const route::LocationMap& map, const account::Account& account,
                                                   const route::LocationMap::HomeOf& home_of) {
  const auto address = envelope::parse_mailbox(account.address);
  if (!address) return std::nullopt;
  // One that was added is nobody's of the host, unless its line says so.
  const bool of_host = account.origin == account::Origin::host;
  auto place = map.decide(*address, of_host ? address->local_part : "", home_of);
  // Who is no user of the host any more has no mail there: that is no trouble.
  if (!place && of_host && place.error().is(SystemUsers::kUnknownUser)) return std::nullopt;
  return place;
}

std::string words_of_taken(const std::string& place, const std::string& holder) {
  return place + " is the place of " + holder + ", which was made before; each account needs one of its own";
}

TakenPlaces taken_places(const route::LocationMap& map, std::vector<account::Account> accounts) {
  const auto nobody = [](const std::string& user) -> Result<std::string> {
    return fail(location::kTrouble, "the home of " + user + " is not asked for");
  };
  std::ranges::sort(accounts, {}, &account::Account::id);
  std::map<std::string, const account::Account*> holders;
  TakenPlaces taken;
  for (const account::Account& account : accounts) {
    const auto place = location_of(map, account, nobody);
    if (!place || !*place) continue;
    const std::string key = route::format_location(**place);
    const auto [at, first] = holders.try_emplace(key, &account);
    if (!first) taken[account.id] = words_of_taken(key, at->second->address);
  }
  return taken;
}

Result<Whereabouts> Whereabouts::read(Services& services, LocationTerms terms) {
  Whereabouts all;
  all.map_ = TRY(location_map(terms.rules));
  all.home_of_ = std::move(terms.home_of);
  all.moved_ = TRY(location::all_moved_in(services.tablet()));
  if (const Caretaker* const caretaker = services.caretaker())
    all.taken_ = caretaker->taken();
  else if (!all.map_.empty())
    all.taken_ = taken_places(all.map_, TRY(services.directory().accounts()));
  return all;
}

}  // namespace angarium::agent
