// Delivery status notifications (RFC 3461, RFC 3464): when one is due, to whom, and its way into the queue.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/services.h"
#include "message/dsn.h"
#include "queue/queue.h"

namespace angarium::agent {

/// What became of a message for one recipient, in one attempt.
struct Fate {
  enum class Kind : std::uint8_t {
    owed,       ///< to be tried again; `trouble` says why
    failed,     ///< for good; `trouble` says why
    delivered,  ///< into a mailbox or target of this host
    relayed,    ///< to a server that knows no DSN
    handed_on,  ///< to one that does: it answers for the rest (RFC 3461 §5.2.1)
    expanded,   ///< an alias, to several (RFC 3461 §5.2.7.3): the others' fates are told of themselves
    discarded,  ///< by the transport map
  } kind = Kind::owed;
  queue::Trouble trouble;
  bool by_time = false;  ///< `relayed` is told unless NOTIFY=NEVER: its sender wants to know of the time (RFC 2852)
};

struct Reported {
  queue::Addressee addressee;
  Fate fate;
};

/// How long a message is tried, and when its sender is told of a delay.
struct ReportTerms {
  std::string hostname;
  Duration lifetime = std::chrono::hours(24 * 5);
  Duration notice_after = std::chrono::hours(4);
};

/// Whether the sender of the entry is told of it (RFC 3461 §4.1, §5.2; `delayed`: by a notice of the delay).
bool is_told(const queue::Entry& entry, const queue::Addressee& addressee, message::DsnAction action);

/// Those of whom the sender is told.
std::vector<Reported> to_be_told(const queue::Entry& entry, std::vector<Reported> recipients);

/// The message as it came, or its beginning with the whole header.
struct Original {
  std::string octets;
  bool whole = false;
};
/// How much of a message of this size goes back at most.
std::uint64_t returned_max(const queue::Entry& entry, std::uint64_t size);

/// Composes one report for these recipients, one at least, and adds it to the batch as an entry of the queue; nothing
/// when nobody is there to read it. A report that fails itself is told to the postmaster (RFC 5321 §6.1), once.
io::Task<Result<std::optional<queue::Change>>> add_report(Services& services, const ReportTerms& terms,
                                                          const queue::Entry& entry, std::vector<Reported> recipients,
                                                          Original original, store::Batch& batch);

/// add_report() for those of them who are to be told, with what the store has of the message.
io::Task<Result<std::optional<queue::Change>>> tell_sender(Services& services, const ReportTerms& terms,
                                                           queue::EntryPtr entry, std::vector<Reported> recipients,
                                                           store::Batch& batch);

}  // namespace angarium::agent
