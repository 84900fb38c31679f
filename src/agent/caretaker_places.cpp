// Which accounts have their mail in place, and where: their lines, the host's word for homes, and whose a place is.
#include <algorithm>
#include <limits>

#include "agent/caretaker.h"
#include "agent/system_users.h"
#include "base/log.h"
#include "io/loop.h"

namespace angarium::agent {
namespace {

/// How often the accounts are listed anew, and homes asked for again.
constexpr Duration kRenewal = std::chrono::seconds(30);

}  // namespace

/// Which accounts there are, and what their lines say.
io::Task<Result<>> Caretaker::renew() {
  const Moment now = io::Loop::current().now();
  auto rules = rules_in_use_();
  if (rules == rules_ && (rules->empty() || now < renew_at_)) co_return Result<>();
  auto map = location_map(*rules);
  if (!map) co_return std::unexpected(std::move(map).error());
  Listing listing{.decided = {}, .newest = std::numeric_limits<account::AccountId>::max()};
  if (!map->empty()) listing = CO_TRY(co_await list(*map));
  rules_ = std::move(rules);
  map_ = *std::move(map);
  renew_at_ = now + kRenewal;
  std::set<account::AccountId> lined;
  for (Decided& one : listing.decided) {
    lined.insert(one.account.id);
    take_line(std::move(one));
  }
  for (auto at = located_.begin(); at != located_.end();) {
    if (lined.contains(at->first)) {
      ++at;
    } else if (at->second.busy) {
      // Its last look; it goes with the next listing.
      at->second.place.reset();
      at->second.asks.clear();
      ++at;
    } else {
      at = located_.erase(at);
    }
  }
  places_changed_ = true;
  const std::lock_guard lock(mutex_);
  newest_ = listing.newest;
  co_return Result<>();
}

/// Blocks for the disk alone: the host is asked for nobody.
io::Task<Result<Caretaker::Listing>> Caretaker::list(route::LocationMap map) {
  co_return co_await io::run(services_.pool(),
                             [&directory = services_.directory(), served = static_cast<bool>(users_.ask_home),
                              map = std::move(map)]() -> Result<Listing> {
                               Listing all;
                               for (account::Account& account : TRY(directory.accounts())) {
                                 all.newest = std::max(all.newest, account.id);
                                 std::string asks;
                                 route::LocationMap::HomeOf home_of;
                                 if (served)
                                   home_of = [&asks](const std::string& user) -> Result<std::string> {
                                     asks = user;
                                     return fail(location::kTrouble, "the users of this host are asked");
                                   };
                                 auto place = location_of(map, account, home_of);
                                 if (asks.empty() && place && !*place) continue;
                                 all.decided.push_back({std::move(account), std::move(asks), std::move(place)});
                               }
                               return all;
                             });
}

void Caretaker::take_line(Decided decided) {
  const account::AccountId id = decided.account.id;
  Located& located = located_[id];
  located.account = std::move(decided.account);
  if (located.asks != decided.asks) {
    located.asks = std::move(decided.asks);
    located.home.reset();
    located.asking = located.failed = false;
    located.ask_at = {};
    located.ask_pause = kHomeAgain;
    located.place.reset();
    located.unplaced.clear();
    if (!located.asks.empty()) to_ask_.emplace(located.ask_at, id);
  }
  if (located.asks.empty())
    set_place(id, located, std::move(decided.place));
  else if (located.home)
    set_place(id, located, place_by_home(located));
}

Result<std::optional<location::Location>> Caretaker::place_by_home(const Located& located) const {
  return location_of(map_, located.account, [&located](const std::string&) { return *located.home; });
}

void Caretaker::set_place(account::AccountId account, Located& located,
                          Result<std::optional<location::Location>> place) {
  places_changed_ = true;
  if (!place)
    located.unplaced = place.error().text();
  else if (!located.failed)
    located.unplaced.clear();
  if (!place || !*place) {
    located.place.reset();
    return;
  }
  if (!located.place || *located.place != **place) {
    keeper_.forget(account);
    located.due = io::Loop::current().now();
    located.moved_in = false;
  }
  located.place = **std::move(place);
  located.key = route::format_location(*located.place);
}

/// Those first that have been due longest, so that a host which hangs for some users answers for the others.
void Caretaker::ask_homes() {
  for (auto at = questions_.begin(); at != questions_.end();) {
    if (!at->answer.await_ready()) {
      ++at;
      continue;
    }
    hear_home(at->account, at->user, at->answer.await_resume());
    at = questions_.erase(at);
  }
  const Moment now = io::Loop::current().now();
  while (questions_.size() < kHomesAtOnce && !to_ask_.empty() && to_ask_.begin()->first <= now) {
    const auto [due, account] = *to_ask_.begin();
    to_ask_.erase(to_ask_.begin());
    const auto found = located_.find(account);
    if (found == located_.end() || found->second.asks.empty()) continue;
    Located& located = found->second;
    if (located.asking || located.ask_at != due) continue;
    located.asking = true;
    Question& question = questions_.emplace_back(account, located.asks, now);
    users_.ask_home(located.asks, question.answer.completion());
  }
}

void Caretaker::hear_home(account::AccountId account, const std::string& user, Result<std::string> home) {
  const auto found = located_.find(account);
  if (found == located_.end() || found->second.asks != user) return;
  Located& located = found->second;
  const Moment now = io::Loop::current().now();
  located.asking = false;
  located.failed = !home && !home.error().is(SystemUsers::kUnknownUser);
  if (located.failed) {
    // Who cannot be asked for now has what it had.
    located.unplaced =
        home.error().is(kCancelled) ? "the users of this host cannot be asked now" : std::string(home.error().text());
    located.ask_at = now + located.ask_pause;
    located.ask_pause = std::min(2 * located.ask_pause, kHomeAgainMost);
    places_changed_ = true;
  } else {
    located.home = std::move(home);
    located.ask_at = now + kRenewal;
    located.ask_pause = kHomeAgain;
    set_place(account, located, place_by_home(located));
  }
  // Of one with a place the next look asks.
  if (!located.place) to_ask_.emplace(located.ask_at, account);
}

/// Two accounts of one place would take each other's boxes away, and each other's mail: it is the one's that was made
/// first. As long as nobody knows where that one's user is at home, every place of this user may be its.
void Caretaker::share_out() {
  if (!std::exchange(places_changed_, false)) return;
  std::map<std::string_view, const Located*> holders;
  std::map<std::string_view, const Located*> untold;  // by the user whose home it needs
  std::set<account::AccountId> known;
  TakenPlaces taken;
  for (auto& [account, located] : located_) {
    located.taken.clear();
    located.held_up.clear();
    if (!located.asks.empty() && !located.home) untold.try_emplace(located.asks, &located);
    const auto older = located.place ? untold.find(located.place->user) : untold.end();
    located.held_up_soon_told = older != untold.end() && older->second->is_unheard();
    if (older != untold.end()) {
      located.held_up = "whether the place is that of " + older->second->account.address +
                        " is known when the host has told where its user is at home";
    } else if (located.place) {
      const auto [at, first] = holders.try_emplace(located.key, &located);
      if (!first) located.taken = taken[account] = words_of_taken(located.key, at->second->account.address);
    }
    if (located.is_waited_for()) known.insert(account);
    tell_unplaced(located);
  }
  const std::lock_guard lock(mutex_);
  known_ = std::move(known);
  taken_ = std::move(taken);
}

/// Once, as long as the words are the same.
void Caretaker::tell_unplaced(Located& located) {
  const std::string& words = located.taken.empty() ? located.unplaced : located.taken;
  if (words == located.told_unplaced) return;
  if (!words.empty())
    log::warning("location",
                 located.has_place() ? "where an account has its mail cannot be asked" : "an account has none",
                 {{"account", located.account.address}, {"error", words}});
  located.told_unplaced = words;
}

TakenPlaces Caretaker::taken() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

}  // namespace angarium::agent
