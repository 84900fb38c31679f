// The door of the room: what is owed elsewhere, in the tablet that accepted it, and whose turn it is.
//
//     admit()    adds a message to the batch that accepts it
//     awake()    destinations somebody should work for
//     take()     the next consignment of one, for one attempt
//     settle()   adds what came of the attempt to a batch
//     rest()     nothing more to do for a destination now
//
// Any thread may call anything; what gives a Task is awaited on a loop and never blocks it. Memory is held for the
// destinations at work and for a window of their consignments, however long the queue is: the rest lies in the store in
// the order in which it is due.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "io/pool.h"
#include "io/task.h"
#include "queue/types.h"
#include "store/tablet.h"

namespace angarium::queue {

/// Recipients that go the same way, of a message that comes in.
struct Lot {
  std::string destination;
  std::vector<envelope::Recipient> recipients;
  int priority = 0;             ///< MT-PRIORITY, -9 … 9
  std::optional<WallTime> due;  ///< not before (RFC 4865); at once if not given
};

/// Shared by the consignments of one entry that are in hand.
class Held;

/// One attempt to be made. Whoever drops it without settle() or put_back() keeps it from everybody until the program
/// starts again.
struct Job {
  EntryPtr entry;
  Consignment consignment;
  std::shared_ptr<Held> held;
};

/// What admit(), settle() and others put into a batch, to be told when the batch is durable or refused. Dropped untold,
/// also when the tablet stopped (store::kStopped), nobody knows what became of it: the queue looks in the store later.
class Change {
 public:
  struct Body;
  explicit Change(std::unique_ptr<Body> body);
  Change(Change&& other) noexcept;
  Change& operator=(Change&& other) noexcept;
  ~Change();
  /// The batch is durable.
  void done();
  /// The batch was refused: all is as before. After admit() nothing came in, after settle() the job is still in hand.
  void refused();

 private:
  std::unique_ptr<Body> body_;
};

/// A message with all that is still owed of it.
struct Whole {
  EntryPtr entry;
  struct Part {
    Consignment consignment;
    bool in_hand = false;  ///< somebody works for it at this moment
  };
  std::vector<Part> parts;
};

/// Hands the batch to the tablet and waits until it is durable or refused.
io::Task<Result<>> commit(store::Tablet& tablet, store::Batch batch);

struct QueueOptions {
  const Clock* clock = &system_clock();
  /// Called when awake() may have something new, from any thread, under a lock: post to a loop, do nothing else.
  std::function<void()> wake;
};

class Queue {
 public:
  /// The tablet's BodyRefs must know this room's values (record.h). Both outlive the queue, and the queue its changes.
  /// Reads nothing yet.
  static std::unique_ptr<Queue> make(store::Tablet& tablet, io::Pool& pool, QueueOptions options = {});
  virtual ~Queue() = default;

  // --- coming in -----------------------------------------------------------------------------------------------------
  /// Adds the entry and its lots. `body`: the index of its octets in this batch (Batch::body()); without it entry.body
  /// names them. kTooLong.
  virtual Result<Change> admit(const Entry& entry, std::vector<Lot> lots, std::optional<std::size_t> body,
                               store::Batch& batch) = 0;

  // --- going out -----------------------------------------------------------------------------------------------------
  /// Looks what has become due. Call it at next_look(), one call at a time.
  virtual io::Task<Result<>> gather() = 0;
  /// When something becomes due, as far as is known; never later than a minute from now.
  virtual WallTime next_look() = 0;
  /// Destinations with something to send that nobody works for, each once: they are the caller's until rest().
  /// At most `max`; the others are given by a later call.
  virtual std::vector<std::string> awake(std::size_t max = SIZE_MAX) = 0;
  /// The first consignment that is due; nothing when there is none now.
  virtual io::Task<Result<std::optional<Job>>> take(std::string destination) = 0;
  /// How many of the destination's consignments are known to be ready, at most a window.
  virtual std::size_t ready(std::string_view destination) = 0;
  /// Adds to the batch: the job's consignment is owed to these from now on, and due then; to none: it is done, and the
  /// entry with its last consignment. Call Change::done() or refused(); then the job is out of hand, or may be settled
  /// again.
  enum class Attempt : std::uint8_t { made, not_made };
  virtual Change settle(const Job& job, std::vector<Addressee> owed, WallTime due, store::Batch& batch,
                        Attempt attempt = Attempt::made) = 0;
  /// No attempt was made.
  virtual void put_back(const Job& job) = 0;

  /// What is known of a destination that failed; nothing if all is well.
  virtual std::optional<Backoff> backoff(std::string_view destination) = 0;
  /// Adds to the batch: nobody is to try this destination before backoff.next. What waits for it is not touched.
  virtual Change back_off(std::string destination, Backoff backoff, store::Batch& batch) = 0;
  /// It was reached.
  virtual void reached(std::string_view destination) = 0;
  /// The caller works for it no longer. False: there is something to do again, and it is still the caller's.
  virtual io::Task<Result<bool>> rest(std::string destination) = 0;

  // --- time ----------------------------------------------------------------------------------------------------------
  /// Entries whose time for a notice or for the end has come, at most `limit`, oldest first.
  virtual io::Task<Result<std::vector<DeliveryId>>> overdue(std::size_t limit) = 0;
  /// Adds to the batch: its notice has been given.
  virtual void noticed(const Entry& entry, store::Batch& batch) = 0;
  /// Looks at an entry again then, not at its end: it is held.
  virtual void postpone(const Entry& entry, WallTime until, store::Batch& batch) = 0;

  // --- operators -----------------------------------------------------------------------------------------------------
  /// kNotQueued.
  virtual io::Task<Result<Whole>> find(DeliveryId id) = 0;
  /// All of the entry that nobody has in hand, held ones too. kNotQueued.
  virtual io::Task<Result<std::vector<Job>>> claim(DeliveryId id) = 0;
  /// Entries from this id on, in their order, at most `limit`; none when there is none any more.
  virtual io::Task<Result<std::vector<Whole>>> list(DeliveryId from, std::size_t limit) = 0;
  /// As settle(), with the same recipients: held, or released and due at once.
  virtual Change hold(const Job& job, Hold hold, store::Batch& batch) = 0;
  /// As settle(), with no recipients left in any of them. `jobs`: of one entry; with all of it in hand, the entry goes
  /// with the same batch.
  virtual std::vector<Change> remove(const std::vector<Job>& jobs, store::Batch& batch) = 0;
  /// As backoff(), also of a destination that nobody works for: the store is read.
  virtual io::Task<Result<std::optional<Backoff>>> find_backoff(std::string destination) = 0;
  /// What waits for a destination and is not held, at most `limit` of its consignments: those of the best rank first.
  virtual io::Task<Result<std::vector<Place>>> waiting(std::string destination, std::size_t limit) = 0;
  /// Adds to the batch: the destination may be tried at once.
  virtual Change retry(std::string destination, store::Batch& batch) = 0;

  /// What is held in memory now.
  struct InMemory {
    std::size_t destinations = 0;
    std::size_t entries = 0;
  };
  virtual InMemory in_memory() = 0;
};

}  // namespace angarium::queue
