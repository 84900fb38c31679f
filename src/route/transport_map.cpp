#include <algorithm>

#include "base/text.h"
#include "message/domain.h"
#include "route/transport.h"

namespace angarium::route {
namespace {

constexpr std::string_view kFrom = "from ";
constexpr std::string_view kNullSender = "from <>";

std::string address_key(const envelope::Mailbox& mailbox) {
  return to_lower(mailbox.local_part) + "@" + message::domain_key(mailbox.domain);
}

/// The one form of a key without "from ".
Result<std::string> plain_key(std::string_view key) {
  auto bad = [&](std::string_view why) {
    return fail(kBadRule, "'" + escape_controls(key) + "' is no key of the transport map: " + std::string(why));
  };
  // A local part may hold an "@" within quotes.
  if (key.find('@') != std::string_view::npos) {
    const auto mailbox = envelope::parse_mailbox(key, {.utf8 = message::Utf8::accept});
    if (!mailbox) return bad(mailbox.error().text());
    return address_key(*mailbox);
  }
  if (key.starts_with('[')) {
    if (!message::parse_address_literal(key)) return bad("no address literal");
    return message::domain_key(key);
  }
  const bool below = key.starts_with('.');
  const auto domain = key.substr(below ? 1 : 0);
  if (!message::valid_domain(domain, message::Utf8::accept)) return bad("no domain");
  return std::string(below ? "." : "") + message::domain_key(domain);
}

/// Calls `look` with the keys of an address until it says yes.
template <class Look>
bool look_for_address(const envelope::Mailbox& mailbox, std::string_view prefix, Look&& look) {
  const std::string before(prefix);
  const auto domain = message::domain_key(mailbox.domain);
  if (look(before + address_key(mailbox))) return true;
  if (domain.empty()) return false;
  if (look(before + domain)) return true;
  if (mailbox.has_literal()) return false;
  for (auto dot = domain.find('.'); dot != std::string::npos; dot = domain.find('.', dot + 1))
    if (look(before + domain.substr(dot))) return true;
  return false;
}

}  // namespace

Result<std::string> rule_key(std::string_view key) {
  if (key.size() > kTransportTextMax) return fail(kBadRule, "a key of the transport map is too long");
  if (key == "*" || key == kNullSender) return std::string(key);
  if (!key.starts_with(kFrom)) return plain_key(key);
  return std::string(kFrom) + TRY(plain_key(trim(key.substr(kFrom.size()))));
}

Result<TransportMap> TransportMap::make(std::vector<Rule> rules) {
  if (rules.size() > kRulesMax)
    return fail(kBadRule, "more than " + std::to_string(kRulesMax) + " rules in the transport map");
  for (auto& rule : rules) rule.key = TRY(rule_key(rule.key));
  std::ranges::sort(rules, {}, &Rule::key);
  const auto twice = std::ranges::adjacent_find(rules, {}, &Rule::key);
  if (twice != rules.end()) return fail(kBadRule, "the transport map has '" + escape_controls(twice->key) + "' twice");
  TransportMap map;
  map.rules_ = std::move(rules);
  return map;
}

const Rule* TransportMap::find(const envelope::Mailbox& recipient, const envelope::ReversePath& sender,
                               Facts* facts) const {
  const Rule* found = nullptr;
  auto look = [&](const std::string& key) {
    const auto rule = std::ranges::lower_bound(rules_, key, {}, &Rule::key);
    const bool hit = rule != rules_.end() && rule->key == key;
    if (hit) found = &*rule;
    if (facts) {
      auto text = escape_controls(key) + (hit ? ": " + transport_text(rule->transport) : ": no rule");
      facts->push_back({hit ? "match" : "look", std::move(text)});
    }
    return hit;
  };
  if (rules_.empty()) return nullptr;
  if (look_for_address(recipient, "", look)) return found;
  if (sender.null() ? look(std::string(kNullSender)) : look_for_address(*sender.mailbox, kFrom, look)) return found;
  look("*");
  return found;
}

Decision TransportMap::decide(const envelope::Mailbox& recipient, const envelope::ReversePath& sender) const {
  const auto* rule = find(recipient, sender, nullptr);
  if (!rule) return {};
  return {.transport = rule->transport, .rule = rule->key};
}

Decision TransportMap::explain(const envelope::Mailbox& recipient, const envelope::ReversePath& sender) const {
  Facts facts;
  const auto* rule = find(recipient, sender, &facts);
  if (!rule) {
    facts.push_back({"default", "no rule of the transport map matches: the DNS names the hosts"});
    return {.facts = std::move(facts)};
  }
  return {.transport = rule->transport, .rule = rule->key, .facts = std::move(facts)};
}

}  // namespace angarium::route
