// The one body of Tablet. Its parts stand in tablet_commit (the committer), tablet_keeper (housekeeping), tablet_read,
// tablet_body (large bodies), tablet_sweep, tablet_image, tablet_verify and tablet_snapshot; opening and closing in
// tablet.cpp.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "store/log_group.h"
#include "store/log_image.h"
#include "store/log_replay.h"
#include "store/log_segments.h"
#include "store/packed.h"
#include "store/state.h"
#include "store/tablet.h"
#include "store/tablet_overlay.h"
#include "store/tablet_queue.h"

namespace angarium::store {

class Engine final : public Tablet {
 public:
  Engine(std::unique_ptr<Volume> volume, TabletOptions options);
  ~Engine() override;

  /// Reads the table, opens the state, replays, starts the threads.
  Result<> start();

  void enqueue(Batch batch, Completion& completion) override;
  bool commit_waiting() override;
  Result<std::optional<std::string>> get(std::string_view key, Reading reading) override;
  Result<std::vector<std::optional<std::string>>> multi_get(std::span<const std::string_view> keys,
                                                            Reading reading) override;
  Result<> scan(std::string_view from, std::string_view to, const ScanOptions& options, const Visitor& visitor,
                Reading reading) override;
  Result<ReadView> view(Tier tier) override;
  [[nodiscard]] std::uint64_t sequence() const override { return sequence_.load(std::memory_order_acquire); }
  Result<> read_body(const BodyRef& ref, std::uint64_t offset, std::span<char> into, Tier tier) override;
  Result<std::unique_ptr<BodyWriter>> open_body() override;
  [[nodiscard]] bool accepting() const override { return accepting_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool running() const override { return running_.load(std::memory_order_acquire); }
  Stats stats() override;
  Result<> flush() override;
  Result<> snapshot(const std::string& directory) override;
  Result<VerifyReport> verify(const Progress& progress) override;
  Result<SweepReport> sweep(const SweepOptions& options) override;
  Result<> write_image() override;

 private:
  friend class StreamedBody;
  friend class Sweep;

  // The committer: one thread, or whoever calls commit_waiting().
  struct Taken {
    Completion* completion;
    std::optional<Error> refused;
    std::uint64_t sequence = 0;
  };
  void commit_loop();
  bool commit_group();
  void admit(Taken& taken, bool expectations);
  Result<> write_group();
  void want_spare();
  [[nodiscard]] Segments::Room short_room() const;
  Result<> make_room(std::uint64_t length);
  Result<> put_group(const GroupHeader& header);
  void complete(const Result<>& outcome);
  [[nodiscard]] bool may_lag() const;
  void settle();
  void mend_state();
  void count_group(const GroupHeader& header);
  void refuse_waiting(const Error& error);
  Result<> write_without_bodies(bool expectations);
  void stop(const Error& error);

  // Mending (tablet_mend.cpp), by the committer.
  void mend_if_due();
  Result<> mend();
  Result<> cut_tail();
  Result<> reopen_state();
  void hide_state();
  Result<> let_go_of_state();
  [[nodiscard]] std::optional<Duration> until_mending() const;

  /// Opens the state, made anew from an image if it is damaged or empty.
  Result<std::unique_ptr<State>> make_state();
  void replayed(const Replay& replay);

  // The keeper: one thread, or whoever calls commit_waiting().
  void keep_loop();
  void keep();
  Result<> seal_rolled();
  Result<> seal_full_bodies();
  Result<> close_bodies_before(std::int64_t moment);
  Result<> make_spare();
  Result<Segments::Created> create_spare(const Segments::Room& room, bool last_resort);
  void keep_ballast();
  bool drop_ballast();
  Result<> flush_if_due();
  Result<> remove_retired();
  void look_at_space();
  void nudge_keeper();

  // Chores.
  Result<> write_image_locked();
  Result<> verify_segment(const Segment& segment, VerifyReport& report);
  Result<> verify_dictionary(const Segment& segment, File& file);
  Result<> verify_log(const Segment& segment, VerifyReport& report);
  std::uint64_t log_end(const Segment& segment, const LogPosition& end);
  Result<> verify_references(VerifyReport& report);

  struct Location {
    std::uint32_t segment = 0;
    std::uint64_t offset = 0;
    std::uint64_t stored = 0;  ///< of a compressed body: octets behind its record's header
    friend auto operator<=>(const Location&, const Location&) = default;
    [[nodiscard]] std::string encode() const;
    static std::optional<Location> decode(std::string_view octets);
  };
  /// Where the octets of a body lie now: follows the moves that sweeping made.
  Result<Location> locate(const BodyRef& ref, Tier tier);
  /// A compressed body; `file` must live as long as the reader.
  Result<PackedReader> open_packed(const Location& at, File& file, const BodyRef& ref, Tier tier);
  /// The body that lies there, verified; `visitor`, if any, gets the octets in order.
  Result<> read_whole(const Location& at, const BodyRef& ref, const std::function<Result<>(std::string_view)>& visitor);
  Result<std::shared_ptr<const Dictionary>> dictionary_of(std::uint32_t segment, File& file, Tier tier);
  /// Free octets below which mail is refused.
  [[nodiscard]] std::uint64_t reserve_of(const Space& space) const;

  std::unique_ptr<Volume> volume_;
  TabletOptions options_;
  Segments segments_;
  /// The state with all in it that was answered; Tier::memory: kWouldBlock rather than bringing it there. kStopped
  /// while it is opened again.
  Result<std::shared_ptr<State>> state(Tier tier = Tier::any);
  /// The state as it stands.
  Result<std::shared_ptr<State>> shown_state() const;
  /// The same for a reader, whose view must be one of this state; `reading` then has the state's own view.
  Result<std::shared_ptr<State>> state_for(Reading& reading, ReadView& inner);
  /// noexcept: a state that was left in the middle of this must not be used any more.
  Result<> catch_up() noexcept;

  std::shared_ptr<State> closing_state_;  // the committer's own: waits for its last readers
  std::shared_ptr<State> state_;          // changed by the committer only, with the mutex held
  mutable std::mutex state_mutex_;        // never held over I/O

  CommitQueue queue_;
  std::atomic<bool> running_{false};
  std::atomic<bool> accepting_{true};
  std::atomic<std::uint64_t> sequence_{0};
  std::atomic<std::uint64_t> groups_{0};
  std::atomic<std::uint64_t> flushed_sequence_{0};
  std::atomic<std::uint64_t> dead_{0};
  std::atomic<std::uint64_t> replayed_{0};

  // A small group is answered as soon as it is durable, before the state has it. Whoever reads then brings it there;
  // nobody waits for the committer, which may be waiting for a reader's lock in a completed().
  std::mutex lag_mutex_;                   // one at a time brings it there
  std::atomic<bool> lagging_{false};       // the state lacks builder_'s group, which ends at end_
  std::optional<Error> could_not_follow_;  // with lag_mutex_: the state didn't take it

  // What the committer has to mend before it goes on.
  bool tail_suspect_ = false;               // a write or sync of the log failed
  std::atomic<bool> state_suspect_{false};  // the state could not be written; the keeper may find it, too
  Moment mend_at_{INT64_MIN};
  Duration mend_pause_{0};

  // The committer's own.
  std::vector<Completion*> waiting_;
  std::vector<Taken> taken_;
  std::vector<Wake*> wakes_;
  GroupBuilder builder_;
  Overlay overlay_;
  Segments::Created active_;
  LogPosition end_;
  std::uint64_t active_groups_ = 0;  // groups written to the active segment
  std::uint64_t active_bodies_ = 0;  // octets of body records in it
  std::uint64_t recent_groups_ = 0;  // since the last look at their size
  std::uint64_t recent_octets_ = 0;
  bool leave_early_ = false;  // go on to a zeroed segment as soon as there is one

  // Between committer and keeper.
  std::mutex keeper_mutex_;
  std::condition_variable keeper_wake_;
  std::condition_variable spare_made_;
  std::optional<Segments::Created> spare_;
  std::optional<Error> spare_failed_;
  std::optional<Segments::Room> spare_wanted_;
  struct Rolled {
    Segment segment;
    LogPosition end;
    std::uint64_t bodies;
  };
  std::vector<Rolled> rolled_;
  bool last_resort_ = false;              // the spare is for changes without bodies, which a full disk must not stop
  std::atomic<bool> roll_wanted_{false};  // the next group goes to a new segment
  bool keeper_nudged_ = false;
  bool closing_ = false;
  std::uint64_t unflushed_metadata_ = 0;
  std::uint64_t unflushed_batches_ = 0;
  std::uint64_t unflushed_log_ = 0;
  Moment flushed_at_;
  Moment space_seen_{INT64_MIN};

  // The dictionaries of cold segments, by segment; equal ones are one object.
  std::mutex dictionaries_mutex_;  // never held over I/O
  std::map<std::uint32_t, std::shared_ptr<const Dictionary>> dictionaries_;

  std::mutex ballast_mutex_;
  bool ballast_ = false;  // a file whose room is let go when nothing else gives any
  std::mutex sealing_;    // keeper and sweep both seal
  std::mutex flushing_;   // one flush at a time
  std::mutex chores_;     // one of sweep, image, snapshot, verify at a time

  // Large bodies: segments that may take one more, and those a writer has.
  struct BodySegment {
    Segments::Created created;
    std::uint64_t end;
  };
  std::mutex bodies_mutex_;
  std::vector<BodySegment> body_segments_;
  std::vector<BodySegment> full_body_segments_;  // to be sealed by the keeper

  std::thread committer_;
  std::thread keeper_;
};

/// Opens the state of the kind asked for.
Result<std::unique_ptr<State>> open_state(Volume& volume, const TabletOptions& options,
                                          std::string_view folder = kStateFolder);

}  // namespace angarium::store
