// A store's files on a disk that fails as disks do: it loses or tears what was not synced when the power goes, fails
// calls, runs full, flips bits. Everything by seed, so that a failure can be repeated. For tests; one thread at a time
// is deterministic, many are safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/random.h"
#include "store/volume.h"

namespace angarium::store {

/// What stays when volumes on it come and go. Two contents a file: what reads see and what a crash leaves.
class FaultyDisk {
 public:
  explicit FaultyDisk(std::uint64_t seed) : random_(seed) {}

  /// Faults to come. A count of n means: at the n-th call from now on that may suffer it; 0: never.
  struct Faults {
    std::uint64_t crash_at = 0;  ///< the power goes in the middle of the n-th call of any kind that changes something
    std::uint64_t fail_sync_at =
        0;  ///< the n-th sync fails, and what it should have made durable never will be, unless written again
    std::uint64_t syncs_failing = 1;   ///< so many syncs in a row, from that one on
    std::uint64_t short_write_at = 0;  ///< the n-th write writes a part and fails
    std::uint64_t fail_read_at = 0;    ///< the n-th read fails
  };
  void arm(const Faults& faults);
  /// At most so many octets in all files together.
  void set_capacity(std::uint64_t octets);
  /// The power goes now: every open volume and file is dead, each sector (512 octets) that was not synced is kept, lost
  /// or, by the seed, mixed.
  void crash();
  /// The process dies, the machine does not: every open volume and file is dead, what was written stays.
  void kill();
  /// Whether the power has gone since the last volume was opened.
  [[nodiscard]] bool crashed() const;
  /// Flips one bit of what is stored. False if there is no such octet.
  bool flip(const std::string& name, std::uint64_t offset, int bit);
  [[nodiscard]] std::vector<FileEntry> files() const;
  [[nodiscard]] std::string content(const std::string& name) const;
  /// Octets written by all calls so far.
  [[nodiscard]] std::uint64_t written() const;

 private:
  friend class FaultyFile;
  friend class FaultyVolume;
  friend Result<std::unique_ptr<Volume>> open_faulty_volume(std::shared_ptr<FaultyDisk> disk);
  struct Range {
    std::uint64_t begin;
    std::uint64_t end;
  };
  struct Content {
    std::string seen;
    std::string durable;
    std::vector<Range> dirty;  ///< written, not synced
    std::vector<Range> lost;   ///< a sync of it failed
  };
  enum class Call { proceeds, crashes };

  // All with the mutex held.
  Result<Call> enter(std::uint64_t generation);
  void crash_locked();
  void settle(Content& content);
  [[nodiscard]] std::uint64_t used() const;
  Result<> write(std::uint64_t generation, Content& content, std::uint64_t offset,
                 std::span<const std::string_view> parts);
  Result<> sync(std::uint64_t generation, Content& content);
  static void put(Content& content, std::uint64_t offset, std::string_view octets);

  mutable std::mutex mutex_;
  SeededRandom random_;
  std::map<std::string, std::shared_ptr<Content>> files_;
  Faults faults_;
  std::uint64_t capacity_ = UINT64_MAX;
  std::uint64_t generation_ = 0;  ///< grows with each crash: handles of an older one are dead
  bool crashed_ = false;
  bool locked_ = false;
  std::uint64_t written_ = 0;
};

/// Turns the power on again if it had gone. kLocked while another volume on this disk lives.
Result<std::unique_ptr<Volume>> open_faulty_volume(std::shared_ptr<FaultyDisk> disk);

}  // namespace angarium::store
