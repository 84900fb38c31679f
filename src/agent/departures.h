// What of one message leaves the mailboxes of this host, put together for the queue: what is relayed as it came, and
// what aliases and lists send on, under the envelope that is right for each.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/report.h"
#include "agent/sorting.h"
#include "envelope/envelope.h"
#include "queue/queue.h"

namespace angarium::agent {

class Departures {
 public:
  /// As it came.
  void relay(const envelope::Recipient& recipient);
  /// The copies of a recipient that go onward, with what RFC 3461 §5.2.7 leaves of its parameters. Each recipient once.
  void forward(const envelope::Recipient& recipient, const Sorted& sorted);

  [[nodiscard]] bool empty() const { return all_.empty(); }
  /// An address whose mail is sent on is `address` in any case.
  [[nodiscard]] bool forwards(std::string_view address) const;
  /// Whether something is sent on in the name of Terms::forwarded_from.
  [[nodiscard]] bool forwards_far() const;

  /// Where an address leads whose mail goes on under the id of the message itself: the trace has it in one story.
  struct Own {
    std::string_view by;  ///< empty: none does
    std::vector<std::string> to;
  };
  [[nodiscard]] Own own() const;

  struct Terms {
    int priority = 0;
    std::optional<WallTime> due = {};  ///< not before
    /// In whose name aliases send on to other hosts, see forwarding_sender(); nothing: the sender's.
    std::optional<envelope::ReversePath> forwarded_from = {};
    /// The message whose story tells of what is sent on under other ids; it began when that arrived.
    envelope::DeliveryId told_of = {};
  };
  /// Adds an entry for each envelope, the first with the id of `message`. `body`: as queue::Queue::admit().
  Result<std::vector<queue::Change>> admit(Services& services, const queue::Entry& message, const Terms& terms,
                                           std::optional<std::size_t> body, store::Batch& batch) const;

 private:
  /// Copies under one envelope.
  struct Departure {
    std::string by;     // the address that sends them on; empty: none does
    std::string owner;  // gets the reports; empty: who sent the message
    bool far = false;   // to other hosts, in the name of Terms::forwarded_from
    std::vector<queue::Lot> lots;
    std::map<std::string, std::size_t> places;  // of destinations in `lots`
  };
  static void add(Departure& departure, std::string destination, envelope::Recipient recipient);
  Departure& departure(Departure wanted);

  std::vector<Departure> all_;
};

/// Words that name more than addresses are of this host's insides.
queue::Trouble trouble_of(const alias::Problem& problem, WallTime at);

/// What is told of an address whose mail was sorted so, if it is wished for: one fate, whatever became of its parts.
struct Told {
  std::optional<Reported> sender;  ///< nothing where others tell of it, or nobody
  std::optional<Reported> owner;   ///< of a list a part of which was lost
  std::string owner_address;
};
Told told_of(const envelope::Recipient& recipient, const Sorted& sorted, WallTime at);
/// The message as that owner's own, for a report.
Result<queue::Entry> of_owner(queue::Entry entry, const std::string& owner);

}  // namespace angarium::agent
