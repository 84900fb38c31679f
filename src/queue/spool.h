// The queue's body: what it holds in memory, the destinations at work and who has what in hand.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "queue/keys.h"
#include "queue/limits.h"
#include "queue/queue.h"
#include "queue/read.h"
#include "store/batch.h"

namespace angarium::queue {

/// Shared by an entry's consignments in hand: how many it has in all. Guarded by the queue's mutex.
class Held {
 public:
  std::size_t left = 0;  ///< in the store, as far as is durable
  bool counted = false;
  bool uncountable = false;  ///< too many, or changes are on their way that a count would not see
  std::uint64_t moves = 0;   ///< grows with each change of one of them

  /// What was counted in the store while none was in anybody's hand.
  void count(std::size_t found) {
    if (counted || uncountable) return;
    uncountable = found > kCounted;
    counted = !uncountable;
    left = found;
  }
};

struct Destination {
  std::map<Place, std::shared_ptr<Held>> ready;  ///< due, and nobody's; null: not counted yet
  std::set<Place> in_hand;
  bool complete = false;           ///< nothing that is due is missing in the two above
  std::uint64_t looks = 0;         ///< another number whenever `complete` is taken back
  std::int64_t later = INT64_MAX;  ///< the first that was not due yet at the last look
  bool backoff_read = false;
  std::optional<Backoff> backoff;
  bool announced = false;  ///< somebody works for it
  /// What the civil clock had reached before it was set back: what was due then is due still. It counts for one look,
  /// and for one after each back-off, or what is put off anew meanwhile would be due at once.
  std::int64_t reached = 0;
  bool reached_counts = false;

  [[nodiscard]] bool waits(WallTime now) const { return backoff && lasts(*backoff, now); }
};

/// How a change ended.
enum class Told : std::uint8_t { done, refused, unknown };

struct Change::Body {
  virtual ~Body() = default;
  virtual void tell(Told how) = 0;
};

/// A change and what follows from its end.
template <class Tell>
class Telling final : public Change::Body {
 public:
  explicit Telling(Tell tell) : tell_(std::move(tell)) {}
  void tell(Told how) override { tell_(how); }

 private:
  Tell tell_;
};
template <class Tell>
Change change(Tell tell) {
  return Change(std::make_unique<Telling<Tell>>(std::move(tell)));
}

struct Placed {
  std::string destination;
  Place place;
};

class Spool final : public Queue {
 public:
  Spool(store::Tablet& tablet, io::Pool& pool, QueueOptions options)
      : tablet_(tablet), pool_(pool), options_(std::move(options)) {}

  Result<Change> admit(const Entry& entry, std::vector<Lot> lots, std::optional<std::size_t> body,
                       store::Batch& batch) override;
  io::Task<Result<>> gather() override;
  WallTime next_look() override;
  std::vector<std::string> awake(std::size_t max) override;
  io::Task<Result<std::optional<Job>>> take(std::string destination) override;
  std::size_t ready(std::string_view destination) override;
  Change settle(const Job& job, std::vector<Addressee> owed, WallTime due, store::Batch& batch,
                Attempt attempt) override;
  void put_back(const Job& job) override;
  std::optional<Backoff> backoff(std::string_view destination) override;
  Change back_off(std::string destination, Backoff backoff, store::Batch& batch) override;
  void reached(std::string_view destination) override;
  io::Task<Result<bool>> rest(std::string destination) override;
  io::Task<Result<std::vector<DeliveryId>>> overdue(std::size_t limit) override;
  void noticed(const Entry& entry, store::Batch& batch) override;
  void postpone(const Entry& entry, WallTime until, store::Batch& batch) override;
  io::Task<Result<Whole>> find(DeliveryId id) override;
  io::Task<Result<std::vector<Job>>> claim(DeliveryId id) override;
  io::Task<Result<std::vector<Whole>>> list(DeliveryId from, std::size_t limit) override;
  Change hold(const Job& job, Hold hold, store::Batch& batch) override;
  std::vector<Change> remove(const std::vector<Job>& jobs, store::Batch& batch) override;
  io::Task<Result<std::optional<Backoff>>> find_backoff(std::string destination) override;
  io::Task<Result<std::vector<Place>>> waiting(std::string destination, std::size_t limit) override;
  Change retry(std::string destination, store::Batch& batch) override;
  InMemory in_memory() override;

 private:
  using Destinations = std::map<std::string, Destination, std::less<>>;

  [[nodiscard]] WallTime now() const { return options_.clock->wall(); }
  void wake() const {
    if (options_.wake) options_.wake();
  }
  // The mutex is held in all that follows.
  Destination& destination(const std::string& name);
  void forget(const std::string& name);
  void incomplete(Destination& one) {
    one.complete = false;
    one.looks = ++looks_;
  }
  void leave_to_backoff(Destination& one);
  Destination* known(std::string_view name);
  std::shared_ptr<Held> held(DeliveryId id);
  void make_ready(const std::string& name, const Place& place, std::shared_ptr<Held> held);
  void look_again(const std::string& name);
  void due_at(std::int64_t microseconds);
  void doubt(const std::string& name, const Job* job);
  void came_in(std::vector<Placed>& placed, const std::shared_ptr<Held>& all, Told how);
  void moved(const Job& job, const Place& to, bool owed, bool erased, Told how);
  void ended(const Job& job, bool erased);
  void fill(Destination& into, const DueNow& due, std::uint64_t looks);
  [[nodiscard]] Whole whole(Found found);

  /// What `how` reads with a tier: at once if it is in memory, else in the pool.
  template <class How>
  io::ValueOrTask<std::invoke_result_t<How&, store::Tier>> read(How how) {
    auto at_once = how(store::Tier::memory);
    if (at_once || !at_once.error().is(store::kWouldBlock)) return at_once;
    return io::run(pool_, [how = std::move(how)]() mutable { return how(store::Tier::any); });
  }

  /// `ending`: how many consignments of the entry the batch ends, this one with them.
  Change move(const Job& job, Consignment to, store::Batch& batch, std::size_t ending = 1);
  static void erase_entry(const Entry& entry, store::Batch& batch);
  io::Task<Result<>> commit(store::Batch batch) { return queue::commit(tablet_, std::move(batch)); }
  io::Task<Result<>> read_backoffs(const std::vector<std::string>& names);
  io::Task<Result<>> look();
  io::Task<Result<bool>> gather_page();
  io::Task<Result<>> end_overtaken();
  io::Task<Result<>> settle_doubts();
  io::Task<Result<>> clear_orphans();
  std::vector<std::string> sort_out(const Times& times, std::int64_t upto);

  store::Tablet& tablet_;
  io::Pool& pool_;
  QueueOptions options_;
  std::mutex mutex_;  // guards all below
  Destinations destinations_;
  std::unordered_map<std::uint64_t, std::weak_ptr<Held>> held_;
  std::unordered_set<std::string> stirred_;  ///< destinations that awake() must look at
  std::string cursor_ = due_from(0);         ///< keys of times before it were looked at,
  std::int64_t looked_at_ = 0;               ///< and when that was
  std::int64_t next_ = 0;                    ///< the next time, as far as is known
  std::int64_t put_ = INT64_MAX;             ///< the first time that was put since the last page was begun
  std::uint64_t looks_ = 0;                  ///< the last number given to Destination::looks
  std::size_t purge_at_ = kPurge;            ///< held_ of this size is looked through
  std::int64_t not_before_ = 0;              ///< no look before this: the last one failed
  bool set_back_ = false;                    ///< the civil clock was seen to go back
  /// Back-offs from this key on may have been written at a time still to come: before this process began, too.
  std::string overtaken_ = kind_prefix(RecordKind::backoff);
  /// A change of which nobody knows whether it is in the store: looked at when the tablet runs again.
  struct Doubt {
    WallTime when;
    std::string destination;
    std::optional<Job> in_hand;
  };
  std::vector<Doubt> doubts_;
  std::unordered_map<std::uint64_t, EntryPtr> orphans_;  ///< entries that may have no consignment any more
  std::unordered_map<std::uint64_t, std::vector<std::string>> passed_events_;  ///< by entry: what overdue() gave last
};

}  // namespace angarium::queue
