// ATRN over the queue: a customer that logged in fetches the mail of its domains (RFC 2645).
#include <algorithm>

#include "agent/transaction.h"
#include "base/log.h"
#include "message/domain.h"

namespace angarium::agent {

using protocol::smtp::Reply;
namespace {

bool among(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

}  // namespace

io::Task<Result<Reply>> SmtpSession::atrn(const std::vector<std::string>& domains) {
  // RFC 2645 §7.
  const Reply refused(450, {4, 7, 1}, "ATRN request refused");
  const Reply later(451, {4, 3, 0}, "Unable to process ATRN request now");
  if (courier_ == nullptr || desk_.outbound == nullptr) co_return later;
  const auto account = co_await credentials_.account(*peer_->identity);
  if (!account) {
    log_failure("", account.error());
    co_return account.error().temporary() ? later : refused;
  }
  const std::vector<std::string> permitted = desk_.odmr.domains_of(account->address);
  std::vector<std::string> wanted;
  for (const std::string& domain : domains) {
    std::string key = message::domain_key(domain);
    // RFC 2645 §5.2.1: access to all of them, or no mail for any.
    if (!among(permitted, key)) co_return refused;
    if (!among(wanted, key)) wanted.push_back(std::move(key));
  }
  if (wanted.empty()) wanted = permitted;
  if (wanted.empty()) co_return refused;
  std::vector<std::string> waiting;
  for (std::string& domain : wanted) {
    const auto places = co_await desk_.services.queue().waiting(domain, 1);
    if (!places) {
      log_failure("", places.error());
      co_return later;
    }
    if (!places->empty()) waiting.push_back(std::move(domain));
  }
  if (waiting.empty()) co_return Reply(453, {4, 2, 0}, "You have no mail");
  log::info(
      "smtp", "ATRN",
      {{"account", account->address}, {"client", peer_->remote.text()}, {"domains", std::uint64_t{waiting.size()}}});
  fetched_ = std::move(waiting);
  co_return Reply(250, {2, 0, 0}, "OK now reversing the connection");
}

io::Task<> SmtpSession::turned(wire::Connection& connection) {
  co_await courier_->serve_customer(std::exchange(fetched_, {}), connection);
}

}  // namespace angarium::agent
