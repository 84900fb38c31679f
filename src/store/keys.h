// Ordered keys: what is appended first weighs most, numbers are big-endian, so that bytewise order is the order of the
// parts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace angarium::store {

/// Builds a key part by part. Keys are short: up to 15 octets it does not allocate.
class KeyWriter {
 public:
  KeyWriter& u8(std::uint8_t value);
  KeyWriter& u32(std::uint32_t value);
  KeyWriter& u64(std::uint64_t value);
  /// Any octets; ordered bytewise, and what follows is a part of its own: 0x00 becomes 0x00 0xFF, the end is 0x00 0x01.
  KeyWriter& text(std::string_view octets);
  /// Octets as they are: only as the last part.
  KeyWriter& rest(std::string_view octets);

  [[nodiscard]] const std::string& key() const& { return key_; }
  [[nodiscard]] std::string key() && { return std::move(key_); }

 private:
  std::string key_;
};

/// Takes a key apart in the order it was built. After anything missing or malformed ok() is false and the parts are
/// zero or empty.
class KeyReader {
 public:
  explicit KeyReader(std::string_view key) : rest_(key) {}
  std::uint8_t u8();
  std::uint32_t u32();
  std::uint64_t u64();
  std::string text();
  std::string_view rest() { return std::exchange(rest_, {}); }
  /// All that was asked for was there.
  [[nodiscard]] bool ok() const { return ok_; }
  /// And nothing is left.
  [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }

 private:
  std::uint64_t number(std::size_t octets);
  std::string_view rest_;
  bool ok_ = true;
};

/// The smallest key that is greater than all keys with this prefix; empty (no end) if there is none. For scan and
/// erase_range.
std::string after_prefix(std::string_view prefix);

}  // namespace angarium::store
