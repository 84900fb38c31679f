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

std::string destination_of(const envelope::Mailbox& recipient) { return message::domain_key(recipient.domain); }

}  // namespace angarium::agent
