#include "route/location.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"

namespace angarium::route {
namespace {

constexpr std::string_view kMaildir = "maildir:";
constexpr std::string_view kMbox = "mbox:";
constexpr std::string_view kInboxWord = ":INBOX=";
constexpr std::string_view kUserWord = ":USER=";

/// The place without its user, who may be the empty one; nothing: none is named.
std::optional<std::string_view> take_user(std::string_view& place) {
  const std::size_t at = place.rfind(kUserWord);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view user = place.substr(at + kUserWord.size());
  place = place.substr(0, at);
  return user;
}

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
  const std::string user(take_user(text).value_or(""));
  if (user.contains('/') || user.contains(':')) return fail(kBadLocation, "a location's user is a name");
  if (text.starts_with(kMaildir)) {
    const std::string path = TRY(checked_path(text.substr(kMaildir.size())));
    return Location{.form = Location::Form::maildir, .inbox = path, .folders = {}, .user = user};
  }
  if (!text.starts_with(kMbox))
    return fail(kBadLocation, "a location is \"maildir:/PATH\", \"mbox:/FILE\" or \"mbox:/FOLDER:INBOX=/FILE\"");
  text.remove_prefix(kMbox.size());
  Location location{.form = Location::Form::mbox, .inbox = {}, .folders = {}, .user = user};
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
  const bool maildir = location.form == Location::Form::maildir;
  std::string text(maildir ? kMaildir : kMbox);
  if (!location.folders.empty()) text += location.folders + std::string(kInboxWord);
  text += location.inbox;
  return location.user.empty() ? text : text + std::string(kUserWord) + location.user;
}

Result<> check_location(std::string_view place) {
  if (place == kOwnStore) return {};
  std::string filled(place);
  for (const auto& [word, by] : {std::pair("{user}"sv, "user"sv), std::pair("{home}"sv, "/home/user"sv)})
    for (auto at = filled.find(word); at != std::string::npos; at = filled.find(word))
      filled.replace(at, word.size(), by);
  if (filled.contains('{')) return fail(kBadLocation, "only {user} and {home} are filled in");
  TRY(parse_location(filled));
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

Result<std::optional<Location>> LocationMap::decide(const envelope::Mailbox& account, std::string user,
                                                    const HomeOf& home_of) const {
  const Decision decision = map_.decide(account, {});
  const auto* const to = std::get_if<ToTarget>(&decision.transport);
  if (to == nullptr || to->target == kOwnStore) return std::nullopt;
  std::string_view place = to->target;
  if (const auto named = take_user(place)) user = *named == "{user}" ? account.local_part : std::string(*named);
  Resident resident{.user = account.local_part, .home = {}};
  if (!user.empty()) {
    if (!home_of) return fail(kBadLocation, "users of this host are not served: local.system_users");
    resident.home = TRY(home_of(user));
  }
  const std::string text = TRY(fill_place(place, resident));
  Location location = TRY(parse_location(text));
  location.user = std::move(user);
  return location;
}

}  // namespace angarium::route
