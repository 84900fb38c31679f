#include "route/delivery_map.h"

#include <algorithm>

#include "base/text.h"
#include "delivery/target.h"

namespace angarium::route {
namespace {

constexpr std::string_view kUser = "{user}";
constexpr std::string_view kHome = "{home}";

std::string replaced(std::string text, std::string_view word, std::string_view by) {
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size()))
    text.replace(at, word.size(), by);
  return text;
}

/// Means the same in a path and in a command line, and leads nowhere else.
bool is_safe(std::string_view text, std::string_view also) {
  return std::ranges::all_of(text, [&](char c) { return is_alnum(c) || !is_ascii(c) || also.contains(c); });
}

Result<> check_target(const std::string& text) {
  const auto target = delivery::parse_target(text);
  if (!target) return fail(kBadTransport, target.error().text());
  if (!std::holds_alternative<delivery::PipeTarget>(*target) && text.contains('{'))
    return fail(kBadTransport, "'" + escape_controls(text) + "': only {user} and {home} are filled in");
  return {};
}

}  // namespace

Result<> check_place(std::string_view place) {
  if (place == kOwnStore) return {};
  return check_target(replaced(replaced(std::string(place), kUser, "user"), kHome, "/home/user"));
}

Result<std::string> fill_place(std::string_view place, const Resident& resident) {
  std::string text(place);
  if (text.contains(kUser)) {
    const std::string& user = resident.user;
    if (user.empty() || user.front() == '.' || user.front() == '-' || !is_safe(user, "-._+"))
      return fail(kBadTransport, "the name '" + escape_controls(user) + "' cannot stand in a path");
    text = replaced(std::move(text), kUser, user);
  }
  if (text.contains(kHome)) {
    const std::string& home = resident.home;
    if (!home.starts_with('/'))
      return fail(kBadTransport, "'" + resident.user + "' is no user of this host: no {home}");
    if (!is_safe(home, "-._+/"))
      return fail(kBadTransport, "the home '" + escape_controls(home) + "' is no plain path");
    text = replaced(std::move(text), kHome, home);
  }
  TRY(check_target(text));
  return text;
}

Result<std::string> delivery_key(std::string_view key) {
  if (trim(key).starts_with("from ")) return fail(kBadRule, "where mail is laid down does not depend on its sender");
  return rule_key(key);
}

Result<DeliveryMap> DeliveryMap::make(const std::vector<DeliveryRule>& rules) {
  std::vector<Rule> made;
  for (const DeliveryRule& rule : rules) {
    TRY(delivery_key(rule.key));
    TRY(check_place(rule.place));
    made.push_back({.key = rule.key, .transport = ToTarget{rule.place}});
  }
  DeliveryMap map;
  map.map_ = TRY(TransportMap::make(std::move(made)));
  return map;
}

DeliveryMap::Choice DeliveryMap::decide(const envelope::Mailbox& account) const {
  Decision decision = map_.decide(account, {});
  const auto* const to = std::get_if<ToTarget>(&decision.transport);
  Choice choice{.place = to == nullptr ? std::string() : to->target, .rule = std::move(decision.rule)};
  if (choice.place == kOwnStore) choice.place.clear();
  return choice;
}

}  // namespace angarium::route
