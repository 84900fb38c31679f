#include "agent/departures.h"

#include <algorithm>

#include "agent/attempt_story.h"
#include "agent/way.h"
#include "base/text.h"
#include "io/loop.h"
#include "message/trace_fields.h"

namespace angarium::agent {
namespace {

/// RFC 3461 §5.2.7.2, §5.2.7.3 (c): one copy has all parameters, several have no SUCCESS among them.
envelope::RcptParameters parameters_of_copy(const envelope::RcptParameters& said, const Sorted& sorted) {
  envelope::RcptParameters kept;
  kept.original = said.original;
  kept.notify = said.notify;
  if (sorted.copies() == 1 || !kept.notify) return kept;
  kept.notify->success = false;
  kept.notify->never = !kept.notify->failure && !kept.notify->delay;
  return kept;
}

}  // namespace

void Departures::add(Departure& departure, std::string destination, envelope::Recipient recipient) {
  const auto [at, is_new] = departure.places.try_emplace(destination, departure.lots.size());
  if (is_new) departure.lots.push_back({.destination = std::move(destination), .recipients = {}});
  departure.lots[at->second].recipients.push_back(std::move(recipient));
}

Departures::Departure& Departures::departure(Departure wanted) {
  const auto found = std::ranges::find_if(all_, [&](const Departure& one) {
    return one.by == wanted.by && one.owner == wanted.owner && one.far == wanted.far;
  });
  if (found != all_.end()) return *found;
  all_.push_back(std::move(wanted));
  return all_.back();
}

void Departures::relay(const envelope::Recipient& recipient) {
  add(departure({}), destination_of(recipient.path.mailbox), recipient);
}

void Departures::forward(const envelope::Recipient& recipient, const Sorted& sorted) {
  const std::string by = recipient.path.postmaster_here() ? "postmaster" : recipient.path.mailbox.text();
  if (forwards(by)) return;
  for (const Sorted::Onward& onward : sorted.onward) {
    envelope::Recipient copy;
    copy.path.mailbox = onward.target.empty() ? onward.to : recipient.path.mailbox;
    // RFC 3461 §5.2.7.1 (b): what goes to a list's members is another message.
    if (onward.owner.empty()) copy.parameters = parameters_of_copy(recipient.parameters, sorted);
    const bool far = onward.owner.empty() && onward.target.empty() && !onward.here;
    add(departure({.by = by, .owner = onward.owner, .far = far, .lots = {}, .places = {}}), destination_of(onward),
        std::move(copy));
  }
}

bool Departures::forwards_far() const { return std::ranges::any_of(all_, &Departure::far); }

bool Departures::forwards(std::string_view address) const {
  return std::ranges::any_of(
      all_, [&](const Departure& one) { return !one.by.empty() && equals_ignore_case(one.by, address); });
}

Departures::Own Departures::own() const {
  Own own;
  if (all_.empty() || all_.front().by.empty()) return own;
  own.by = all_.front().by;
  for (const queue::Lot& lot : all_.front().lots)
    for (const envelope::Recipient& recipient : lot.recipients) {
      std::string address = recipient.path.mailbox.text();
      // A file or command of the address itself.
      if (!equals_ignore_case(address, own.by)) own.to.push_back(std::move(address));
    }
  return own;
}

Result<std::vector<queue::Change>> Departures::admit(Services& services, const queue::Entry& message,
                                                     const Terms& terms, std::optional<std::size_t> body,
                                                     store::Batch& batch) const {
  std::vector<queue::Change> changes;
  for (const Departure& departure : all_) {
    queue::Entry entry = message;
    if (!changes.empty()) entry.id = envelope::DeliveryId::make(io::Loop::current().random());
    if (!departure.by.empty()) entry.prepended = message::compose_delivered_to(departure.by) + entry.prepended;
    // RFC 5321 §4.5.5: what must not be answered stays so.
    if (!departure.owner.empty() && entry.sender.path.mailbox) {
      entry.sender.path.mailbox = TRY(envelope::parse_mailbox(departure.owner, {.utf8 = envelope::Utf8::accept}));
      entry.sender.parameters.ret.reset();
      entry.sender.parameters.envelope_id.reset();
    }
    if (departure.far && terms.forwarded_from) entry.sender.path = *terms.forwarded_from;
    if (entry.sender.path.mailbox && entry.sender.path.mailbox->needs_utf8()) entry.sender.parameters.smtputf8 = true;
    std::vector<queue::Lot> lots = departure.lots;
    for (queue::Lot& lot : lots) {
      lot.priority = terms.priority;
      lot.due = terms.due;
    }
    if (entry.id != terms.told_of)
      put_sent_on(services.ledger(), entry, lots, terms.told_of, departure.by, io::Loop::current().clock().wall(),
                  batch);
    auto change = services.queue().admit(entry, std::move(lots), body, batch);
    if (!change) {
      for (queue::Change& made : changes) made.refused();
      return std::unexpected(std::move(change).error());
    }
    changes.push_back(*std::move(change));
  }
  return changes;
}

std::optional<Fate::Kind> fate_of(const Sorted& sorted) {
  if (sorted.copies() == 0) return std::nullopt;
  // RFC 3461 §5.2.7.1: what a list has is delivered.
  if (sorted.onward.empty() || sorted.is_list()) return Fate::Kind::delivered;
  if (sorted.copies() == 1) return std::nullopt;
  return Fate::Kind::expanded;
}

}  // namespace angarium::agent
