#include "agent/way.h"

#include "message/domain.h"

namespace angarium::agent {

Result<Way> find_way(account::Directory& directory, const route::TransportMap& map, const envelope::Mailbox& recipient,
                     const envelope::ReversePath& sender, store::Tier tier) {
  Way way{.local = TRY(directory.is_local(recipient.domain, tier)), .transport = {}, .rule = {}};
  if (way.local) return way;
  route::Decision decision = map.decide(recipient, sender);
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

}  // namespace angarium::agent
