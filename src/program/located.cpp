#include "program/located.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <vector>

#include "control/request.h"
#include "program/answer.h"
#include "program/moving.h"
#include "route/location.h"

namespace angarium::program {
namespace {

namespace files = std::filesystem;
namespace json = boost::json;

/// Whatever links lead there; where that cannot be told, as it is written.
std::string real(const std::string& path) {
  std::error_code error;
  const files::path written = files::absolute(path, error);
  files::path found = files::weakly_canonical(written, error);
  if (error) found = written.lexically_normal();
  std::string text = found.native();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

bool lies_in(const std::string& path, const std::string& folder) {
  return path == folder || folder == "/" || path.starts_with(folder + "/");
}

bool is_true(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

/// Where boxes of an account lie, as a server tells.
struct Place {
  std::string location;
  std::vector<std::string> roots;
  bool moved_in = false;
  bool in_configuration = false;
  [[nodiscard]] bool is_in(const std::string& path) const {
    return std::ranges::any_of(roots, [at = real(path)](const std::string& root) { return lies_in(at, root); });
  }
  [[nodiscard]] bool is_around(const std::string& path) const {
    return std::ranges::any_of(roots, [at = real(path)](const std::string& root) { return lies_in(root, at); });
  }
};

Place place_at(std::string location) {
  Place place{.location = std::move(location), .roots = {}};
  if (const auto parsed = route::parse_location(place.location))
    for (const std::string& root : {parsed->inbox, parsed->folders})
      if (!root.empty()) place.roots.push_back(real(root));
  return place;
}

/// Where they lie, and where they lay before, if that is another place.
std::vector<Place> places_in(const std::string& told) {
  boost::system::error_code error;
  const json::value parsed = json::parse(told, error);
  const json::object* const known = parsed.if_object();
  if (known == nullptr) return {};
  Place now = place_at(text(*known, "location"));
  now.moved_in = is_true(*known, "moved_in");
  now.in_configuration = is_true(*known, "in_configuration");
  Place before = place_at(text(*known, "moved_in_from"));
  before.moved_in = true;
  return {std::move(now), std::move(before)};
}

std::string twice(const Place& place, const std::string& path, const std::string& account) {
  return shown(path) +
         (place.moved_in ? " is where " + account + " moved in from"
                         : " is where the mail of " + account + " lies in place") +
         ": each message would be there twice; ";
}

/// What has to be done first.
std::string line_again(const Place& place) {
  if (place.in_configuration) return "";
  return "put its line of [location] in again, \"" + shown(place.location) + "\"; ";
}

std::string counted(std::int64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

/// What is to come of the boxes.
std::int64_t coming(const json::object& survey) {
  std::int64_t all = 0;
  for (const json::value& one : elements(survey, "boxes"))
    if (const json::object* const box = one.if_object())
      all += number(*box, "messages") - number(*box, "already_there");
  return all;
}

void print_survey(const json::object& survey) {
  fmt::print("{:>10} {:>10}  BOX -> MAILBOX\n", "MESSAGES", "THERE");
  for (const json::value& one : elements(survey, "boxes")) {
    const json::object* const box = one.if_object();
    if (box == nullptr) continue;
    fmt::print("{:>10} {:>10}  {} -> {}{}\n", number(*box, "messages"), number(*box, "already_there"),
               text(*box, "path"), text(*box, "mailbox"), is_true(*box, "exists") ? "" : " (new)");
    if (const std::string trouble = text(*box, "trouble"); !trouble.empty())
      fmt::print("{:23}cannot be read: {}\n", "", trouble);
    if (const std::int64_t large = number(*box, "too_large"); large > 0)
      fmt::print("{:23}{} of more than 64 MiB: stays there alone\n", "", counted(large, "message"));
  }
  const std::string moved = text(survey, "moved_in");
  fmt::print("{}: {}\n", text(survey, "location"), moved.empty() ? "in place" : "moved in at " + moved);
}

void print_report(const json::object& report, Move way, bool moved_before) {
  fmt::print("imported {}", counted(number(report, "imported"), "message"));
  if (way == Move::in && moved_before)
    fmt::print(" that came into the boxes since the account moved in\n");
  else if (way == Move::in)
    fmt::print("; {} has moved in: its mail lies in the own store alone, and its boxes stay as they are\n",
               text(report, "address"));
  else
    fmt::print(", {} given to the boxes; {} is in place\n", number(report, "given"), text(report, "address"));
  for (const json::value& one : elements(report, "left"))
    if (const json::object* const box = one.if_object())
      fmt::print("  {}: {} of more than 64 MiB left there\n", text(*box, "path"),
                 counted(number(*box, "messages"), "message"));
  for (const json::value& line : elements(report, "troubles"))
    if (line.is_string()) fmt::print("  {}\n", line.get_string().c_str());
  if (const std::int64_t more = number(report, "further_troubles"); more > 0) fmt::print("  and {} more\n", more);
}

}  // namespace

Result<> check_import(const std::string& told, const std::string& path, const std::string& account) {
  for (const Place& place : places_in(told)) {
    if (!place.is_in(path) && !place.is_around(path)) continue;
    std::string words = twice(place, path, account) + line_again(place);
    words += "what came since comes by: angarium import --account " + account + " --from-location";
    if (!place.moved_in) words += ", which moves the account into the own store";
    return fail(kOwnPlace, std::move(words));
  }
  return {};
}

Result<> check_export(const std::string& told, const std::string& path, const std::string& account) {
  for (const Place& place : places_in(told)) {
    if (!place.is_in(path)) continue;
    const std::string words = twice(place, path, account);
    if (!place.moved_in) return fail(kOwnPlace, words + "it is there already");
    return fail(kOwnPlace,
                words + line_again(place) + "it goes back by: angarium export --account " + account + " --to-location");
  }
  return {};
}

int move_account(const Context& context, const MoveOptions& options) {
  Server server(context);
  const auto ask = [&](const char* verb, std::int64_t messages) {
    control::Request request{.verb = verb, .arguments = {}};
    request.add("address", options.account).add("messages", std::to_string(messages));
    return server.ask(request);
  };
  const auto surveyed = ask("location.survey", 0);
  if (!surveyed) return report(surveyed.error());
  if (surveyed->exit_code != control::kDone) return report(context, *surveyed);
  const auto survey = object_in(surveyed->result);
  if (!survey) return report(survey.error());
  if (!context.json) print_survey(*survey);
  if (options.dry_run) {
    if (context.json) print_json({{"plan", *survey}});
    return control::kDone;
  }
  std::fflush(stdout);
  const auto moved = ask(options.way == Move::in ? "location.move-in" : "location.move-out", coming(*survey));
  if (!moved) return report(moved.error());
  if (moved->exit_code != control::kDone) return report(context, *moved);
  const auto done = object_in(moved->result);
  if (!done) return report(done.error());
  if (context.json)
    print_json({{"plan", *survey}, {"report", *done}});
  else
    print_report(*done, options.way, !text(*survey, "moved_in").empty());
  return elements(*done, "troubles").empty() && elements(*done, "left").empty() ? control::kDone : control::kFailed;
}

}  // namespace angarium::program
