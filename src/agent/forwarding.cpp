#include "agent/forwarding.h"

#include "base/text.h"
#include "envelope/srs.h"
#include "message/domain.h"

namespace angarium::agent {
namespace {

Result<std::string> domain_of_rewritten(Services& services, const LocalTerms& local) {
  if (!local.srs_domain.empty()) return local.srs_domain;
  return services.directory().home(local.hostname);
}

}  // namespace

Result<envelope::ReversePath> forwarding_sender(Services& services, const LocalTerms& local,
                                                const envelope::ReversePath& sender) {
  if (!local.srs || !sender.mailbox || sender.mailbox->domain.empty()) return sender;
  const std::string& domain = sender.mailbox->domain;
  if (local.is_here(domain) || TRY(services.directory().is_local(domain))) return sender;
  std::string ours = TRY(domain_of_rewritten(services, local));
  if (ours.empty() || message::same_domain(ours, domain)) return sender;
  const envelope::Srs srs(TRY(services.srs_keys().signing()), std::move(ours));
  auto rewritten = srs.forward(*sender.mailbox, services.clock().wall());
  // One that no host would take is of no use.
  if (!rewritten) return sender;
  return envelope::ReversePath{*std::move(rewritten)};
}

Result<std::optional<envelope::Mailbox>> rewritten_sender(Services& services, const LocalTerms& local,
                                                          const envelope::Mailbox& address) {
  if (!local.srs || !envelope::is_srs(address.local_part)) return std::nullopt;
  const std::string ours = TRY(domain_of_rewritten(services, local));
  if (!address.domain.empty() && !message::same_domain(address.domain, ours)) return std::nullopt;
  auto keys = TRY(services.srs_keys().known());
  const envelope::Srs srs(std::move(keys), ours);
  return TRY(srs.reverse(address.local_part, services.clock().wall()));
}

}  // namespace angarium::agent
