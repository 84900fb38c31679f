#include "agent/report.h"

#include <algorithm>
#include <array>

#include "agent/attempt_story.h"
#include "agent/deliver_by.h"
#include "agent/postmaster.h"
#include "agent/queued_message.h"
#include "agent/way.h"
#include "base/log.h"
#include "base/text.h"
#include "io/address.h"
#include "io/loop.h"
#include "message/address.h"
#include "message/trace_fields.h"

namespace angarium::agent {
namespace {

using message::DsnAction;

DsnAction action_of(Fate::Kind kind) {
  switch (kind) {
    case Fate::Kind::failed: return DsnAction::failed;
    case Fate::Kind::relayed: return DsnAction::relayed;
    case Fate::Kind::owed: return DsnAction::delayed;
    case Fate::Kind::expanded: return DsnAction::expanded;
    case Fate::Kind::delivered:
    case Fate::Kind::handed_on:
    case Fate::Kind::discarded: break;
  }
  return DsnAction::delivered;
}

message::TypedText typed_address(const envelope::Mailbox& mailbox) {
  return {.type = mailbox.needs_utf8() ? "utf-8" : "rfc822", .text = mailbox.text()};
}

/// RFC 3461 §9.3: a domain name, else the address as a domain-literal (RFC 5321 §4.1.3).
message::TypedText mta_name(const std::string& host) {
  const auto address = io::IpAddress::parse(host);
  if (!address) return {.type = "dns", .text = host};
  return {.type = "dns", .text = (address->family() == io::IpAddress::Family::v4 ? "[" : "[IPv6:") + host + "]"};
}

enum class Reader : std::uint8_t { of_this_host, stranger };

/// Whose addresses this host serves may hear of its insides.
io::Task<Result<Reader>> kind_of(Services& services, const std::string& hostname, const std::string& domain) {
  if (domain.empty() || equals_ignore_case(domain, hostname)) co_return Reader::of_this_host;
  const bool served = CO_TRY(co_await io::run(
      services.pool(), [&directory = services.directory(), domain] { return directory.is_local(domain); }));
  co_return served ? Reader::of_this_host : Reader::stranger;
}

message::RecipientReport report_of(const Reported& reported, const queue::Entry& entry, Reader reader) {
  const envelope::Recipient& recipient = reported.addressee.recipient;
  const queue::Trouble& trouble = reported.fate.trouble;
  message::RecipientReport report;
  if (const auto& original = recipient.parameters.original)
    report.original_recipient = {.type = original->type, .text = original->address};
  report.final_recipient = typed_address(recipient.path.mailbox);
  report.action = action_of(reported.fate.kind);
  report.status = message::parse_status(trouble.status);
  if (!trouble.remote.empty()) report.remote_mta = mta_name(trouble.remote);
  // Where and how a copy was laid down here is nothing for its sender.
  const bool told = !trouble.inner || reader == Reader::of_this_host;
  if (told && !trouble.diagnostic.empty() && !(trouble.remote.empty() && report.action == DsnAction::delivered))
    report.diagnostic = {.type = trouble.remote.empty() ? "x-angarium" : "smtp", .text = trouble.diagnostic};
  if (trouble.at.microseconds != 0) report.last_attempt = message::DateTime::at(trouble.at);
  if (report.action == DsnAction::delayed) report.will_retry_until = message::DateTime::at(entry.expires);
  return report;
}

struct Addressed {
  envelope::Mailbox to;
  queue::Origin origin = queue::Origin::report;
};

/// RFC 5321 §4.5.5, §6.1: a null reverse-path is never answered; that a report failed is the postmaster's to know.
io::Task<Result<std::optional<Addressed>>> reader_of(Services& services, const queue::Entry& entry,
                                                     const std::vector<Reported>& recipients) {
  if (entry.sender.path.mailbox) co_return std::optional(Addressed{.to = *entry.sender.path.mailbox});
  const bool failed =
      std::ranges::any_of(recipients, [](const Reported& one) { return one.fate.kind == Fate::Kind::failed; });
  if (!failed || entry.origin == queue::Origin::postmaster_report) co_return std::optional<Addressed>();
  auto to = CO_TRY(co_await postmaster(services));
  if (!to) co_return std::optional<Addressed>();
  co_return std::optional(Addressed{.to = *std::move(to), .origin = queue::Origin::postmaster_report});
}

}  // namespace

bool is_told(const queue::Entry& entry, const queue::Addressee& addressee, DsnAction action) {
  const auto& notify = addressee.recipient.parameters.notify;
  if (notify && notify->never) return false;
  switch (action) {
    case DsnAction::failed: return !notify || notify->failure;
    case DsnAction::delayed: return entry.sender.path.mailbox && (!notify || notify->delay);
    case DsnAction::delivered:
    case DsnAction::relayed:
    case DsnAction::expanded: break;
  }
  return entry.sender.path.mailbox && notify && notify->success;
}

std::vector<Reported> to_be_told(const queue::Entry& entry, std::vector<Reported> recipients) {
  std::erase_if(recipients, [&](const Reported& one) {
    const auto& notify = one.addressee.recipient.parameters.notify;
    if (one.fate.kind == Fate::Kind::relayed && one.fate.by_time && entry.sender.path.mailbox)
      return notify && notify->never;
    return one.fate.kind == Fate::Kind::handed_on || one.fate.kind == Fate::Kind::discarded ||
           !is_told(entry, one.addressee, action_of(one.fate.kind));
  });
  return recipients;
}

std::uint64_t returned_max(const queue::Entry& entry, std::uint64_t size) {
  const bool full = entry.sender.parameters.ret != envelope::Return::headers && size <= message::kReturnFullMax;
  return full ? message::kReturnFullMax : message::kReturnHeaderMax;
}

io::Task<Result<std::optional<queue::Change>>> add_report(Services& services, const ReportTerms& terms,
                                                          const queue::Entry& entry, std::vector<Reported> recipients,
                                                          Original original, store::Batch& batch) {
  const auto reader = CO_TRY(co_await reader_of(services, entry, recipients));
  if (!reader) {
    for (const Reported& one : recipients)
      log::notice("mta", "undeliverable, and nobody is told",
                  {{"id", entry.id.text()},
                   {"to", one.addressee.recipient.path.mailbox.text()},
                   {"why", one.fate.trouble.diagnostic}});
    co_return std::optional<queue::Change>();
  }

  const Reader kind = CO_TRY(co_await kind_of(services, terms.hostname, reader->to.domain));
  io::Loop& loop = io::Loop::current();
  const WallTime now = loop.clock().wall();
  message::DeliveryReport report;
  report.envelope_id = entry.sender.parameters.envelope_id;
  report.reporting_mta = {.type = "dns", .text = terms.hostname};
  if (!entry.received_from.empty()) report.received_from_mta = mta_name(entry.received_from);
  report.arrival = message::DateTime::at(entry.arrived);
  if (const auto by = deliver_by_time(entry)) report.deliver_by = message::DateTime::at(*by);
  for (const Reported& one : recipients) report.recipients.push_back(report_of(one, entry, kind));

  message::DsnOptions options;
  options.from = message::format_address("Mail Delivery System", "postmaster", terms.hostname);
  options.to = message::format_address("", reader->to.local_part, reader->to.domain);
  if (!entry.sender.path.mailbox) options.reader = message::ReportReader::postmaster;
  options.date = message::DateTime::at(now);
  options.message = message::make_message_id(now, loop.random(), terms.hostname);
  options.utf8 = entry.sender.parameters.smtputf8 ? envelope::Utf8::accept : envelope::Utf8::refuse;
  options.ret = entry.sender.parameters.ret == envelope::Return::headers ? message::ReturnContent::headers
                                                                         : message::ReturnContent::full;
  options.header_only = !original.whole;
  const message::ComposedDsn composed = CO_TRY(message::compose_dsn(report, original.octets, options, loop.random()));

  queue::Entry made;
  made.id = envelope::DeliveryId::make(loop.random());
  made.origin = reader->origin;
  made.sender.parameters.smtputf8 = composed.utf8_header;
  made.eight_bit = composed.eight_bit;
  made.utf8_header = composed.utf8_header;
  made.arrived = now;
  made.expires = {now.microseconds + terms.lifetime.count()};
  std::string octets = composed.octets();
  const std::uint64_t size = octets.size();
  const auto body = CO_TRY(co_await place(services, std::move(octets), made, batch));
  // No NOTIFY=NEVER (RFC 3461 §6.1 lets us choose): a server on the way could not tell its postmaster, and the report
  // were lost without a word.
  envelope::Recipient to{.path = {.mailbox = reader->to}, .parameters = {}};
  std::vector<queue::Lot> lots;
  lots.push_back({.destination = destination_of(reader->to), .recipients = {std::move(to)}});
  put_made(services.ledger(), made, lots, {.octets = size, .message_id = options.message, .of = entry.id}, batch);
  put_reported(made, reader->to, entry, recipients, batch);
  queue::Change change = CO_TRY(services.queue().admit(made, std::move(lots), body, batch));
  log::info("mta", "report", {{"id", made.id.text()}, {"of", entry.id.text()}, {"to", reader->to.text()}});
  co_return std::optional(std::move(change));
}

io::Task<Result<std::optional<queue::Change>>> tell_sender(Services& services, const ReportTerms& terms,
                                                           queue::EntryPtr entry, std::vector<Reported> recipients,
                                                           store::Batch& batch) {
  recipients = to_be_told(*entry, std::move(recipients));
  if (recipients.empty()) co_return std::optional<queue::Change>();
  const std::uint64_t max = returned_max(*entry, entry->body_length());
  auto octets = co_await read_body(services, entry, max);
  // A message that cannot be read any more is reported without its text.
  if (!octets && octets.error().temporary()) co_return std::unexpected(std::move(octets).error());
  Original original;
  // With the trace fields of its way here.
  if (octets) original = {.octets = entry->prepended + *octets, .whole = entry->body_length() <= max};
  co_return co_await add_report(services, terms, *entry, std::move(recipients), std::move(original), batch);
}

}  // namespace angarium::agent
