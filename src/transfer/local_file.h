// Files of this host, read by the command.
#pragma once

#include <cstdint>
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
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::int64_t modified() const { return modified_; }
  [[nodiscard]] int descriptor() const { return file_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  delivery::Descriptor file_;
  std::string path_;
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;
  std::int64_t modified_ = 0;
  std::string block_;
};

/// Waits, as mail programs do, until nobody who locks the mbox file writes to it, and gives its size then: what others
/// append later stands behind. kChanged when it stays locked.
Result<std::uint64_t> settled_size(const LocalFile& file);

}  // namespace angarium::transfer
