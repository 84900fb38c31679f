#include "agent/location_verbs.h"

#include <algorithm>
#include <boost/json.hpp>

#include "agent/caretaker.h"
#include "agent/queue_verbs.h"
#include "base/log.h"
#include "base/text.h"
#include "delivery/here.h"
#include "location/keeper.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;
using location::Keeper;
using location::Location;

constexpr std::string_view kSurvey = "location.survey";
constexpr std::string_view kMoveIn = "location.move-in";
constexpr std::string_view kMoveOut = "location.move-out";

json::object about(const account::Account& account, const Location& location,
                   const std::optional<location::MovedIn>& moved) {
  const bool from_there = moved && moved->is_from(location);
  return {{"address", account.address},
          {"location", escape_controls(route::format_location(location), route::kLocationMax)},
          {"moved_in", from_there ? json::value(to_rfc3339(moved->at)) : json::value()}};
}

json::object show(const location::Surveyed& one) {
  return {{"mailbox", escape_controls(one.mailbox, 4096)},
          {"path", escape_controls(one.path, 4096)},
          {"exists", one.exists},
          {"messages", one.messages},
          {"already_there", one.known},
          {"too_large", one.too_large},
          {"trouble", one.trouble.empty() ? json::value() : json::value(escape_controls(one.trouble, 4096))}};
}

void show(const location::Report& report, json::object& shown) {
  shown["imported"] = report.brought;
  shown["given"] = report.given;
  shown["expunged"] = report.expunged;
  shown["removed"] = report.removed;
  shown["marked"] = report.marked;
  json::array left;
  for (const auto& [path, messages] : report.too_large)
    left.push_back(json::object{{"path", escape_controls(path, 4096)}, {"messages", messages}});
  shown["left"] = std::move(left);
  json::array troubles;
  for (const std::string& line : report.troubles) troubles.push_back(json::string(escape_controls(line, 4096)));
  shown["troubles"] = std::move(troubles);
  shown["further_troubles"] = report.further_troubles;
}

/// One of the verbs; on the loop of the keeper.
struct Errand {
  Services& services;
  account::Account account;
  std::string verb;
  std::uint64_t expected = 0;
  control::Tell tell;
};

io::Task<Caretaker::ErrandResult> do_errand(Errand errand, Keeper& keeper, Location location) {
  Services& services = errand.services;
  const account::AccountId id = errand.account.id;
  if (errand.verb == kSurvey) {
    json::array boxes;
    for (const location::Surveyed& one : CO_TRY(co_await keeper.survey(id, location))) boxes.push_back(show(one));
    const auto moved = CO_TRY(
        co_await io::run(services.pool(), [&services, id] { return location::moved_in(services.tablet(), id); }));
    json::object shown = about(errand.account, location, moved);
    shown["boxes"] = std::move(boxes);
    co_return json::serialize(shown);
  }
  const location::Told told = [tell = errand.tell, all = errand.expected](std::uint64_t brought) {
    if (tell) tell({std::min(brought, all), all});
  };
  const bool in = errand.verb == kMoveIn;
  const location::Report report = CO_TRY(in ? co_await keeper.move_in(id, location, services.clock().wall(), told)
                                            : co_await keeper.move_out(id, location, told));
  log::notice("location", in ? "moved into the own store" : "in place again",
              {{"account", errand.account.address}, {"brought", std::to_string(report.brought)}});
  const auto moved =
      CO_TRY(co_await io::run(services.pool(), [&services, id] { return location::moved_in(services.tablet(), id); }));
  json::object shown = about(errand.account, location, moved);
  show(report, shown);
  co_return json::serialize(shown);
}

/// What works on boxes where no server does.
struct Alone {
  Alone(Services& services, std::string home)
      : boxes({.delivery = delivery::with_names({}), .home = std::move(home)}, nullptr),
        keeper(services.mail(), services.tablet(), pool, boxes) {}
  io::Pool pool{{.name = "boxes", .threads = 1}};
  location::EverybodysBoxes boxes;
  Keeper keeper;
};

}  // namespace

io::Task<Result<std::string>> location_verb(Services& services, LocationTerms terms, control::Request request,
                                            control::Tell tell) {
  if (request.verb != kSurvey && request.verb != kMoveIn && request.verb != kMoveOut)
    co_return fail(kUsageError, "the server does not know '" + escape_controls(request.verb) + "'");
  const std::string address(request.get("address"));
  const auto account =
      CO_TRY(co_await io::run(services.pool(), [&services, address] { return services.directory().account(address); }));
  if (!account) co_return fail(account::kUnknown, "there is no account " + escape_controls(address));
  const Caretaker::Errand work =
      [errand = Errand{.services = services,
                       .account = *account,
                       .verb = request.verb,
                       .expected = parse_number<std::uint64_t>(request.get("messages")).value_or(0),
                       .tell = std::move(tell)}](Keeper& keeper, Location location) {
        return do_errand(errand, keeper, std::move(location));
      };
  Caretaker::ErrandResult done = std::nullopt;
  if (Caretaker* const caretaker = services.caretaker()) {
    done = co_await caretaker->run_errand(account->id, work);
  } else {
    auto place = CO_TRY(
        co_await io::run(services.pool(), [&services, account = *account, terms]() -> Result<std::optional<Location>> {
          return TRY(Whereabouts::read(services, terms)).location(account);
        }));
    if (place) {
      Alone alone(services, terms.home);
      done = co_await work(alone.keeper, *std::move(place));
    }
  }
  std::optional<std::string> shown = CO_TRY(std::move(done));
  if (!shown)
    co_return fail(kNoLocation, account->address + " has no location: name it in [location] of the configuration");
  co_return *std::move(shown);
}

}  // namespace angarium::agent
