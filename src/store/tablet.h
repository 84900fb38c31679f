// The tablet: many accounts' mail in one append-only log that carries bodies and changes alike, and an ordered state
// that knows how much of the log it has applied. An acknowledged batch is never lost. FORMAT.md draws the bytes.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "store/batch.h"
#include "store/body.h"
#include "store/error.h"
#include "store/volume.h"

namespace angarium::store {

/// How small operands change a value. Pure: the same input gives the same value for ever, or recovery would differ.
/// Called from any thread. The store knows nothing of what they mean.
class Merger {
 public:
  virtual ~Merger() = default;
  /// The new value; `before` is nullopt when the key is absent; operands are oldest first, at least one. An operand it
  /// can't read leaves the value as it is.
  [[nodiscard]] virtual std::string merge(std::string_view key, std::optional<std::string_view> before,
                                          std::span<const std::string_view> operands) const = 0;
  /// One operand that does what these (oldest first, two or more) do together; nullopt if there is none.
  [[nodiscard]] virtual std::optional<std::string> combine(std::string_view /*key*/,
                                                           std::span<const std::string_view> /*operands*/) const {
    return std::nullopt;
  }
};

/// Finds the body references in the application's values, so that sweeping knows what lives. Called from any thread.
class BodyRefs {
 public:
  virtual ~BodyRefs() = default;
  /// Calls `found` for every body the value refers to.
  virtual void visit(std::string_view key, std::string_view value,
                     const std::function<void(const BodyRef&)>& found) const = 0;
};

/// Someone who waits for many batches, usually an event loop: woken once a group.
class Wake {
 public:
  virtual ~Wake() = default;
  /// Called by the committer's thread after all completions of a group that point here were called.
  virtual void wake() noexcept = 0;
};

struct CommitInfo {
  std::uint64_t sequence = 0;  ///< grows by one a batch, from 1; readers at this sequence or later see the batch
};

/// One waiting batch. Owned by the caller, who keeps it (a coroutine's frame will do) until completed() is called.
class Completion {
 public:
  explicit Completion(Wake* wake = nullptr) : wake_(wake) {}
  virtual ~Completion() = default;
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  /// Called exactly once, from the committer's thread (Threads::none: from commit_waiting()), in the order of the
  /// enqueue calls, after the batch is durable, or with the reason why it is not. Every read from then on sees it.
  /// Brief: store the result; the Wake follows. The store does not touch this object afterwards. After kStopped nobody
  /// knows whether the batch is in the log until the tablet is opened again; after any other error it is not.
  virtual void completed(Result<CommitInfo> result) noexcept = 0;

  /// The batch, given back: valid from completed() on, for body_ref().
  [[nodiscard]] const Batch& batch() const { return batch_; }

 private:
  friend class CompletionAccess;  // the store's own view (tablet_queue.h)
  Batch batch_;
  Completion* next_ = nullptr;
  Wake* wake_;
};

/// A point in the history of a tablet that can be read at leisure. Holds on to old versions: never keep one across a
/// wait on the network. Copies share.
class ReadView {
 public:
  class Body;
  ReadView() = default;
  explicit ReadView(std::shared_ptr<const Body> body) : body_(std::move(body)) {}
  [[nodiscard]] const Body* body() const { return body_.get(); }

 private:
  std::shared_ptr<const Body> body_;
};

/// Which version a read sees, and how far it may go for it.
struct Reading {
  const ReadView* view = nullptr;  ///< null: what is durable now
  Tier tier = Tier::any;           ///< Tier::memory: kWouldBlock rather than waiting for the disk
};

enum class Direction { forward, backward };
enum class Step { next, stop };

struct ScanOptions {
  std::size_t limit = SIZE_MAX;  ///< visits at most so many
  Direction direction = Direction::forward;
};

/// Called for each key and value in order; both are valid during the call only.
using Visitor = std::function<Step(std::string_view key, std::string_view value)>;

/// A large body (or one of unknown size) on its way into the store, streamed to a segment of its own beside the log, so
/// that it never delays the committer. All calls may wait for the disk: make them from a pool's thread, one at a time.
/// The store must outlive it.
class BodyWriter {
 public:
  /// Without seal(), or after it without a batch that refers to the body, the octets are garbage that sweeping takes
  /// away.
  virtual ~BodyWriter() = default;
  /// At most kAppendMax octets a call. An error is final: only the destructor may follow.
  virtual Result<> append(std::string_view octets) = 0;
  /// Makes the body durable. The reference may then be put into any later batch, within an hour (TabletOptions::grace).
  virtual Result<BodyRef> seal() = 0;

  static constexpr std::size_t kAppendMax = 1u << 20;
};

enum class StateKind {
  rocksdb,  ///< the one for real work
  sorted,   ///< a sorted map in memory: deterministic, for tests and simulations; its data must fit in memory
};

enum class Threads {
  own,   ///< a committer and a keeper (spare segments, flushing) of the tablet's own
  none,  ///< the caller drives commit_waiting(): nothing happens behind its back
};

struct TabletOptions {
  StateKind state = StateKind::rocksdb;
  Threads threads = Threads::own;
  const Clock* clock = &system_clock();
  Random* random = &system_random();

  /// By first octet of the key; null: merge is refused. They live as long as the tablet.
  std::array<const Merger*, 256> mergers{};
  /// Needed for sweeping; null: bodies are never swept.
  const BodyRefs* body_refs = nullptr;
  /// Called from a thread of the tablet each time it stops by itself (a sync failed twice). It goes on trying to run
  /// again.
  std::function<void(const Error&)> on_stop;
  /// Threads::none: called by enqueue() when a batch waits; whoever drives the tablet then calls commit_waiting(), not
  /// from within the call.
  std::function<void()> on_waiting;

  std::uint64_t segment_size = 64u << 20;        ///< octets of a log segment; preallocated
  std::uint64_t body_segment_size = 256u << 20;  ///< a body segment takes no new body beyond it
  std::uint64_t group_size_max =
      8u << 20;  ///< a group takes no further batch beyond it: bounds the wait for the next group

  std::uint64_t flush_metadata = 16u << 20;            ///< the state is flushed after so many octets of changes,
  std::uint64_t flush_batches = 50'000;                ///< so many batches,
  std::uint64_t flush_log = 1u << 30;                  ///< so many octets of log,
  Duration flush_interval = std::chrono::minutes(10);  ///< or so long, whichever comes first

  static constexpr std::uint64_t kReserve = 1u << 30;
  /// Below so many free octets mail is refused. Unless another number was asked for, this share of a small volume will
  /// do.
  std::uint64_t reserve = kReserve;
  double reserve_share = 0.02;
  std::uint64_t cache_size = 64u << 20;    ///< memory for the state's blocks
  Duration grace = std::chrono::hours(1);  ///< nothing younger is swept; swept octets stay readable so long
};

struct Stats {
  std::uint64_t sequence = 0;          ///< of the last durable batch
  std::uint64_t flushed_sequence = 0;  ///< recovery replays what is younger
  std::uint64_t groups = 0;            ///< committed since the tablet was opened
  std::uint64_t replayed = 0;          ///< batches that were applied again when it was opened
  std::size_t waiting = 0;             ///< batches in the queue
  std::uint64_t segments = 0;
  std::uint64_t log_size = 0;     ///< octets of all segments
  std::uint64_t dead = 0;         ///< octets of bodies nobody refers to, as the last mark found
  std::uint64_t cold = 0;         ///< octets of compressed bodies, those that nobody refers to any more included,
  std::uint64_t unpacked = 0;     ///< and what they were before
  std::optional<WallTime> swept;  ///< when the last sweep ended well
  Space space;
  bool accepting = true;
};

/// What verify() or sweep() has done so far, of how much.
using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;

struct VerifyReport {
  std::uint64_t segments = 0;
  std::uint64_t groups = 0;
  std::uint64_t bodies = 0;
  std::uint64_t octets = 0;
  std::vector<std::string> damage;  ///< a line in words for each finding; empty: all is well
};

struct SweepOptions {
  double dead_share = 0.5;                        ///< segments with more dead octets than this are swept
  Duration dead_age_max = std::chrono::days(25);  ///< and all older ones with any; an open segment so old is closed
  std::uint64_t octets_per_second = 0;            ///< of copying, so that others get at the disk; 0: no limit
  Duration compress_after{0};  ///< segments so old get their bodies compressed; 0: none, and those swept are unpacked
  std::uint64_t compress_min = 1u << 20;  ///< fewer living octets of a segment are not worth a dictionary beside them
  /// Octets of bodies that one run compresses of what need not be rewritten otherwise, one segment at least; the next
  /// run goes on. So no run holds up images, snapshots and verification for days.
  std::uint64_t compress_max = 4ULL << 30;
  std::stop_token stop;  ///< asked to stop, it ends with kStopped; what is done stays done
  Progress progress;
};

struct SweepReport {
  std::uint64_t segments_swept = 0;   ///< and of those,
  std::uint64_t segments_packed = 0;  ///< those whose bodies are compressed now,
  std::uint64_t octets_unpacked = 0;  ///< octets of the bodies in them as they were received,
  std::uint64_t octets_packed = 0;    ///< and as they are now
  std::uint64_t octets_copied = 0;
  std::uint64_t octets_freed = 0;    ///< what this run gives back, once the grace is over
  std::uint64_t octets_waiting = 0;  ///< in segments that are swept and wait for the grace to end
};

/// One open tablet. Every method may be called from any thread unless it says otherwise; those that may wait for the
/// disk say so. Closing (the destructor) commits what waits, flushes the state and lets the volume go; nobody may use
/// it then.
class Tablet {
 public:
  /// Opens the tablet in this volume, or makes an empty one; replays the log; cuts a torn tail. Waits. kDamaged when
  /// something acknowledged is missing or broken: nothing is then changed, `verify` says where.
  static Result<std::unique_ptr<Tablet>> open(std::unique_ptr<Volume> volume, TabletOptions options);
  virtual ~Tablet() = default;

  /// Hands the batch to the committer and returns at once. Calls made one after the other (by whatever lock orders
  /// them) are committed in that order. Errors arrive through the completion, too: kStoreFull, kExpectation, kTooLarge,
  /// kStopped.
  virtual void enqueue(Batch batch, Completion& completion) = 0;
  /// enqueue, and wait. Not from an event loop.
  Result<CommitInfo> commit_and_wait(Batch batch);
  /// Threads::none: commits one group of what waits, in this thread, and does the housekeeping that is due. False if
  /// nothing waited.
  virtual bool commit_waiting() = 0;

  /// Reads see durable batches only. Tier::any may wait.
  virtual Result<std::optional<std::string>> get(std::string_view key, Reading reading = {}) = 0;
  virtual Result<std::vector<std::optional<std::string>>> multi_get(std::span<const std::string_view> keys,
                                                                    Reading reading = {}) = 0;
  /// Visits keys in [from, to); an empty `to` means to the end. Backward begins at the greatest.
  virtual Result<> scan(std::string_view from, std::string_view to, const ScanOptions& options, const Visitor& visitor,
                        Reading reading = {}) = 0;
  /// What is durable now, kept readable. Tier::memory may say kWouldBlock; kStopped while the state is opened again.
  virtual Result<ReadView> view(Tier tier = Tier::any) = 0;
  /// The last durable and visible batch.
  [[nodiscard]] virtual std::uint64_t sequence() const = 0;

  /// Fills `into` with the body's octets from `offset`; beyond its end is kMissing. Everything handed out was verified
  /// against its CRC: bodies up to BodyWriter's chunk of 64 KiB whole, longer ones chunk by chunk, so that a read
  /// aligned to 64 KiB costs no more than itself. kDamaged, never wrong octets. Tier::memory answers from the page
  /// cache only.
  virtual Result<> read_body(const BodyRef& ref, std::uint64_t offset, std::span<char> into, Tier tier = Tier::any) = 0;
  /// Waits (makes a segment now and then).
  virtual Result<std::unique_ptr<BodyWriter>> open_body() = 0;

  /// False: bodies are refused with kStoreFull; ask before accepting mail. Cheap.
  [[nodiscard]] virtual bool accepting() const = 0;
  /// False after failed writes or syncs: everything is refused with kStopped until the tablet has mended itself.
  [[nodiscard]] virtual bool running() const = 0;
  virtual Stats stats() = 0;

  /// The following wait, and may run long; run them from a thread of their own, one at a time.
  /// Makes the state durable now.
  virtual Result<> flush() = 0;
  /// A consistent copy as of now in a new directory, while work goes on. Opens as a store.
  virtual Result<> snapshot(const std::string& directory) = 0;
  /// Reads all that is stored and compares it with its checksums.
  virtual Result<VerifyReport> verify(const Progress& progress = {}) = 0;
  /// Marks what lives and rewrites the segments that are mostly dead. Rule for applications: a batch that puts a
  /// reference taken from another value also expects that value to be there still, so that no dead body comes to life
  /// again.
  virtual Result<SweepReport> sweep(const SweepOptions& options = {}) = 0;
  /// Writes all keys as of now into the log: older metadata is then no longer needed by rebuild, and sweeping drops it.
  virtual Result<> write_image() = 0;
};

/// Makes the state anew from the log alone (its newest image and the batches after it). The tablet must not be open.
Result<> rebuild(std::unique_ptr<Volume> volume, const TabletOptions& options);

}  // namespace angarium::store
