// The segments of one store: the table in memory and on the volume, and the open files. Safe from any thread.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "store/log_table.h"

namespace angarium::store {

class Segments {
 public:
  Segments(Volume& volume, const Clock& clock, Random& random) : volume_(volume), clock_(clock), random_(random) {}

  /// Reads the table; makes an empty one in an empty volume. kDamaged if there are segments without a table, or a
  /// segment is missing.
  Result<> load();
  /// Removes files the table does not know, segments in phase `filling` and octets behind the size of sealed ones: what
  /// a crash left behind.
  Result<> remove_leftovers();

  /// Octets of a new segment: reserved so that appending never runs out of room, and zeroed so that a sync need not
  /// write the file system's journal, at the price of writing everything twice.
  struct Room {
    std::uint64_t reserved = 0;
    std::uint64_t zeroed = 0;
  };
  struct Created {
    Segment segment;
    std::shared_ptr<File> file;
    Room room;  // of an older file only what is reserved is known
  };
  /// Makes a segment with its header and enters it into the table. Durable.
  Result<Created> create(SegmentKind kind, Phase phase, const Room& room);
  /// Changes the table and saves it in one durable step; on an error the table is as before.
  Result<> change(const std::function<void(std::map<std::uint32_t, Segment>&)>& how);
  /// Takes a segment out of the table, then removes its file.
  Result<> remove(std::uint32_t number);

  [[nodiscard]] std::vector<Segment> all() const;
  /// Whether it came into its phase less than `age` ago. What happened since load() is judged by the clock that never
  /// jumps; before that, by the wall clock, and then a moment in the future is old, or a clock that was set back would
  /// keep a segment for ever.
  [[nodiscard]] bool young(const Segment& segment, Duration age) const;
  [[nodiscard]] std::optional<Segment> find(std::uint32_t number) const;
  [[nodiscard]] std::uint64_t tablet() const;
  [[nodiscard]] Table table() const;
  /// The segment's file; kMissing if the table has no such segment. At most kOpenMax stay open unused.
  Result<std::shared_ptr<File>> file(std::uint32_t number);

  static constexpr std::size_t kOpenMax = 512;

 private:
  struct OpenFile {
    std::uint32_t number;
    std::shared_ptr<File> file;
  };
  void keep_open(std::uint32_t number, std::shared_ptr<File> file);  // mutex held

  Volume& volume_;
  const Clock& clock_;
  Random& random_;
  std::mutex saving_;         // one change at a time; taken before mutex_
  mutable std::mutex mutex_;  // guards what follows; never held over I/O except opening a file
  Table table_;
  std::unordered_map<std::uint32_t, Moment> came_;  // into its phase, since load()
  std::list<OpenFile> open_;                        // most recently used first
  std::unordered_map<std::uint32_t, std::list<OpenFile>::iterator> open_by_number_;
};

}  // namespace angarium::store
