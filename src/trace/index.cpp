#include "trace/index.h"

#include <algorithm>

#include "store/codec.h"

namespace angarium::trace {
namespace {

using store::put_number;
using store::put_signed;
using store::RecordReader;

constexpr char kVersion = 1;
/// A hash of 4 octets and a time of 6: 2^48 microseconds are nine years.
constexpr std::size_t kNameSize = 10;
constexpr std::uint64_t kAfterMax = (std::uint64_t{1} << 48) - 1;

std::uint64_t number(std::string_view octets) {
  std::uint64_t value = 0;
  for (const char c : octets) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

std::string encode(const Block& block) {
  std::string out(1, kVersion);
  put_signed(out, block.to.microseconds);
  put_number(out, block.records);
  put_number(out, block.octets);
  return out;
}

Result<Block> decode_block(WallTime from, std::string_view octets) {
  RecordReader reader(octets);
  const bool known = reader.octet() == static_cast<std::uint8_t>(kVersion);
  Block block{.from = from, .to = {reader.signed_number()}};
  block.records = reader.number();
  block.octets = reader.number();
  if (!known || !reader.ok()) return fail(kDamagedRecord, "a record of the trace is damaged: a block of its index");
  return block;
}

void IndexBuilder::add(std::uint32_t hash, WallTime at) {
  const auto after = static_cast<std::uint64_t>(std::max<std::int64_t>(0, at.microseconds - from_.microseconds));
  auto& part = parts_[part_of(hash)];
  if (after > kAfterMax || part.size() >= kPartNamesMax) return;
  part.push_back({hash, after});
  ++names_;
}

void IndexBuilder::put(Lane lane, store::Batch& batch) {
  std::string value;
  for (std::uint8_t i = 0; i < kIndexParts; ++i) {
    auto& part = parts_[i];
    if (part.empty()) continue;
    std::ranges::sort(part);
    value.assign(1, kVersion);
    for (const Name& name : part) {
      for (int shift = 24; shift >= 0; shift -= 8) value += static_cast<char>(name.hash >> shift);
      for (int shift = 40; shift >= 0; shift -= 8) value += static_cast<char>(name.after >> shift);
    }
    batch.put(index_key(lane, i, from_), value);
  }
}

std::vector<WallTime> times_of(std::string_view part, WallTime from, std::uint32_t hash) {
  std::vector<WallTime> times;
  if (part.empty() || part[0] != kVersion) return times;
  part.remove_prefix(1);
  const auto hash_at = [&](std::size_t i) { return number(part.substr(i * kNameSize, 4)); };
  std::size_t low = 0;
  std::size_t high = part.size() / kNameSize;
  const std::size_t all = high;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (hash_at(middle) < hash)
      low = middle + 1;
    else
      high = middle;
  }
  for (; low < all && hash_at(low) == hash; ++low) {
    const std::uint64_t after = number(part.substr(low * kNameSize + 4, 6));
    times.push_back({static_cast<std::int64_t>(static_cast<std::uint64_t>(from.microseconds) + after)});
  }
  return times;
}

}  // namespace angarium::trace
