// What happens in one world, in its order: hashed, so that two runs of a seed can be compared, and shown when asked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/loop.h"

namespace angarium::simulation {

enum class Show : std::uint8_t { nothing, everything };

/// Outlives the world it is written for.
class Journal {
 public:
  explicit Journal(Show show) : show_(show) {}

  /// Whose time the lines bear; null: none.
  void use(const io::Loop* loop) { loop_ = loop; }
  void note(std::string_view who, std::string_view what);
  /// The rule that was broken. The first one is kept.
  void blame(const std::string& what);

  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t lines() const { return lines_; }
  /// Empty: all is well.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  void add(std::string_view octets);

  Show show_;
  const io::Loop* loop_ = nullptr;
  std::uint64_t hash_ = 0xcbf29ce484222325;  // FNV-1a
  std::uint64_t lines_ = 0;
  std::string wrong_;
};

}  // namespace angarium::simulation
