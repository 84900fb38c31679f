// Messages between processes of one build: a version, a kind, then fields in order; numbers with the lowest octet
// first, texts with their length in four octets in front.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace angarium::cage {

inline constexpr char kCodingVersion = 1;

/// A message, field after field.
class Writer {
 public:
  explicit Writer(std::size_t kind) : octets_{kCodingVersion, static_cast<char>(kind)} {}
  template <std::integral T>
  Writer& number(T value) {
    auto rest = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i, rest >>= 8U) octets_ += static_cast<char>(rest & 0xffU);
    return *this;
  }
  Writer& text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    octets_ += value;
    return *this;
  }
  template <class E>
    requires std::is_enum_v<E>
  Writer& choice(E value) {
    return number(static_cast<std::uint8_t>(value));
  }
  Writer& flag(bool value) { return number(static_cast<std::uint8_t>(value ? 1 : 0)); }
  /// Before a secret, so that growing leaves no copy of it behind.
  Writer& reserve(std::size_t more) {
    octets_.reserve(octets_.size() + more);
    return *this;
  }
  [[nodiscard]] std::size_t size() const { return octets_.size(); }
  std::string take() { return std::move(octets_); }

 private:
  std::string octets_;
};

/// After the first field that is not there all are empty, and end() tells.
class Reader {
 public:
  explicit Reader(std::string_view octets) : rest_(octets) { ok_ = number<char>() == kCodingVersion; }
  template <std::integral T>
  T number() {
    if (rest_.size() < sizeof(T)) ok_ = false;
    if (!ok_) return T{};
    std::uint64_t value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;) value = value << 8U | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(sizeof(T));
    return static_cast<T>(value);
  }
  /// A view into what is read.
  std::string_view view(std::size_t max) {
    const auto size = number<std::uint32_t>();
    if (size > max || size > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  std::string text(std::size_t max) { return std::string(view(max)); }
  /// One of 0 to `last`.
  template <class E>
  E choice(E last) {
    const auto value = number<std::uint8_t>();
    if (value > static_cast<std::uint8_t>(last)) ok_ = false;
    return ok_ ? static_cast<E>(value) : E{};
  }
  bool flag() { return choice(std::uint8_t{1}) != 0; }
  /// What was read cannot be.
  void refuse() { ok_ = false; }
  [[nodiscard]] bool ok() const { return ok_; }
  /// All was there, and nothing else.
  [[nodiscard]] bool end() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace angarium::cage
