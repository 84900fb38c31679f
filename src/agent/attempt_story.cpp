#include "agent/attempt_story.h"

#include <algorithm>

namespace angarium::agent {

trace::Fate::Kind fate_kind(Fate::Kind kind) {
  using Kind = trace::Fate::Kind;
  switch (kind) {
    case Fate::Kind::owed: return Kind::owed;
    case Fate::Kind::failed: return Kind::failed;
    case Fate::Kind::delivered: return Kind::delivered;
    case Fate::Kind::relayed: return Kind::relayed;
    case Fate::Kind::handed_on: return Kind::handed_on;
    case Fate::Kind::expanded: return Kind::expanded;
    case Fate::Kind::discarded: break;
  }
  return Kind::discarded;
}

std::string_view bare_message_id(std::string_view message_id) {
  if (message_id.starts_with('<')) message_id.remove_prefix(1);
  if (message_id.ends_with('>')) message_id.remove_suffix(1);
  return message_id;
}

void AttemptStory::put(const std::vector<envelope::Recipient>& recipients, const std::vector<Fate>& fates, bool expired,
                       const std::vector<trace::Place>& places, WallTime now, store::Batch& batch) const {
  trace::Event event;
  event.at = now;
  event.number = made ? job.consignment.attempts + 1 : 0;
  if (made && began.microseconds != 0)
    event.took_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.microseconds - began.microseconds) / 1000);
  event.text = host;
  event.tls = tls;
  std::vector<std::string> addresses;
  addresses.reserve(recipients.size());
  for (std::size_t i = 0; i < recipients.size() && i < fates.size(); ++i) {
    const Fate& fate = fates[i];
    trace::Fate told;
    told.kind = fate_kind(fate.kind);
    if (fate.kind == Fate::Kind::owed && expired) told.kind = trace::Fate::Kind::expired;
    told.address = addresses.emplace_back(recipients[i].path.mailbox.text());
    told.status = fate.trouble.status;
    told.words = fate.trouble.diagnostic;
    event.fates.push_back(told);
  }
  event.places = places;
  trace::Ledger::happened(job.entry->arrived, job.entry->id, event, batch);
}

void put_delivered(const queue::Job& job, const envelope::Recipient& recipient, const Sorted& sorted,
                   const std::vector<Result<mailbox::Delivered>>& copies, WallTime now, store::Batch& batch) {
  std::vector<trace::Place> places;
  places.reserve(copies.size());
  for (std::size_t i = 0; i < copies.size(); ++i)
    if (copies[i])
      places.push_back({.recipient = 0,
                        .account = sorted.accounts[i].id,
                        .mailbox = copies[i]->mailbox,
                        .uid = copies[i]->uid,
                        .email = copies[i]->email});
  Fate fate{.kind = Fate::Kind::delivered, .trouble = {}};
  if (!sorted.onward.empty()) {
    fate.kind = Fate::Kind::expanded;
  } else if (sorted.accounts.empty()) {
    fate.kind = Fate::Kind::discarded;
  }
  AttemptStory(job).put({recipient}, {fate}, false, places, now, batch);
}

void put_made(trace::Ledger& ledger, const queue::Entry& made, const std::vector<queue::Lot>& lots, const Made& how,
              store::Batch& batch) {
  std::string sender;
  if (made.sender.path.mailbox) sender = made.sender.path.mailbox->text();
  trace::Beginning story;
  story.id = made.id;
  story.at = made.arrived;
  story.door = how.door;
  story.octets = how.octets;
  story.sender = sender;
  story.message_id = bare_message_id(how.message_id);
  story.report_of = how.of;
  std::size_t count = 0;
  for (const queue::Lot& lot : lots) count += lot.recipients.size();
  std::vector<std::string> addresses;
  addresses.reserve(count);
  for (const queue::Lot& lot : lots)
    for (const envelope::Recipient& recipient : lot.recipients)
      story.recipients.push_back({.address = addresses.emplace_back(recipient.path.mailbox.text()),
                                  .course = trace::Course::elsewhere,
                                  .code = {}});
  std::string scratch;
  ledger.accept(story, scratch, batch);
}

void put_sent_on(trace::Ledger& ledger, const queue::Entry& made, const std::vector<queue::Lot>& lots,
                 trace::DeliveryId of, std::string_view by, WallTime now, store::Batch& batch) {
  put_made(ledger, made, lots, {.door = trace::Door::onward, .octets = made.body_length(), .message_id = {}, .of = of},
           batch);
  trace::Event event;
  event.kind = trace::Event::Kind::sent_on;
  event.at = now;
  event.id = made.id;
  event.text = by;
  trace::Ledger::happened(made.arrived, of, event, batch);
}

void put_reported(const queue::Entry& made, const envelope::Mailbox& to, const queue::Entry& of,
                  const std::vector<Reported>& recipients, store::Batch& batch) {
  const std::string reader = to.text();
  trace::Event event;
  event.kind = trace::Event::Kind::report;
  event.at = made.arrived;
  event.id = made.id;
  event.text = reader;
  std::vector<std::string> addresses;
  addresses.reserve(recipients.size());
  for (const Reported& one : recipients)
    event.fates.push_back({.kind = fate_kind(one.fate.kind),
                           .address = addresses.emplace_back(one.addressee.recipient.path.mailbox.text()),
                           .status = one.fate.trouble.status});
  trace::Ledger::happened(of.arrived, of.id, event, batch);
}

void put_set_aside(const queue::Entry& entry, std::uint32_t crashes, WallTime now, store::Batch& batch) {
  trace::Event event;
  event.kind = trace::Event::Kind::set_aside;
  event.at = now;
  event.number = crashes;
  trace::Ledger::happened(entry.arrived, entry.id, event, batch);
}

void put_operation(const queue::Entry& entry, trace::Event::Kind kind, WallTime now, store::Batch& batch) {
  trace::Event event;
  event.kind = kind;
  event.at = now;
  trace::Ledger::happened(entry.arrived, entry.id, event, batch);
}

}  // namespace angarium::agent
