// What of a message goes to the queue: copies for elsewhere, and reports of those that were delivered here.
#include <algorithm>

#include "agent/deliver_by.h"
#include "agent/forwarding.h"
#include "agent/queued_message.h"
#include "agent/report.h"
#include "agent/transaction.h"
#include "agent/way.h"
#include "io/loop.h"
#include "message/status.h"
#include "store/encrypted.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;
using smtp::Reply;

/// RFC 5321 §4.5.3.1.6: octets of a line of text without its CR LF; a longer one needs BINARYMIME.
constexpr std::uint64_t kTextLineMax = 998;

}  // namespace

/// Mail to elsewhere is taken from users, and from the networks and for the domains that the operator names.
bool SmtpSession::may_relay(const envelope::Mailbox& recipient) const {
  if (desk_.outbound == nullptr || desk_.policy.lmtp()) return false;
  if (submission()) return local_ || peer_->identity.has_value();
  if (desk_.relay_domains.contains(recipient.domain) || desk_.odmr.contains(recipient.domain)) return true;
  return of_relay_network();
}

bool SmtpSession::of_relay_network() const {
  return peer_->remote.is_ip() && std::ranges::any_of(desk_.relay_networks, [&](const io::Prefix& network) {
           return network.contains(peer_->remote.address());
         });
}

Reply SmtpSession::take_elsewhere(const envelope::Recipient& recipient, const std::string& address) {
  const envelope::Sender& sender = transaction_->envelope.sender;
  const route::Decision decision = desk_.outbound->transports.decide(recipient.path.mailbox, sender.path);
  if (const auto* const refuse = std::get_if<route::Refuse>(&decision.transport)) {
    Reply reply(refuse->code, {}, refuse->text);
    if (const auto status = message::parse_status(refuse->enhanced))
      reply.enhanced = {static_cast<std::uint8_t>(status->class_code), status->subject, status->detail};
    return reply;
  }
  if (!std::holds_alternative<route::Discard>(decision.transport)) return take_for_later(recipient, address);
  transaction_->envelope.recipients.push_back(recipient);
  transaction_->rcpts.push_back({.address = address, .accounts = {}, .course = trace::Course::discarded});
  return {250, {2, 1, 5}, "Recipient OK"};
}

Reply SmtpSession::take_for_later(const envelope::Recipient& recipient, const std::string& address) {
  transaction_->envelope.recipients.push_back(recipient);
  transaction_->rcpts.push_back({.address = address, .accounts = {}, .course = trace::Course::elsewhere});
  transaction_->departures.relay(recipient);
  return {250, {2, 1, 5}, "Recipient OK"};
}

std::optional<WallTime> SmtpSession::held_until(const Transaction& transaction) const {
  const envelope::MailParameters& said = transaction.envelope.sender.parameters;
  if (desk_.outbound == nullptr) return std::nullopt;
  if (said.hold_until) return said.hold_until;
  if (!said.hold_for_s) return std::nullopt;
  return WallTime{transaction.began.microseconds + std::int64_t{*said.hold_for_s} * 1'000'000};
}

void SmtpSession::answer_for(const envelope::Recipient& recipient, const Reply& why) {
  const std::string address = recipient.path.mailbox.text();
  // It was promised already: the courier finds out, as often as it takes.
  if (why.code < 500) {
    take_for_later(recipient, address);
    return;
  }
  queue::Trouble trouble;
  trouble.status = "5." + std::to_string(why.enhanced.subject) + "." + std::to_string(why.enhanced.detail);
  trouble.diagnostic = std::to_string(why.code) + " " + why.text;
  trouble.at = io::Loop::current().clock().wall();
  transaction_->envelope.recipients.push_back(recipient);
  transaction_->rcpts.push_back(
      {.address = address, .accounts = {}, .failed = std::move(trouble), .course = trace::Course::failed});
}

bool SmtpSession::wants_report(const Transaction& transaction) {
  return !transaction.lost.empty() || !transaction.lost_of_lists.empty() ||
         std::ranges::any_of(transaction.rcpts, [](const Rcpt& rcpt) { return rcpt.failed.has_value(); }) ||
         std::ranges::any_of(transaction.envelope.recipients, [](const envelope::Recipient& recipient) {
           return recipient.parameters.notify && recipient.parameters.notify->success;
         });
}

io::Task<Result<envelope::ReversePath>> SmtpSession::sender_of_forwarded(const envelope::ReversePath& sender) {
  const auto local = local_terms();
  if (local == nullptr || !sender.mailbox) co_return sender;
  co_return co_await io::run(desk_.services.pool(), [&services = desk_.services, local, sender] {
    return forwarding_sender(services, *local, sender);
  });
}

/// What goes on to elsewhere, and what the sender wants to hear of those here (RFC 3461 §5.2.3): by the same batch.
io::Task<Result<std::vector<queue::Change>>> SmtpSession::enqueue(const Transaction& transaction,
                                                                  const smtp::BodyFacts& facts,
                                                                  mailbox::Delivery& delivery) {
  std::vector<queue::Change> changes;
  if (desk_.outbound == nullptr) co_return changes;
  // Most mail: for here alone, and nobody wants to be told.
  const bool told = wants_report(transaction);
  if (transaction.departures.empty() && !told) co_return changes;
  const ReportTerms& terms = desk_.outbound->reports;
  const WallTime now = transaction.arrived;
  queue::Entry entry;
  entry.id = transaction.id;
  entry.sender.path = transaction.envelope.sender.path;
  const envelope::MailParameters& said = transaction.envelope.sender.parameters;
  entry.sender.parameters.smtputf8 = said.smtputf8;
  entry.sender.parameters.body = said.body;
  entry.sender.parameters.ret = said.ret;
  entry.sender.parameters.envelope_id = said.envelope_id;
  entry.body = delivery.content->stored;
  if (delivery.content->key)
    entry.sealed_key = CO_TRY(co_await desk_.services.body_keys().seal(*delivery.content->key));
  entry.prepended = received_field(transaction);
  // Binary parts are stored as base64 (mailbox::Arrival::binary): what goes on is what is stored.
  message::LineScanner seen = facts.seen;
  if (said.body == envelope::Body::binary_mime && delivery.content->octets != nullptr) {
    seen = message::LineScanner();
    seen.feed(*delivery.content->octets);
  }
  entry.eight_bit = seen.eight_bit() > 0;
  entry.utf8_header = delivery.content->facts.ascii_growth.has_value();
  entry.binary = seen.nul() > 0 || !seen.clean_line_ends() || seen.longest_line() > kTextLineMax;
  entry.sender.parameters.priority = said.priority;
  entry.arrived = now;
  // RFC 4865 §4: the time it is held back does not count.
  const std::optional<WallTime> held = held_until(transaction);
  const WallTime begins = std::max(now, held.value_or(now));
  entry.expires = {begins.microseconds + terms.lifetime.count()};
  entry.notice = WallTime{begins.microseconds + terms.notice_after.count()};
  set_deliver_by(entry, said.deliver_by, transaction.began);
  if (local_) entry.submitter = local_->name;
  if (transaction.submitter) entry.submitter = transaction.submitter->address;
  entry.received_from = peer_->name;
  if (!transaction.departures.empty()) {
    if (delivery.content->octets != nullptr) {
      const auto& stored = delivery.content->to_store();
      const std::string_view octets = *stored;
      delivery.body = delivery.also.body(stored, std::span(&octets, 1));
      if (delivery.content->key) set_encrypted(delivery.also, *delivery.body);
    }
    Departures::Terms leaving{.priority = said.priority.value_or(0), .due = held, .told_of = transaction.id};
    if (transaction.departures.forwards_far())
      leaving.forwarded_from = CO_TRY(co_await sender_of_forwarded(entry.sender.path));
    changes = CO_TRY(transaction.departures.admit(desk_.services, entry, leaving, delivery.body, delivery.also));
  }
  if (!told) co_return changes;
  auto reports = co_await report_all(transaction, entry, delivery);
  if (!reports) {
    for (queue::Change& change : changes) change.refused();
    co_return std::unexpected(std::move(reports).error());
  }
  for (queue::Change& report : *reports) changes.push_back(std::move(report));
  co_return changes;
}

/// To the sender, and to the owners of lists.
io::Task<Result<std::vector<queue::Change>>> SmtpSession::report_all(const Transaction& transaction,
                                                                     const queue::Entry& entry,
                                                                     mailbox::Delivery& delivery) {
  std::vector<queue::Change> made;
  const auto add = [&made](Result<std::optional<queue::Change>> report) -> Result<> {
    if (!report) {
      for (queue::Change& change : made) change.refused();
      return std::unexpected(std::move(report).error());
    }
    if (*report) made.push_back(**std::move(report));
    return {};
  };
  CO_TRY(add(co_await report_to_sender(transaction, entry, delivery)));
  for (const Told& told : transaction.lost_of_lists) {
    auto owned = of_owner(entry, told.owner_address);
    if (!owned) CO_TRY(add(std::unexpected(std::move(owned).error())));
    CO_TRY(add(co_await report(*owned, to_be_told(*owned, {*told.owner}), delivery)));
  }
  co_return made;
}

io::Task<Result<std::optional<queue::Change>>> SmtpSession::report_to_sender(const Transaction& transaction,
                                                                             const queue::Entry& entry,
                                                                             mailbox::Delivery& delivery) {
  std::vector<Reported> here;
  for (std::size_t i = 0; i < transaction.rcpts.size(); ++i) {
    if (const auto& failed = transaction.rcpts[i].failed)
      here.push_back({.addressee = {.recipient = transaction.envelope.recipients[i], .trouble = {}},
                      .fate = {.kind = Fate::Kind::failed, .trouble = *failed}});
    const auto& fate = transaction.rcpts[i].fate;
    if (!fate) continue;
    here.push_back(
        {.addressee = {.recipient = transaction.envelope.recipients[i], .trouble = {}},
         .fate = {.kind = *fate, .trouble = {.status = "2.1.5", .diagnostic = {}, .remote = {}, .at = entry.arrived}}});
  }
  here.insert(here.end(), transaction.lost.begin(), transaction.lost.end());
  co_return co_await report(entry, to_be_told(entry, std::move(here)), delivery);
}

io::Task<Result<std::optional<queue::Change>>> SmtpSession::report(const queue::Entry& entry,
                                                                   std::vector<Reported> here,
                                                                   mailbox::Delivery& delivery) {
  if (here.empty()) co_return std::optional<queue::Change>();
  const bool failed =
      std::ranges::any_of(here, [](const Reported& one) { return one.fate.kind == Fate::Kind::failed; });
  const std::uint64_t size = delivery.content->body_length();
  const std::uint64_t max = failed ? returned_max(entry, size) : message::kReturnHeaderMax;
  Original original;
  original.whole = failed && size <= max;
  if (delivery.content->octets != nullptr) {
    original.octets = delivery.content->octets->substr(0, max);
  } else {
    auto stored = std::make_shared<queue::Entry>(entry);
    original.octets = CO_TRY(co_await read_body(desk_.services, std::move(stored), max));
  }
  co_return co_await add_report(desk_.services, desk_.outbound->reports, entry, std::move(here), std::move(original),
                                delivery.also);
}

}  // namespace angarium::agent
