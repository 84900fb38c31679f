#include "agent/departures.h"

#include <algorithm>

#include "agent/attempt_story.h"
#include "agent/way.h"
#include "base/text.h"
#include "io/loop.h"
#include "message/trace_fields.h"

namespace angarium::agent {
namespace {

/// RFC 3461 §5.2.7.2, §5.2.7.3 (c): one copy has all parameters, several, lost ones too, have no SUCCESS among them.
envelope::RcptParameters parameters_of_copy(const envelope::RcptParameters& said, const Sorted& sorted) {
  envelope::RcptParameters kept;
  kept.original = said.original;
  kept.notify = said.notify;
  if ((sorted.copies() == 1 && sorted.problems.empty()) || !kept.notify) return kept;
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
    if (!departure.owner.empty()) entry = TRY(of_owner(std::move(entry), departure.owner));
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

queue::Trouble trouble_of(const alias::Problem& problem, WallTime at) {
  queue::Trouble trouble{.status = problem.enhanced, .diagnostic = problem.text, .remote = {}, .at = at};
  trouble.inner = !problem.enhanced.starts_with("5.1.") && !problem.enhanced.starts_with("5.2.");
  return trouble;
}

Result<queue::Entry> of_owner(queue::Entry entry, const std::string& owner) {
  // RFC 5321 §4.5.5: what must not be answered stays so.
  if (!entry.sender.path.mailbox) return entry;
  entry.sender.path.mailbox = TRY(envelope::parse_mailbox(owner, {.utf8 = envelope::Utf8::accept}));
  entry.sender.parameters.ret.reset();
  entry.sender.parameters.envelope_id.reset();
  return entry;
}

namespace {

std::optional<Fate::Kind> fate_of(const Sorted& sorted) {
  if (sorted.copies() == 0) return std::nullopt;
  // RFC 3461 §5.2.7.1: what a list has is delivered.
  if (sorted.onward.empty() || sorted.is_list()) return Fate::Kind::delivered;
  if (sorted.copies() == 1) return std::nullopt;
  return Fate::Kind::expanded;
}

bool hears_of_failure(const envelope::Recipient& recipient) {
  const auto& notify = recipient.parameters.notify;
  return !notify || (notify->failure && !notify->never);
}

}  // namespace

Told told_of(const envelope::Recipient& recipient, const Sorted& sorted, WallTime at) {
  Told told;
  const auto reported = [&](Fate::Kind kind, queue::Trouble trouble) {
    return Reported{.addressee = {.recipient = recipient, .trouble = {}},
                    .fate = {.kind = kind, .trouble = std::move(trouble)}};
  };
  auto kind = fate_of(sorted);
  if (!sorted.problems.empty() && sorted.is_list()) {
    // RFC 3461 §5.2.7.1: that the list has it is all that its sender hears; its members are the owner's.
    told.owner = reported(Fate::Kind::failed, trouble_of(sorted.problems.front(), at));
    told.owner->addressee.recipient.parameters = {};
    told.owner_address = sorted.accounts.empty() ? sorted.onward.front().owner : sorted.accounts.front().owner;
  } else if (!sorted.problems.empty() && hears_of_failure(recipient)) {
    told.sender =
        reported(Fate::Kind::failed, {.status = sorted.problems.front().enhanced,
                                      .diagnostic = "a part of the alias cannot be reached; the rest has the message",
                                      .remote = {},
                                      .at = at});
    return told;
  } else if (!sorted.problems.empty() && kind) {
    // RFC 3461 §5.2.7.3 (c): not all of it is delivered.
    kind = Fate::Kind::expanded;
  }
  if (kind) told.sender = reported(*kind, {.status = "2.1.5", .diagnostic = {}, .remote = {}, .at = at});
  return told;
}

}  // namespace angarium::agent
