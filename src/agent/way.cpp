#include "agent/way.h"

#include "base/text.h"
#include "message/domain.h"

namespace angarium::agent {

namespace {

// No domain has a blank.
constexpr std::string_view kTarget = "target ";
constexpr std::string_view kUser = "user=";
constexpr std::string_view kMailbox = "mailbox=";

}  // namespace

Result<Way> find_way(account::Directory& directory, const LocalTerms* local, const route::TransportMap& map,
                     const Wayfarer& wayfarer, store::Tier tier) {
  Way way;
  if (std::string_view words = wayfarer.destination; words.starts_with(kTarget)) {
    words.remove_prefix(kTarget.size());
    const bool mailbox = words.starts_with(kMailbox);
    if (mailbox) way.chosen = Sorted::Onward::Chosen::by_operator;
    if (mailbox || words.starts_with(kUser)) {
      words.remove_prefix(mailbox ? kMailbox.size() : kUser.size());
      way.user = take_until(words, ' ');
    }
    way.transport = route::ToTarget{std::string(words)};
    return way;
  }
  const std::string& domain = wayfarer.recipient.domain;
  way.local = domain.empty() || (local != nullptr && local->is_here(domain)) || TRY(directory.is_local(domain, tier));
  if (way.local) return way;
  route::Decision decision = map.decide(wayfarer.recipient, wayfarer.sender);
  way.transport = std::move(decision.transport);
  way.rule = std::move(decision.rule);
  return way;
}

RelayDomains::RelayDomains(const std::vector<std::string>& domains) {
  for (const std::string_view domain : domains) {
    const bool below = domain.starts_with('.');
    keys_.insert((below ? "." : "") + message::domain_key(domain.substr(below ? 1 : 0)));
  }
}

bool RelayDomains::contains(std::string_view domain) const {
  if (keys_.empty()) return false;
  const std::string key = message::domain_key(domain);
  if (keys_.contains(key)) return true;
  for (auto dot = key.find('.'); dot != std::string::npos; dot = key.find('.', dot + 1))
    if (keys_.contains(key.substr(dot))) return true;
  return false;
}

std::string destination_of(const envelope::Mailbox& recipient) { return message::domain_key(recipient.domain); }

std::string destination_of(const Sorted::Onward& onward) {
  if (onward.target.empty()) return destination_of(onward.to);
  std::string words(kTarget);
  if (!onward.user.empty())
    words.append(onward.chosen == Sorted::Onward::Chosen::by_operator ? kMailbox : kUser).append(onward.user) += ' ';
  return words + onward.target;
}

}  // namespace angarium::agent
