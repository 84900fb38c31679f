#include "agent/postmaster.h"

#include "agent/attempt_story.h"
#include "agent/queued_message.h"
#include "agent/way.h"
#include "base/log.h"
#include "io/loop.h"
#include "message/address.h"
#include "message/compose.h"
#include "message/date.h"
#include "message/dsn.h"
#include "message/trace_fields.h"

namespace angarium::agent {

io::Task<Result<std::optional<envelope::Mailbox>>> postmaster(Services& services) {
  const auto domains =
      CO_TRY(co_await io::run(services.pool(), [&directory = services.directory()] { return directory.domains(); }));
  if (domains.empty()) co_return std::optional<envelope::Mailbox>();
  co_return std::optional(envelope::Mailbox{.local_part = "postmaster", .domain = domains.front().name});
}

io::Task<Result<std::optional<queue::Change>>> tell_postmaster(Services& services, const ReportTerms& terms,
                                                               std::string subject, std::string text,
                                                               queue::EntryPtr of, store::Batch& batch) {
  auto to = CO_TRY(co_await postmaster(services));
  if (!to) co_return std::optional<queue::Change>();
  io::Loop& loop = io::Loop::current();
  const WallTime now = loop.clock().wall();
  using Kind = message::OutgoingField::Kind;
  const auto structured = [](std::string name, std::string value) {
    return message::OutgoingField{.name = std::move(name), .value = std::move(value), .kind = Kind::structured};
  };
  const std::vector<message::OutgoingField> fields = {
      structured("Date", message::format_date(message::DateTime::at(now))),
      structured("From", message::format_address("Mail System", "postmaster", terms.hostname)),
      structured("To", message::format_address("", to->local_part, to->domain)),
      {.name = "Subject", .value = std::move(subject)},
      structured("Message-ID", message::make_message_id(now, loop.random(), terms.hostname)),
      // RFC 3834 §5
      structured("Auto-Submitted", "auto-generated"),
  };
  message::OutgoingPart part;
  part.body = std::move(text);
  std::string octets = CO_TRY(message::compose(fields, part, loop.random()));
  queue::Entry made;
  made.id = envelope::DeliveryId::make(loop.random());
  made.origin = queue::Origin::postmaster_report;
  made.arrived = now;
  made.expires = {now.microseconds + terms.lifetime.count()};
  const std::uint64_t size = octets.size();
  const auto body = CO_TRY(co_await place(services, std::move(octets), made, batch));
  envelope::Recipient recipient{.path = {.mailbox = *to}, .parameters = {}};
  recipient.parameters.notify = envelope::Notify{.never = true};
  std::vector<queue::Lot> lots;
  lots.push_back({.destination = destination_of(*to), .recipients = {std::move(recipient)}});
  put_made(services.ledger(), made, lots,
           {.octets = size, .message_id = {}, .of = of == nullptr ? trace::DeliveryId() : of->id}, batch);
  if (of != nullptr) put_reported(made, *to, *of, {}, batch);
  queue::Change change = CO_TRY(services.queue().admit(made, std::move(lots), body, batch));
  co_return std::optional(std::move(change));
}

}  // namespace angarium::agent
