// Memory that connections of one thread hand to each other, so that those that are idle hold none.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace angarium::wire {

/// Spare buffers of this thread: blocks to read into and strings to write into. No locks, nothing is shared.
class Spare {
 public:
  static constexpr std::size_t kBlock = 64 * 1024;
  static constexpr std::size_t kMostBlocks = 16;  ///< 1 MiB a thread is kept; the rest goes back to the allocator
  static constexpr std::size_t kMostStrings = 16;
  static constexpr std::size_t kMostCapacity = 128 * 1024;  ///< of a string that is kept
  static constexpr std::size_t kFirstCapacity = 512;        ///< of a new one: most replies fit

  static Spare& of_this_thread();

  /// kBlock octets.
  std::unique_ptr<char[]> take_block();
  void give_block(std::unique_ptr<char[]> block) noexcept;
  std::string take_string();
  void give_string(std::string string) noexcept;

 private:
  Spare();
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::vector<std::string> strings_;
};

}  // namespace angarium::wire
