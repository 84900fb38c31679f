// A table from texts to numbers for very many of them: one piece of memory, quick to let go.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace angarium::protocol::imap {

/// Whose texts are written by strangers: places depend on a secret, so that nobody can make them meet. Keeps views.
class TextTable {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  explicit TextTable(std::uint64_t secret) : secret_(secret) {}
  /// Makes room for so many, so that it need not grow in between.
  void expect(std::size_t texts);
  [[nodiscard]] std::size_t size() const { return size_; }
  /// kNone: it is not there.
  [[nodiscard]] std::uint32_t find(std::string_view text) const;
  /// A text that is not there.
  void add(std::string_view text, std::uint32_t number);

 private:
  struct Slot {
    std::string_view text;
    std::uint64_t hash = 0;
    std::uint32_t number = kNone;
  };
  [[nodiscard]] std::uint64_t hash_of(std::string_view text) const;
  void put(const Slot& slot);

  std::vector<Slot> slots_;  ///< a power of two; at most half of them are taken
  std::size_t size_ = 0;
  std::uint64_t secret_;
};

}  // namespace angarium::protocol::imap
