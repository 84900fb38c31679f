// ETRN over the queue: for hosts of the networks and for the domains that the operator names.
#include <algorithm>

#include "agent/flush.h"
#include "agent/transaction.h"
#include "base/log.h"
#include "message/domain.h"

namespace angarium::agent {

using protocol::smtp::Reply;

io::Task<Result<Reply>> SmtpSession::etrn(std::string_view domain) {
  const std::string node(domain);
  const auto no = [&](const std::string& why) {
    return Reply(459, {4, 7, 1}, "Node " + node + " not allowed: " + why);
  };
  const bool known = peer_->remote.is_ip() && std::ranges::any_of(desk_.etrn_networks, [&](const io::Prefix& network) {
                       return network.contains(peer_->remote.address());
                     });
  if (!known) co_return no("ETRN is not for your network");
  if (!desk_.relay_domains.contains(node)) co_return no("mail for it is not relayed here");
  const auto waiting = co_await flush_destination(desk_.services, message::domain_key(node));
  if (!waiting) {
    log::warning("mta", "ETRN", {{"domain", node}, {"error", waiting.error().text()}});
    co_return Reply(458, {4, 3, 0}, "Unable to queue messages for node " + node);
  }
  log::info("mta", "ETRN", {{"domain", node}, {"client", peer_->remote.text()}, {"waiting", std::uint64_t{*waiting}}});
  // RFC 1985 §5.1.
  if (*waiting == 0) co_return Reply(251, {2, 0, 0}, "OK, no messages waiting for node " + node);
  if (*waiting == kFlushMax) co_return Reply(252, {2, 0, 0}, "OK, pending messages for node " + node + " started");
  co_return Reply(253, {2, 0, 0},
                  "OK, " + std::to_string(*waiting) + " pending messages for node " + node + " started");
}

}  // namespace angarium::agent
