#include "store/format.h"

#include <fmt/format.h>

#include "base/crc32c.h"
#include "base/text.h"
#include "store/keys.h"
#include "store/octets.h"

namespace angarium::store {
namespace {

template <std::size_t N>
void seal(std::array<char, N>& octets, std::uint32_t salt) {
  store_u32(&octets[N - 4], crc32c({octets.data(), N - 4}, salt));
}

bool intact(std::string_view octets, std::size_t size, std::uint32_t magic, std::uint32_t salt) {
  return octets.size() >= size && load_u32(octets.data()) == magic &&
         load_u32(octets.data() + size - 4) == crc32c(octets.substr(0, size - 4), salt);
}

}  // namespace

std::array<char, SegmentHeader::kSize> SegmentHeader::encode() const {
  std::array<char, kSize> to{};
  store_u32(&to[0], kMagic);
  store_u32(&to[4], kFormatVersion | static_cast<std::uint32_t>(kind) << 16);
  store_u32(&to[8], number);
  store_u32(&to[12], salt);
  store_u64(&to[16], tablet);
  store_u64(&to[24], static_cast<std::uint64_t>(created));
  seal(to, 0);
  return to;
}

std::optional<SegmentHeader> SegmentHeader::decode(std::string_view octets) {
  if (!intact(octets, kSize, kMagic, 0)) return std::nullopt;
  const char* from = octets.data();
  std::uint32_t version = load_u32(from + 4) & 0xFFFF;
  std::uint32_t kind = load_u32(from + 4) >> 16;
  if (version != kFormatVersion || kind < 1 || kind > 4) return std::nullopt;
  SegmentHeader header;
  header.kind = static_cast<SegmentKind>(kind);
  header.number = load_u32(from + 8);
  header.salt = load_u32(from + 12);
  header.tablet = load_u64(from + 16);
  header.created = static_cast<std::int64_t>(load_u64(from + 24));
  return header;
}

std::array<char, GroupHeader::kSize> GroupHeader::encode(std::uint32_t salt) const {
  std::array<char, kSize> to{};
  store_u32(&to[0], kMagic);
  store_u32(&to[4], kFormatVersion | static_cast<std::uint32_t>(codec) << 16);
  store_u64(&to[8], sequence);
  store_u32(&to[16], batches);
  store_u32(&to[20], previous_chain);
  store_u32(&to[24], metadata_length);
  store_u32(&to[28], metadata_crc);
  store_u32(&to[32], bodies_length);
  store_u32(&to[36], bodies_crc);
  store_u32(&to[40], key);
  store_u32(&to[44], bodies);
  store_u64(&to[48], static_cast<std::uint64_t>(written));
  seal(to, salt);
  return to;
}

std::optional<GroupHeader> GroupHeader::decode(std::string_view octets, std::uint32_t salt) {
  if (!intact(octets, kSize, kMagic, salt)) return std::nullopt;
  const char* from = octets.data();
  if (load_u32(from + 4) != kFormatVersion) return std::nullopt;  // the codec is "none" in this version
  GroupHeader header;
  header.sequence = load_u64(from + 8);
  header.batches = load_u32(from + 16);
  header.previous_chain = load_u32(from + 20);
  header.metadata_length = load_u32(from + 24);
  header.metadata_crc = load_u32(from + 28);
  header.bodies_length = load_u32(from + 32);
  header.bodies_crc = load_u32(from + 36);
  header.key = load_u32(from + 40);
  header.bodies = load_u32(from + 44);
  header.written = static_cast<std::int64_t>(load_u64(from + 48));
  if (header.batches == 0 || header.sequence == 0 || header.bodies_length % kAlignment != 0) return std::nullopt;
  return header;
}

std::uint32_t GroupHeader::chain() const {
  std::array<char, 20> octets;
  store_u32(&octets[0], previous_chain);
  store_u64(&octets[4], sequence);
  store_u32(&octets[12], batches);
  store_u32(&octets[16], metadata_crc);
  return crc32c({octets.data(), octets.size()});
}

std::array<char, BodyHeader::kSize> BodyHeader::encode(std::uint32_t salt) const {
  std::array<char, kSize> to{};
  store_u32(&to[0], kMagic);
  store_u32(&to[4], static_cast<std::uint32_t>(codec));
  store_u32(&to[8], key);
  store_u32(&to[12], crc);
  store_u64(&to[16], length);
  store_u32(&to[24], dictionary);
  seal(to, salt);
  return to;
}

std::optional<BodyHeader> BodyHeader::decode(std::string_view octets, std::uint32_t salt) {
  if (!intact(octets, kSize, kMagic, salt)) return std::nullopt;
  const std::uint32_t codec = load_u32(octets.data() + 4);
  if (codec > static_cast<std::uint32_t>(Codec::zstd)) return std::nullopt;
  BodyHeader header;
  header.codec = static_cast<Codec>(codec);
  header.key = load_u32(octets.data() + 8);
  header.crc = load_u32(octets.data() + 12);
  header.length = load_u64(octets.data() + 16);
  header.dictionary = load_u32(octets.data() + 24);
  return header;
}

void ChunkSums::add(std::string_view octets) {
  while (!octets.empty()) {
    std::string_view part = octets.substr(0, kChunk - filled_);
    crc_ = crc32c(part, crc_);
    filled_ += part.size();
    octets.remove_prefix(part.size());
    if (filled_ == kChunk) close();
  }
}

void ChunkSums::close() {
  sums_.push_back(crc_);
  crc_ = 0;
  filled_ = 0;
}

std::vector<std::uint32_t> ChunkSums::finish() {
  if (filled_ > 0 || sums_.empty()) close();
  return std::move(sums_);
}

std::uint32_t ChunkSums::body_crc(std::span<const std::uint32_t> chunks) {
  if (chunks.size() == 1) return chunks.front();
  return crc32c({reinterpret_cast<const char*>(chunks.data()), chunks.size_bytes()});
}

std::array<char, ImageHeader::kSize> ImageHeader::encode(std::uint32_t salt) const {
  std::array<char, kSize> to{};
  store_u32(&to[0], kMagic);
  store_u32(&to[4], length);
  store_u32(&to[8], crc);
  store_u64(&to[16], index);
  seal(to, salt);
  return to;
}

std::optional<ImageHeader> ImageHeader::decode(std::string_view octets, std::uint32_t salt) {
  if (!intact(octets, kSize, kMagic, salt)) return std::nullopt;
  return ImageHeader{load_u32(octets.data() + 4), load_u32(octets.data() + 8), load_u64(octets.data() + 16)};
}

bool OperationReader::take(std::string_view& octets) {
  std::uint64_t length = 0;
  ok_ = take_varint(rest_, length) && length <= rest_.size();
  if (!ok_) return false;
  octets = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return true;
}

std::optional<Operation> OperationReader::next() {
  if (!ok_ || rest_.empty()) return std::nullopt;
  auto kind = static_cast<unsigned char>(rest_.front());
  rest_.remove_prefix(1);
  Operation operation;
  operation.kind = static_cast<OperationKind>(kind);
  ok_ = kind >= 1 && kind <= 4;
  if (!ok_ || !take(operation.key)) return std::nullopt;
  if (operation.kind != OperationKind::erase && !take(operation.argument)) return std::nullopt;
  // No batch holds a range that ends before it begins (batch.cpp), and the states could not apply it.
  ok_ = operation.kind != OperationKind::erase_range || operation.key < operation.argument;
  if (!ok_) return std::nullopt;
  return operation;
}

std::string relocation_key(std::uint32_t segment, std::uint64_t offset) {
  return KeyWriter().rest(kRelocationPrefix).u32(segment).u64(offset).key();
}

std::string LogPosition::encode() const {
  std::string to(24, '\0');
  store_u64(&to[0], sequence);
  store_u32(&to[8], segment);
  store_u32(&to[12], chain);
  store_u64(&to[16], offset);
  return to;
}

std::optional<LogPosition> LogPosition::decode(std::string_view octets) {
  if (octets.size() != 24) return std::nullopt;
  const char* from = octets.data();
  return LogPosition{load_u64(from), load_u32(from + 8), load_u64(from + 16), load_u32(from + 12)};
}

std::string segment_name(std::uint32_t number) { return fmt::format("segment.{:08}", number); }

bool is_name_of_store(std::string_view name) {
  constexpr std::string_view kNew = ".new";  // what replaces a file, before it does
  if (name != kNewStateFolder && name.ends_with(kNew)) name.remove_suffix(kNew.size());
  for (const std::string_view known :
       {kLockName, kTableName, kFormerTableName, kBallastName, kStateFolder, kNewStateFolder})
    if (name == known) return true;
  constexpr std::string_view kSegment = "segment.";
  if (!name.starts_with(kSegment)) return false;
  const auto number = parse_number<std::uint32_t>(name.substr(kSegment.size()));
  return number && segment_name(*number) == name;
}

}  // namespace angarium::store
