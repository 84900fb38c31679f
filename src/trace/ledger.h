// The door of the room: writes life stories down, and finds them again.
//
//     accept()   adds how a message began to the batch that accepts it
//     happened() adds what happened to it later to the batch that writes that down
//     refuse()   notes what was refused; written some time later, or never
//     tend()     writes refusals, builds the index, takes away what is old
//     find()     stories by id, address, Message-ID, the peer's address, or the latest
//
// Any thread may call anything. accept(), happened() and refuse() never wait; the others wait for the store: call them
// from a pool's thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/tablet.h"
#include "trace/record.h"
#include "trace/types.h"

namespace angarium::trace {

struct LedgerOptions {
  Duration keep = std::chrono::hours(24 * 30);
  /// Octets of what was accepted; older stories go before `keep` is over. What was refused has an eighth.
  std::uint64_t octets_max = 1u << 30;
};

/// What is written of one peer between two writes; more are counted. And how many peers, and records, wait in memory.
inline constexpr std::size_t kRefusalsOfOne = 8;
inline constexpr std::size_t kRefusingPeersMax = 1024;
inline constexpr std::size_t kRefusalsWaitingMax = 2048;
/// And of their records: far less than a batch may have.
inline constexpr std::size_t kRefusalsOctetsMax = std::size_t{1} << 20;
/// How often the octets of a block are counted anew: events come to stories that are indexed.
inline constexpr Duration kMeasureInterval = std::chrono::minutes(1);
/// Nothing younger is indexed: a batch that is on its way has a time that has passed already.
inline constexpr Duration kIndexLag = std::chrono::seconds(30);
/// So long after the start, and after the clock was set forward, nothing is too old: who starts with a wrong clock, or
/// has one for a while, keeps its stories.
inline constexpr Duration kClockDoubt = std::chrono::hours(1);
/// How far the clock may go ahead between two calls of tend() without being thought to have been set.
inline constexpr Duration kClockJump = std::chrono::minutes(10);
/// Events of one story that are told: with the longest pauses a message is tried some sixty times.
inline constexpr std::size_t kEventsTold = 2000;

/// One life story as it lies in the store.
struct Story {
  Lane lane = Lane::accepted;
  WallTime at;
  DeliveryId id;
  std::string octets;  ///< decode_beginning()
  struct Later {
    WallTime at;
    std::string octets;  ///< decode_event()
  };
  std::vector<Later> events;  ///< in order
};

/// What is asked for: the stories that fit all that is given, newest first.
struct Question {
  std::optional<DeliveryId> id;
  std::string address;     ///< of a sender, a recipient or a login
  std::string message_id;  ///< without brackets
  std::string peer;        ///< 4 or 16 octets
  std::optional<WallTime> since;
  std::size_t limit = 20;
};

class Ledger {
 public:
  /// Reads and writes nothing yet. The tablet outlives it.
  explicit Ledger(store::Tablet& tablet, LedgerOptions options = {}) : tablet_(tablet), options_(options) {}
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  /// `scratch` is for the octets on their way.
  void accept(const Beginning& beginning, std::string& scratch, store::Batch& batch);
  /// `began` and `id` are the story's.
  static void happened(WallTime began, DeliveryId id, const Event& event, store::Batch& batch);
  void refuse(const Beginning& beginning);

  /// Writes down the refusals that wait. What the store does not take is lost; while it mends itself they wait on.
  Result<> write_refusals();
  /// All that is due: call it every few seconds. The same time by both clocks.
  Result<> tend(WallTime now, Moment moment);
  [[nodiscard]] const LedgerOptions& options() const { return options_; }

  Result<std::vector<Story>> find(const Question& question);

 private:
  struct Refused {
    std::size_t written = 0;
    std::uint64_t further = 0;
    Beginning last;     ///< of the further ones, without texts
    std::string peer;   ///< what last.peer points to
    WallTime first_at;  ///< of the further ones
  };
  struct Waiting {
    WallTime at;
    DeliveryId id;
    std::string octets;
  };
  class Finder;

  static constexpr std::size_t number(Lane lane) { return lane == Lane::accepted ? 0 : 1; }
  [[nodiscard]] std::atomic<std::uint64_t>& unindexed(Lane lane) { return unindexed_[number(lane)]; }
  void put_late(Lane lane, const Beginning& beginning, store::Batch& batch);
  void watch_clock(WallTime now, Moment moment);
  Result<> index(Lane lane, WallTime now);
  Result<bool> index_block(Lane lane, WallTime now);
  Result<WallTime> indexed_to(Lane lane);
  Result<> expire(Lane lane, WallTime now);
  Result<> measure(Lane lane);

  store::Tablet& tablet_;
  const LedgerOptions options_;
  /// Records that no block has yet, about; at first as many as to have a look.
  std::array<std::atomic<std::uint64_t>, 2> unindexed_{kLook, kLook};
  static constexpr std::uint64_t kLook = 1u << 30;
  /// What the index has passed, as far as is known: microseconds. A story of an older time gets names of its own.
  std::array<std::atomic<std::int64_t>, 2> passed_{INT64_MIN, INT64_MIN};
  std::mutex tending_;
  /// Under it: what was taken away since the start. A look for older stories begins there, not at the holes.
  std::array<WallTime, 2> gone_{WallTime{INT64_MIN}, WallTime{INT64_MIN}};
  std::array<WallTime, 2> measured_{WallTime{INT64_MIN},
                                    WallTime{INT64_MIN}};  ///< the block that was last counted anew
  WallTime measured_at_{INT64_MIN};
  WallTime tended_at_{INT64_MIN};
  Moment tended_at_moment_;
  std::optional<Moment> doubted_at_;  ///< since when the clock goes as it should

  std::mutex mutex_;
  std::map<std::string, Refused> refusing_;  // by peer
  std::vector<Waiting> waiting_;
  std::size_t waiting_octets_ = 0;
};

}  // namespace angarium::trace
