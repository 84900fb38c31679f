#include "trace/keys.h"

namespace angarium::trace {
namespace {

constexpr std::size_t kKindSize = 3;
constexpr std::size_t kStorySize = kKindSize + 16;
constexpr std::size_t kEventSize = kStorySize + 10;

void put_number(std::string& key, std::uint64_t value, int octets) {
  for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8) key += static_cast<char>(value >> shift);
}

/// Times before 1970 go first.
std::uint64_t ordered(WallTime at) { return static_cast<std::uint64_t>(at.microseconds) ^ (std::uint64_t{1} << 63); }

std::uint64_t number(std::string_view octets) {
  std::uint64_t value = 0;
  for (const char c : octets) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

WallTime time_of(std::string_view octets) {
  return {static_cast<std::int64_t>(number(octets) ^ (std::uint64_t{1} << 63))};
}

std::string begun(Lane lane, RecordKind kind, std::size_t size) {
  std::string key;
  key.reserve(size);
  key += static_cast<char>(kKeyOctet);
  key += static_cast<char>(lane);
  key += static_cast<char>(kind);
  return key;
}

}  // namespace

std::string kind_prefix(Lane lane, RecordKind kind) { return begun(lane, kind, kKindSize); }

std::string story_key(Lane lane, WallTime at, DeliveryId id) {
  std::string key = begun(lane, RecordKind::story, kStorySize);
  put_number(key, ordered(at), 8);
  put_number(key, id.bits(), 8);
  return key;
}

std::string story_from(Lane lane, WallTime at) {
  std::string key = kind_prefix(lane, RecordKind::story);
  put_number(key, ordered(at), 8);
  return key;
}

std::string event_key(Lane lane, WallTime began, DeliveryId id, WallTime at, std::uint16_t part) {
  std::string key = story_key(lane, began, id);
  put_number(key, ordered(at), 8);
  put_number(key, part, 2);
  return key;
}

std::optional<StoryPlace> story_in(std::string_view key) {
  if (key.size() != kStorySize && key.size() != kEventSize) return std::nullopt;
  if (static_cast<unsigned char>(key[0]) != kKeyOctet || key[2] != static_cast<char>(RecordKind::story))
    return std::nullopt;
  StoryPlace place{.began = time_of(key.substr(kKindSize, 8)),
                   .id = DeliveryId(number(key.substr(kKindSize + 8, 8))),
                   .event = std::nullopt};
  if (key.size() == kEventSize) place.event = time_of(key.substr(kStorySize, 8));
  return place;
}

std::string index_key(Lane lane, std::uint8_t part, WallTime block) {
  std::string key = kind_prefix(lane, RecordKind::index);
  put_number(key, part, 1);
  put_number(key, ordered(block), 8);
  return key;
}

std::string block_key(Lane lane, WallTime block) {
  std::string key = kind_prefix(lane, RecordKind::block);
  put_number(key, ordered(block), 8);
  return key;
}

std::string late_prefix(Lane lane, std::uint32_t hash) {
  std::string key = kind_prefix(lane, RecordKind::late);
  put_number(key, hash, 4);
  return key;
}

std::string late_key(Lane lane, std::uint32_t hash, WallTime at) {
  std::string key = late_prefix(lane, hash);
  put_number(key, ordered(at), 8);
  return key;
}

std::optional<WallTime> block_in(std::string_view key) {
  if (key.size() < kKindSize + 8) return std::nullopt;
  return time_of(key.substr(key.size() - 8));
}

std::string behind(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

}  // namespace angarium::trace
