#include "route/location.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"

namespace angarium::route {
namespace {

constexpr std::string_view kMaildir = "maildir:";
constexpr std::string_view kMbox = "mbox:";
constexpr std::string_view kInboxWord = ":INBOX=";

Result<std::string> checked_path(std::string_view text) {
  const std::string path = std::filesystem::path(text).lexically_normal().native();
  if (!text.starts_with('/')) return fail(kBadLocation, "a location's path begins with '/'");
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }))
    return fail(kBadLocation, "a location's path has no control characters");
  if (text.contains("/../") || text.ends_with("/..")) return fail(kBadLocation, "a location's path has no part \"..\"");
  return path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

}  // namespace

Result<Location> parse_location(std::string_view text) {
  if (text.size() > kLocationMax) return fail(kBadLocation, "a location is longer than 8192 octets");
  if (text.starts_with(kMaildir)) {
    const std::string path = TRY(checked_path(text.substr(kMaildir.size())));
    return Location{.form = Location::Form::maildir, .inbox = path, .folders = {}};
  }
  if (!text.starts_with(kMbox))
    return fail(kBadLocation, "a location is \"maildir:/PATH\", \"mbox:/FILE\" or \"mbox:/FOLDER:INBOX=/FILE\"");
  text.remove_prefix(kMbox.size());
  Location location{.form = Location::Form::mbox, .inbox = {}, .folders = {}};
  const std::size_t inbox = text.find(kInboxWord);
  if (inbox == std::string_view::npos) {
    location.inbox = TRY(checked_path(text));
    return location;
  }
  location.folders = TRY(checked_path(text.substr(0, inbox)));
  location.inbox = TRY(checked_path(text.substr(inbox + kInboxWord.size())));
  return location;
}

std::string format_location(const Location& location) {
  if (location.form == Location::Form::maildir) return std::string(kMaildir) + location.inbox;
  if (location.folders.empty()) return std::string(kMbox) + location.inbox;
  return std::string(kMbox) + location.folders + std::string(kInboxWord) + location.inbox;
}

Result<> check_location(std::string_view place) {
  if (place == kOwnStore) return {};
  if (const std::size_t brace = place.find('{'); brace != std::string_view::npos) {
    if (!place.substr(brace).starts_with("{user}")) return fail(kBadLocation, "only {user} is filled in");
    std::string filled(place);
    filled.replace(brace, 6, "user");
    return check_location(filled);
  }
  TRY(parse_location(place));
  return {};
}

Result<LocationMap> LocationMap::make(const std::vector<DeliveryRule>& rules) {
  std::vector<Rule> made;
  for (const DeliveryRule& rule : rules) {
    TRY(delivery_key(rule.key));
    TRY(check_location(rule.place));
    made.push_back({.key = rule.key, .transport = ToTarget{rule.place}});
  }
  LocationMap map;
  map.map_ = TRY(TransportMap::make(std::move(made)));
  return map;
}

Result<std::optional<Location>> LocationMap::decide(const envelope::Mailbox& account) const {
  const Decision decision = map_.decide(account, {});
  const auto* const to = std::get_if<ToTarget>(&decision.transport);
  if (to == nullptr || to->target == kOwnStore) return std::nullopt;
  const std::string text = TRY(fill_place(to->target, {.user = account.local_part, .home = {}}));
  return TRY(parse_location(text));
}

}  // namespace angarium::route
