// A message that is kept until it is known what is to be done with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "delivery/files.h"

namespace angarium::transfer {

/// Octets that are kept in memory; what is longer lies in a file without a name, in $TMPDIR or /var/tmp.
inline constexpr std::size_t kSpoolMemory = 1u << 20;

/// One thread. kPlace.
class Spool {
 public:
  Result<> write(std::string_view octets);
  /// At most so many octets from there on; nothing behind the end.
  [[nodiscard]] Result<std::string> at(std::uint64_t offset, std::size_t octets) const;
  [[nodiscard]] std::uint64_t size() const { return written_ + held_.size(); }
  [[nodiscard]] bool in_memory() const { return written_ == 0; }
  /// All of it, while it is in memory.
  [[nodiscard]] std::string_view held() const { return held_; }
  void clear();

 private:
  Result<> flush();

  std::string held_;  ///< the end
  std::uint64_t written_ = 0;
  delivery::Descriptor file_;
};

}  // namespace angarium::transfer
