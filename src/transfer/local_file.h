// Files of this host, read by the command.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "delivery/files.h"

namespace angarium::transfer {

/// Octets that are read at once.
inline constexpr std::size_t kReadOctets = 256u << 10;

/// A regular file, read from its beginning. kPlace.
class LocalFile {
 public:
  static Result<LocalFile> open(const std::string& path);

  /// The next octets, a view until the next call; empty at the end.
  Result<std::string_view> next();
  /// At most so many octets from there; an own copy.
  Result<std::string> at(std::uint64_t offset, std::size_t count) const;
  /// Nothing is read from this offset on.
  void end_at(std::uint64_t size) { size_ = size; }
  /// At most so many octets of those that are not read.
  Result<std::string> behind_end(std::size_t count) const;
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::int64_t modified() const { return modified_; }
  [[nodiscard]] int descriptor() const { return file_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Result<std::string> read(std::uint64_t offset, std::size_t count) const;

  delivery::Descriptor file_;
  std::string path_;
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;
  std::int64_t modified_ = 0;
  std::string block_;
};

/// What tells that a file was written to.
struct FileState {
  std::uint64_t size = 0;
  std::int64_t written_us = 0;
  bool fresh = false;  ///< so new that a later writing may have the same time

  [[nodiscard]] bool same(const FileState& other) const { return size == other.size && written_us == other.written_us; }
};
/// Clocks of file systems go in steps: 10 ms at HZ=100.
inline constexpr std::int64_t kFreshFor_us = 20'000;

Result<FileState> state_now(const LocalFile& file);

/// Waits, as mail programs do, until nobody who locks the mbox file writes to it, and gives what it is then: what
/// others append later stands behind. look() is called while nobody writes, more than once where somebody did so all
/// the same; its errors are this one's. kChanged when it stays locked.
Result<FileState> settled(const LocalFile& file, const std::function<Result<>()>& look);

/// Programs that lock the file by fcntl wait as long as this object lives. kChanged when it cannot be had.
class HeldStill {
 public:
  static Result<HeldStill> take(const std::string& path);

 private:
  explicit HeldStill(LocalFile file) : file_(std::move(file)) {}
  LocalFile file_;  // its closing gives up the lock
};

}  // namespace angarium::transfer
