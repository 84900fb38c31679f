// What the courier and the operators' verbs tell the trace of a message in the queue.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/report.h"
#include "agent/sorting.h"
#include "mailbox/mailbox.h"
#include "queue/queue.h"
#include "store/batch.h"
#include "trace/ledger.h"

namespace angarium::agent {

trace::Fate::Kind fate_kind(Fate::Kind kind);
/// Without brackets.
std::string_view bare_message_id(std::string_view message_id);

/// An attempt, with the texts its event points to: one is put together while the attempt goes on, and added to the
/// batch that writes down what came of it.
struct AttemptStory {
  explicit AttemptStory(const queue::Job& attempted) : job(attempted) {}

  const queue::Job& job;
  bool made = true;  ///< false: the time was over before there was another one
  std::string host;  ///< with its address; empty: nobody was reached
  std::string tls;
  WallTime began;

  /// `fates`: one for each of these recipients.
  void put(const std::vector<envelope::Recipient>& recipients, const std::vector<Fate>& fates, bool expired,
           const std::vector<trace::Place>& places, WallTime now, store::Batch& batch) const;
};

/// Mail that waited came to the accounts of `sorted`, with `copies` as mailbox::MailboxStore::deliver() gives them.
void put_delivered(const queue::Job& job, const envelope::Recipient& recipient, const Sorted& sorted,
                   const std::vector<Result<mailbox::Delivered>>& copies, WallTime now, store::Batch& batch);

/// How a message that this host made begins: `made` is the queue's entry, `lots` who it goes to.
struct Made {
  trace::Door door = trace::Door::here;
  std::uint64_t octets = 0;
  std::string_view message_id;  ///< with or without brackets
  trace::DeliveryId of;         ///< the message it comes from, or tells of; none: null
};
void put_made(trace::Ledger& ledger, const queue::Entry& made, const std::vector<queue::Lot>& lots, const Made& how,
              store::Batch& batch);

/// A message goes on from `of` for the address `by`, `now`; its age, and with it the time of its story, is the other's.
void put_sent_on(trace::Ledger& ledger, const queue::Entry& made, const std::vector<queue::Lot>& lots,
                 trace::DeliveryId of, std::string_view by, WallTime now, store::Batch& batch);

/// The report `made`, to `to`, tells of the message `of`, and of these recipients of it; of none: of it as a whole.
void put_reported(const queue::Entry& made, const envelope::Mailbox& to, const queue::Entry& of,
                  const std::vector<Reported>& recipients, store::Batch& batch);

/// The server crashed over it, so many times in a row, and nothing is done with it any more.
void put_set_aside(const queue::Entry& entry, std::uint32_t crashes, WallTime now, store::Batch& batch);

/// An operator did this to it.
void put_operation(const queue::Entry& entry, trace::Event::Kind kind, WallTime now, store::Batch& batch);

}  // namespace angarium::agent
