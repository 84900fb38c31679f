// The constants and fixed records of the log, shared by writer, replay, sweep and verify. FORMAT.md draws them and
// gives the reasons. All numbers are little-endian; every record's place is a multiple of kAlignment.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/body.h"

namespace angarium::store {

inline constexpr std::uint16_t kFormatVersion = 1;
inline constexpr std::uint64_t kAlignment = 8;
constexpr std::uint64_t aligned(std::uint64_t length) { return (length + kAlignment - 1) & ~(kAlignment - 1); }

/// What a segment file holds.
enum class SegmentKind : std::uint16_t {
  log = 1,     ///< groups
  bodies = 2,  ///< bodies that streamed aside, or were left over when their groups were no longer needed
  image = 3,   ///< all keys of the state at one sequence
  cold = 4,    ///< bodies that sweeping compressed
};

/// First octets of every segment.
struct SegmentHeader {
  static constexpr std::size_t kSize = 64;
  static constexpr std::uint32_t kMagic = 0x47455341;  // "ASEG"
  SegmentKind kind = SegmentKind::log;
  std::uint32_t number = 0;
  std::uint32_t salt =
      0;  ///< random; seeds the CRC of every header in this segment, so that no body can pretend to be one
  std::uint64_t tablet = 0;
  std::int64_t created = 0;  ///< microseconds since 1970

  [[nodiscard]] std::array<char, kSize> encode() const;
  static std::optional<SegmentHeader> decode(std::string_view octets);
};

/// In front of every group: one commit of one or more batches. Metadata follows, then (aligned) the bodies.
struct GroupHeader {
  static constexpr std::size_t kSize = 64;
  static constexpr std::uint32_t kMagic = 0x50524741;  // "AGRP"
  Codec codec = Codec::none;
  std::uint32_t key = 0;
  std::uint64_t sequence = 0;  ///< of the first batch
  std::uint32_t batches = 0;
  std::uint32_t previous_chain = 0;  ///< chain() of the group before
  std::uint32_t metadata_length = 0;
  std::uint32_t metadata_crc = 0;
  std::uint32_t bodies_length = 0;  ///< all body records with their padding
  std::uint32_t bodies_crc = 0;     ///< of the headers of all body records, which hold the CRCs of their octets
  std::uint32_t bodies = 0;
  std::int64_t written = 0;  ///< microseconds since 1970

  [[nodiscard]] std::array<char, kSize> encode(std::uint32_t salt) const;
  /// Nothing unless magic, version, CRC and the lengths' plausibility hold.
  static std::optional<GroupHeader> decode(std::string_view octets, std::uint32_t salt);

  /// What the next group's previous_chain must be: depends on all changes up to here, not on where bodies lie, so that
  /// it survives sweeping.
  [[nodiscard]] std::uint32_t chain() const;
  [[nodiscard]] std::uint64_t last_sequence() const { return sequence + batches - 1; }
  /// Octets of the whole group.
  [[nodiscard]] std::uint64_t length() const { return kSize + aligned(metadata_length) + bodies_length; }
};

/// In front of every body. The octets follow; after them, if there are more than one chunk, the CRCs of the chunks. Of
/// a compressed one, packed.h knows what follows.
struct BodyHeader {
  static constexpr std::size_t kSize = 32;
  static constexpr std::uint32_t kMagic = 0x59444241;  // "ABDY"
  Codec codec = Codec::none;
  std::uint32_t key = 0;
  std::uint64_t length = 0;
  std::uint32_t crc = 0;         ///< of the octets if there is one chunk, else of the list of CRCs
  std::uint32_t dictionary = 0;  ///< the version of the one it is compressed with; 0: none

  [[nodiscard]] std::array<char, kSize> encode(std::uint32_t salt) const;
  static std::optional<BodyHeader> decode(std::string_view octets, std::uint32_t salt);
};

/// Bodies are verified in pieces of this many octets, so that reading a part costs a part.
inline constexpr std::uint64_t kChunk = 64u << 10;
constexpr std::uint64_t chunk_count(std::uint64_t length) {
  return length <= kChunk ? 1 : (length + kChunk - 1) / kChunk;
}
/// Octets of the list of chunk CRCs: none for a body of one chunk.
constexpr std::uint64_t chunk_list_size(std::uint64_t length) { return length <= kChunk ? 0 : 4 * chunk_count(length); }
/// The CRC of each chunk of a body whose octets come in pieces.
class ChunkSums {
 public:
  void add(std::string_view octets);
  /// One CRC at least: an empty body has one empty chunk.
  std::vector<std::uint32_t> finish();
  /// BodyRef::crc of what finish() gave.
  static std::uint32_t body_crc(std::span<const std::uint32_t> chunks);

 private:
  void close();
  std::vector<std::uint32_t> sums_;
  std::uint32_t crc_ = 0;
  std::uint64_t filled_ = 0;
};

/// Octets of a body's whole record.
constexpr std::uint64_t body_record_size(std::uint64_t length) {
  return BodyHeader::kSize + aligned(length + chunk_list_size(length));
}

/// The same of a compressed body, of which so many octets are stored behind the header.
constexpr std::uint64_t packed_record_size(std::uint64_t stored) { return BodyHeader::kSize + aligned(stored); }

/// In front of every piece of an image: puts in the encoding of a batch. The piece with no puts closes the image.
struct ImageHeader {
  static constexpr std::size_t kSize = 32;
  static constexpr std::uint32_t kMagic = 0x474D4941;  // "AIMG"
  std::uint32_t length = 0;
  std::uint32_t crc = 0;
  std::uint64_t index = 0;  ///< of the piece, from 0

  [[nodiscard]] std::array<char, kSize> encode(std::uint32_t salt) const;
  static std::optional<ImageHeader> decode(std::string_view octets, std::uint32_t salt);
};

/// An operation in a batch: kind, key, and for some a second argument; lengths are varints.
enum class OperationKind : unsigned char { put = 1, erase = 2, erase_range = 3, merge = 4 };
struct Operation {
  OperationKind kind = OperationKind::put;
  std::string_view key;
  std::string_view argument;  ///< value, end of the range, or operand
};

/// Takes operations off the octets of a batch one by one.
class OperationReader {
 public:
  explicit OperationReader(std::string_view octets) : rest_(octets) {}
  /// Nothing at the end, and when the octets are malformed: then ok() is false.
  std::optional<Operation> next();
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  bool take(std::string_view& octets);
  std::string_view rest_;
  bool ok_ = true;
};

/// The state's own keys. The application's begin with kFirstApplicationByte or higher.
inline constexpr std::string_view kAppliedKey{"\0Z", 2};     ///< the position in the log the state has applied
inline constexpr std::string_view kSweptKey{"\0S", 2};       ///< when the last sweep ended: WallTime, 8 octets
inline constexpr std::string_view kDictionaryKey{"\0D", 2};  ///< what compresses the next cold bodies (dictionary.h)
inline constexpr std::string_view kRelocationPrefix{"\0R",
                                                    2};  ///< segment, offset (big-endian) → where sweeping put the body
std::string relocation_key(std::uint32_t segment, std::uint64_t offset);

/// A position between two groups of the log.
struct LogPosition {
  std::uint64_t sequence = 0;  ///< of the last batch before it
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  std::uint32_t chain = 0;
  [[nodiscard]] std::string encode() const;
  static std::optional<LogPosition> decode(std::string_view octets);
};

/// The names of files.
inline constexpr std::string_view kTableName = "table";
inline constexpr std::string_view kLockName = "lock";
inline constexpr std::string_view kBallastName = "ballast";           ///< nothing but reserved room
inline constexpr std::string_view kFormerTableName = "table.former";  ///< the table before its last change
inline constexpr std::string_view kStateFolder = "state";
inline constexpr std::string_view kNewStateFolder = "state.new";  ///< being made by rebuild
std::string segment_name(std::uint32_t number);
/// Whether a file or folder of this name may lie in a store's directory (FORMAT.md).
bool is_name_of_store(std::string_view name);

}  // namespace angarium::store
