// The small codec of the records that rooms keep in a tablet: LEB128 numbers, counted octets. A reader never trusts a
// length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace angarium::store {

inline void put_number(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}
/// Small for small numbers of either sign.
inline void put_signed(std::string& out, std::int64_t value) {
  put_number(out, (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}
inline void put_octets(std::string& out, std::string_view octets) {
  put_number(out, octets.size());
  out += octets;
}

/// Reads what the functions above wrote. After the first thing that is not there every answer is 0 or empty and
/// ok() is false: check once, at the end.
class RecordReader {
 public:
  explicit RecordReader(std::string_view octets) : octets_(octets) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (octets_.empty()) return broken();
      const auto octet = static_cast<unsigned char>(octets_.front());
      octets_.remove_prefix(1);
      if (shift == 63 && octet > 1) return broken();
      value |= static_cast<std::uint64_t>(octet & 0x7F) << shift;
      if (octet < 0x80) return value;
    }
    return broken();
  }
  std::int64_t signed_number() {
    const std::uint64_t value = number();
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
  }
  /// A number that is at most `limit`.
  std::uint64_t number_up_to(std::uint64_t limit) {
    const std::uint64_t value = number();
    return value <= limit ? value : broken();
  }
  std::uint8_t octet() {
    if (octets_.empty()) return static_cast<std::uint8_t>(broken());
    const auto value = static_cast<std::uint8_t>(octets_.front());
    octets_.remove_prefix(1);
    return value;
  }
  std::string_view octets() {
    const std::uint64_t size = number();
    return take(size);
  }
  std::string_view take(std::uint64_t size) {
    if (size > octets_.size()) {
      broken();
      return {};
    }
    const std::string_view result = octets_.substr(0, size);
    octets_.remove_prefix(size);
    return result;
  }
  [[nodiscard]] std::string_view rest() const { return octets_; }
  [[nodiscard]] bool at_end() const { return octets_.empty(); }
  [[nodiscard]] bool ok() const { return ok_; }
  std::uint64_t broken() {
    ok_ = false;
    octets_ = {};
    return 0;
  }

 private:
  std::string_view octets_;
  bool ok_ = true;
};

}  // namespace angarium::store
