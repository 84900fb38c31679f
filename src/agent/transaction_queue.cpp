// What of a message goes to the queue: copies for elsewhere, and reports of those that were delivered here.
#include <algorithm>

#include "agent/queued_message.h"
#include "agent/report.h"
#include "agent/transaction.h"
#include "agent/way.h"
#include "io/loop.h"
#include "message/status.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;
using smtp::Reply;

/// RFC 5321 §4.5.3.1.6: octets of a line of text without its CR LF; a longer one needs BINARYMIME.
constexpr std::uint64_t kTextLineMax = 998;

}  // namespace

/// Mail to elsewhere is taken from users, and from the networks that the operator names.
bool SmtpSession::may_relay() const {
  if (desk_.outbound == nullptr || desk_.policy.lmtp()) return false;
  if (submission()) return peer_->identity.has_value();
  return peer_->remote.is_ip() && std::ranges::any_of(desk_.relay_networks, [&](const io::Prefix& network) {
           return network.contains(peer_->remote.address());
         });
}

Reply SmtpSession::take_elsewhere(const envelope::Recipient& recipient, const std::string& address) {
  const envelope::Sender& sender = transaction_->envelope.sender;
  const route::Decision decision = desk_.outbound->transports.decide(recipient.path.mailbox, sender.path);
  if (const auto* const refuse = std::get_if<route::Refuse>(&decision.transport)) {
    Reply reply(refuse->code, {}, with_id(refuse->text));
    if (const auto status = message::parse_status(refuse->enhanced))
      reply.enhanced = {static_cast<std::uint8_t>(status->class_code), status->subject, status->detail};
    return reply;
  }
  transaction_->envelope.recipients.push_back(recipient);
  transaction_->rcpts.push_back({.address = address, .accounts = {}});
  if (!std::holds_alternative<route::Discard>(decision.transport)) {
    const std::string destination = destination_of(recipient.path.mailbox);
    auto& lots = transaction_->elsewhere;
    auto lot = std::ranges::find_if(lots, [&](const queue::Lot& one) { return one.destination == destination; });
    if (lot == lots.end()) lot = lots.insert(lots.end(), {.destination = destination, .recipients = {}});
    lot->recipients.push_back(recipient);
  }
  return {250, {2, 1, 5}, with_id("Recipient OK")};
}

/// What goes on to elsewhere, and what the sender wants to hear of those here (RFC 3461 §5.2.3): by the same batch.
io::Task<Result<std::vector<queue::Change>>> SmtpSession::enqueue(const Transaction& transaction,
                                                                  const smtp::BodyFacts& facts,
                                                                  mailbox::Delivery& delivery) {
  std::vector<queue::Change> changes;
  if (desk_.outbound == nullptr || desk_.policy.lmtp()) co_return changes;
  const ReportTerms& terms = desk_.outbound->reports;
  const WallTime now = io::Loop::current().clock().wall();
  queue::Entry entry;
  entry.id = transaction.id;
  entry.sender.path = transaction.envelope.sender.path;
  const envelope::MailParameters& said = transaction.envelope.sender.parameters;
  entry.sender.parameters.smtputf8 = said.smtputf8;
  entry.sender.parameters.body = said.body;
  entry.sender.parameters.ret = said.ret;
  entry.sender.parameters.envelope_id = said.envelope_id;
  entry.body = delivery.content->stored;
  entry.prepended = received_field(transaction);
  entry.eight_bit = facts.seen.eight_bit() > 0;
  entry.utf8_header = delivery.content->facts.ascii_growth.has_value();
  entry.binary = facts.seen.nul() > 0 || !facts.seen.clean_line_ends() || facts.seen.longest_line() > kTextLineMax;
  entry.arrived = now;
  entry.expires = {now.microseconds + terms.lifetime.count()};
  entry.notice = WallTime{now.microseconds + terms.notice_after.count()};
  if (transaction.submitter) entry.submitter = transaction.submitter->address;
  entry.received_from = peer_->name;
  if (!transaction.elsewhere.empty()) {
    if (delivery.content->octets != nullptr) {
      const std::string_view octets = *delivery.content->octets;
      delivery.body = delivery.also.body(delivery.content->octets, std::span(&octets, 1));
    }
    changes.push_back(CO_TRY(desk_.services.queue().admit(entry, transaction.elsewhere, delivery.body, delivery.also)));
  }
  auto report = co_await report_success(transaction, entry, delivery);
  if (!report) {
    for (queue::Change& change : changes) change.refused();
    co_return std::unexpected(std::move(report).error());
  }
  if (*report) changes.push_back(**std::move(report));
  co_return changes;
}

io::Task<Result<std::optional<queue::Change>>> SmtpSession::report_success(const Transaction& transaction,
                                                                           const queue::Entry& entry,
                                                                           mailbox::Delivery& delivery) {
  std::vector<Reported> here;
  for (std::size_t i = 0; i < transaction.rcpts.size(); ++i) {
    if (transaction.rcpts[i].accounts.empty()) continue;
    here.push_back({.addressee = {.recipient = transaction.envelope.recipients[i], .trouble = {}},
                    .fate = {.kind = Fate::Kind::delivered,
                             .trouble = {.status = "2.1.5", .diagnostic = {}, .remote = {}, .at = entry.arrived}}});
  }
  here = to_be_told(entry, std::move(here));
  if (here.empty()) co_return std::optional<queue::Change>();
  Original original;
  if (delivery.content->octets != nullptr) {
    original.octets = delivery.content->octets->substr(0, message::kReturnHeaderMax);
  } else {
    auto stored = std::make_shared<queue::Entry>(entry);
    original.octets = CO_TRY(co_await read_body(desk_.services, std::move(stored), message::kReturnHeaderMax));
  }
  co_return co_await add_report(desk_.services, desk_.outbound->reports, entry, std::move(here), std::move(original),
                                delivery.also);
}

}  // namespace angarium::agent
