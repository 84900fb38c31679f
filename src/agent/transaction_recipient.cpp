// RCPT: who a recipient is, whether there is room, and what of its mail is sent on.
#include <algorithm>

#include "account/attempts.h"
#include "agent/transaction.h"
#include "base/log.h"
#include "base/text.h"
#include "envelope/srs.h"
#include "io/loop.h"
#include "message/domain.h"

namespace angarium::agent {

namespace smtp = protocol::smtp;
using smtp::EnhancedCode;
using smtp::Reply;
using Kind = account::Resolution::Kind;

io::ValueOrTask<Result<Reply>> SmtpSession::rcpt(const envelope::Recipient& recipient) {
  const envelope::Mailbox& mailbox = recipient.path.mailbox;
  if (at_this_host(mailbox)) return rcpt_sorted(recipient);
  auto resolution = desk_.services.directory().resolve(mailbox.local_part, mailbox.domain, store::Tier::memory);
  if (!resolution) {
    if (resolution.error().is(store::kWouldBlock)) return rcpt_sorted(recipient);
    return Result<Reply>(std::unexpected(std::move(resolution).error()));
  }
  if (!is_settled(**resolution, mailbox)) return rcpt_sorted(recipient);
  return take(recipient, *std::move(resolution));
}

/// Whether the directory alone knows where the mail goes.
bool SmtpSession::is_settled(const account::Resolution& resolution, const envelope::Mailbox& mailbox) const {
  const LocalTerms* const local = local_terms().get();
  if (local != nullptr && envelope::is_srs(mailbox.local_part)) return false;
  switch (resolution.kind) {
    case Kind::accounts:
      return resolution.onward.empty() && (local == nullptr || (!resolution.by_default && local->deliveries.empty()));
    case Kind::unknown: return local == nullptr;
    case Kind::not_local: return local == nullptr || !local->is_here(mailbox.domain);
    case Kind::disabled:
    case Kind::too_deep: break;
  }
  return true;
}

io::Task<Result<Reply>> SmtpSession::take(const envelope::Recipient& recipient,
                                          std::shared_ptr<const account::Resolution> resolution) {
  std::string address = recipient.path.mailbox.text();
  if (resolution->kind == Kind::not_local && may_relay(recipient.path.mailbox))
    co_return take_elsewhere(recipient, address);
  if (resolution->kind != Kind::accounts) co_return refusal(resolution->kind, address);
  // What is held back waits in the queue, also for mailboxes here.
  if (held_until(*transaction_)) co_return take_for_later(recipient, address);
  if (auto full = CO_TRY(co_await check_room(resolution->accounts, address))) co_return *std::move(full);
  take_accounts(recipient, resolution->accounts,
                {.address = std::move(address), .accounts = {}, .failed = {}, .fate = Fate::Kind::delivered});
  co_return Reply(250, {2, 1, 5}, "Recipient OK");
}

io::Task<Result<Reply>> SmtpSession::rcpt_sorted(const envelope::Recipient& recipient) {
  envelope::Mailbox asked = recipient.path.mailbox;
  const std::string address = recipient.path.postmaster_here() ? "postmaster" : asked.text();
  // RFC 5321 §4.5.1, RFC 1123 §5.2.17: a name of this host.
  if (at_this_host(asked)) asked.domain.clear();
  // So that a directory elsewhere that hangs keeps no thread of those that look for names.
  if (const auto local = local_terms();
      local != nullptr && local->people != nullptr && local->people->serves(asked.domain))
    (void)co_await local->people->ask(to_lower(asked.local_part.substr(0, asked.local_part.find('+', 1))) + "@" +
                                      message::domain_key(asked.domain));
  const Sorted sorted = CO_TRY(co_await io::run(
      desk_.services.names(), party(),
      [&services = desk_.services, local = local_terms(), asked] { return sort_mail(services, local.get(), asked); }));
  for (const alias::Problem& problem : sorted.problems)
    log::warning("smtp", "an address does not reach everybody",
                 {{"id", transaction_->id.text()}, {"to", address}, {"why", problem.enhanced + " " + problem.text}});
  if (sorted.kind == Kind::not_local && may_relay(recipient.path.mailbox)) co_return take_elsewhere(recipient, address);
  if (sorted.kind != Kind::accounts || sorted.temporary() != nullptr) co_return refusal(sorted, address);
  if (only_for_reports(asked))
    co_return Reply(550, {5, 7, 1}, "<" + address + "> stands for a sender and takes delivery reports only");
  if (held_until(*transaction_) && !recipient.path.postmaster_here()) co_return take_for_later(recipient, address);
  if (!sorted.onward.empty() && desk_.outbound == nullptr)
    co_return Reply(451, {4, 3, 5}, "<" + address + "> is sent on, and nothing leaves this host now");
  if (auto full = CO_TRY(co_await check_room(sorted.accounts, address))) co_return *std::move(full);
  Rcpt taken{.address = address, .accounts = {}};
  Told told = told_of(recipient, sorted, io::Loop::current().clock().wall());
  if (told.sender && told.sender->fate.kind == Fate::Kind::failed)
    transaction_->lost.push_back(*std::move(told.sender));
  else if (told.sender)
    taken.fate = told.sender->fate.kind;
  if (told.owner) transaction_->lost_of_lists.push_back(std::move(told));
  if (sorted.accounts.empty())
    taken.course = sorted.onward.empty() ? trace::Course::discarded : trace::Course::elsewhere;
  transaction_->departures.forward(recipient, sorted);
  take_accounts(recipient, sorted.accounts, std::move(taken));
  co_return Reply(250, {2, 1, 5}, "Recipient OK");
}

/// A rewritten sender (SRS) would be a way for anybody to send through this host to whom it stands for.
bool SmtpSession::only_for_reports(const envelope::Mailbox& mailbox) const {
  const LocalTerms* const local = local_terms().get();
  if (local == nullptr || !local->srs || !envelope::is_srs(mailbox.local_part)) return false;
  return transaction_->envelope.sender.path.mailbox && !submission() && !desk_.policy.lmtp() && !of_relay_network();
}

/// RFC 5321 §4.2.5: with the final 250 every copy is owed, so that an address is taken for all its accounts or not.
io::Task<Result<std::optional<Reply>>> SmtpSession::check_room(const std::vector<account::Destination>& accounts,
                                                               const std::string& address) {
  const std::uint64_t size = transaction_->envelope.sender.parameters.size.value_or(1);
  for (const account::Destination& account : accounts) {
    auto mail = desk_.services.mail().account_now(account.id);
    Result<> room;
    if (!mail) {
      auto loaded = co_await desk_.services.mail().account(account.id);
      if (loaded) {
        mail = *std::move(loaded);
      } else {
        room = std::unexpected(std::move(loaded).error());
      }
    }
    if (room) room = mail->may_accept(size);
    if (room) continue;
    // The address was resolved a moment before its account went.
    if (room.error().is(mailbox::kNoMailbox))
      co_return Reply(450, {4, 2, 1}, "<" + address + "> has no mailbox now, try again later");
    if (room.error().is(mailbox::kOverQuota)) co_return Reply(452, {4, 2, 2}, "<" + address + "> is over quota");
    co_return std::unexpected(room.error());
  }
  co_return std::optional<Reply>();
}

void SmtpSession::take_accounts(const envelope::Recipient& recipient, const std::vector<account::Destination>& reached,
                                Rcpt taken) {
  for (const account::Destination& account : reached) {
    auto& accounts = transaction_->accounts;
    const auto known =
        std::ranges::find_if(accounts, [&](const account::Destination& a) { return a.id == account.id; });
    taken.accounts.push_back(static_cast<std::size_t>(known - accounts.begin()));
    if (known == accounts.end()) accounts.push_back(account);
  }
  transaction_->envelope.recipients.push_back(recipient);
  transaction_->rcpts.push_back(std::move(taken));
}

Reply SmtpSession::refusal(Kind kind, const std::string& address) {
  switch (kind) {
    case Kind::not_local: return {550, {5, 7, 1}, "Relaying denied: <" + address + "> is not served here"};
    case Kind::disabled: return {550, {5, 2, 1}, "<" + address + "> is disabled"};
    case Kind::too_deep: return {550, {5, 4, 6}, "<" + address + "> leads back to itself, or too far"};
    case Kind::unknown:
    case Kind::accounts: break;
  }
  return {550, {5, 1, 1}, "<" + address + "> does not exist"};
}

/// Files and commands of the host are not told to strangers: the log has them.
Reply SmtpSession::refusal(const Sorted& sorted, const std::string& address) {
  if (const auto* const problem = sorted.temporary()) {
    if (problem->enhanced == "4.3.5")
      return {451, {4, 3, 5}, "<" + address + "> is set up wrongly here, try again later"};
    return {451, {4, 3, 0}, "<" + address + "> cannot be looked up now, try again later"};
  }
  if (sorted.kind != Kind::unknown || sorted.problems.empty()) return refusal(sorted.kind, address);
  const std::string& enhanced = sorted.problems.front().enhanced;
  if (enhanced == "5.4.6") return {550, {5, 4, 6}, "<" + address + "> leads back to itself, or too far"};
  if (enhanced == "5.7.1") return {550, {5, 7, 1}, "<" + address + "> leads where it may not"};
  return refusal(sorted.kind, address);
}

std::string SmtpSession::party() const {
  if (peer_->identity) return "user " + peer_->identity->authentication_id;
  // All of a network of IPv6 are one.
  return peer_->remote.is_ip() ? account::attempt_key(peer_->remote.address().text()) : std::string("this host");
}

/// A name of this host that need not be a domain with addresses: none, the one we greet with, for the postmaster, or
/// the address the client has reached us at, for everybody.
bool SmtpSession::at_this_host(const envelope::Mailbox& mailbox) const {
  if (mailbox.domain.empty()) return true;
  if (equals_ignore_case(mailbox.domain, desk_.policy.hostname))
    return equals_ignore_case(mailbox.local_part, "postmaster");
  if (!mailbox.has_literal() || !peer_->local.is_ip()) return false;
  std::string_view literal = std::string_view(mailbox.domain).substr(1, mailbox.domain.size() - 2);
  if (constexpr std::string_view kTag = "IPv6:"; equals_ignore_case(literal.substr(0, kTag.size()), kTag))
    literal.remove_prefix(kTag.size());
  const auto address = io::IpAddress::parse(literal);
  return address && *address == peer_->local.address();
}

}  // namespace angarium::agent
