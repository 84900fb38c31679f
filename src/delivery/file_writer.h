// Octets that go to the end of a file, in few calls.
#pragma once

#include <algorithm>
#include <string>

#include "delivery/files.h"

namespace angarium::delivery {

/// Octets that are gathered before a call.
inline constexpr std::size_t kWriteOctets = std::size_t{64} * 1024;

/// Writes from an offset on, gathering. The file outlives it; one thread.
class FileWriter {
 public:
  FileWriter(Files& files, const Descriptor& file, std::uint64_t offset)
      : files_(files), file_(file), offset_(offset) {}

  Answer<> write(std::string_view octets) {
    while (!octets.empty()) {
      if (held_.empty() && octets.size() >= kWriteOctets) return write_through(octets);
      const std::size_t size = std::min(octets.size(), kWriteOctets - held_.size());
      held_ += octets.substr(0, size);
      octets.remove_prefix(size);
      if (held_.size() == kWriteOctets) {
        if (const Answer<> answer = flush(); !answer) return answer;
      }
    }
    return {};
  }
  Answer<> flush() {
    const Answer<> answer = write_through(held_);
    held_.clear();
    return answer;
  }

 private:
  Answer<> write_through(std::string_view octets) {
    const Answer<> answer = write_all(files_, file_, offset_, octets);
    offset_ += octets.size();
    return answer;
  }

  Files& files_;
  const Descriptor& file_;
  std::uint64_t offset_;
  std::string held_;
};

}  // namespace angarium::delivery
