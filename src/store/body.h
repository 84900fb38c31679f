// Where a body (the octets of a message as received) lies in the log. Small fixed form, kept inside the application's
// values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace angarium::store {

/// How a record's octets are coded before they are stored; a reader refuses what it does not know. A reference never
/// has another one than none: it tells of the body as it was received, sweeping may code the record it leads to.
enum class Codec : std::uint8_t {
  none = 0,
  zstd = 1,  ///< each chunk a frame (packed.h)
};

/// Names a stored body for ever: sweeping may move the octets, the reference stays as it is and keeps working.
/// References compare equal if and only if they name the same stored body. `length` is the body's own length.
struct BodyRef {
  std::uint32_t segment = 0;  ///< 0: no body
  Codec codec = Codec::none;
  std::uint32_t key = 0;  ///< the data key it is encrypted with; 0: none
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint32_t crc = 0;  ///< of the octets, or beyond kChunk of the list of their chunks' CRCs (FORMAT.md)
  friend bool operator==(const BodyRef&, const BodyRef&) = default;
  friend auto operator<=>(const BodyRef&, const BodyRef&) = default;

  /// Octets of the stored form. Its place in a value is the application's own choice (Batch::put_with_body).
  static constexpr std::size_t kSize = 32;
  [[nodiscard]] std::array<char, kSize> encode() const;
  /// Nothing if the octets are not 32, or are not a reference.
  static std::optional<BodyRef> decode(std::string_view octets);
};

}  // namespace angarium::store
