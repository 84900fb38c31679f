#include "queue/keys.h"

namespace angarium::queue {
namespace {

constexpr std::size_t kKindSize = 2;

void put_u64(std::string& key, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(value >> shift);
}

void put_u16(std::string& key, std::uint16_t value) {
  key += static_cast<char>(value >> 8);
  key += static_cast<char>(value);
}

std::uint64_t number(std::string_view octets) {
  std::uint64_t value = 0;
  for (const char c : octets) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

std::string kind_prefix(RecordKind kind) { return {static_cast<char>(kKeyOctet), static_cast<char>(kind)}; }

std::string entry_key(DeliveryId id) {
  std::string key = kind_prefix(RecordKind::entry);
  put_u64(key, id.bits());
  return key;
}

std::string destination_prefix(std::string_view destination) {
  return kind_prefix(RecordKind::consignment).append(destination) + '\0';
}

std::string rank_key(std::string_view destination, std::uint8_t rank) {
  return destination_prefix(destination) + static_cast<char>(rank);
}

std::string consignment_key(std::string_view destination, const Place& place) {
  std::string key = rank_key(destination, place.rank);
  put_u64(key, static_cast<std::uint64_t>(place.due));
  put_u64(key, place.entry.bits());
  put_u16(key, place.part);
  return key;
}

std::optional<Place> place_in(std::string_view key, std::string_view destination) {
  const std::size_t at = kKindSize + destination.size() + 1;
  if (key.size() != at + 19) return std::nullopt;
  key.remove_prefix(at);
  return Place{.rank = static_cast<std::uint8_t>(key[0]),
               .due = static_cast<std::int64_t>(number(key.substr(1, 8))),
               .entry = DeliveryId(number(key.substr(9, 8))),
               .part = static_cast<std::uint16_t>(number(key.substr(17)))};
}

std::string whereabouts_prefix(DeliveryId id) {
  std::string key = kind_prefix(RecordKind::whereabouts);
  put_u64(key, id.bits());
  return key;
}

std::string whereabouts_key(DeliveryId id, std::string_view destination, std::uint16_t part) {
  std::string key = whereabouts_prefix(id).append(destination) + '\0';
  put_u16(key, part);
  return key;
}

std::optional<Whereabouts> whereabouts_in(std::string_view key) {
  constexpr std::size_t kBefore = kKindSize + 8;
  if (key.size() < kBefore + 3) return std::nullopt;
  key.remove_prefix(kBefore);
  return Whereabouts{.destination = std::string(key.substr(0, key.size() - 3)),
                     .part = static_cast<std::uint16_t>(number(key.substr(key.size() - 2)))};
}

std::string backoff_key(std::string_view destination) { return kind_prefix(RecordKind::backoff).append(destination); }

std::string due_from(std::int64_t microseconds) {
  std::string key = kind_prefix(RecordKind::due);
  put_u64(key, static_cast<std::uint64_t>(microseconds));
  return key;
}

std::string due_key(std::string_view destination, const Place& place) {
  std::string key = due_from(place.due);
  put_u64(key, place.entry.bits());
  put_u16(key, place.part);
  return key.append(destination);
}

std::string due_key(std::string_view destination, WallTime at) {
  return due_key(destination, Place{.due = at.microseconds});
}

std::optional<Due> due_in(std::string_view key) {
  constexpr std::size_t kBefore = kKindSize + 18;
  if (key.size() < kBefore) return std::nullopt;
  return Due{.at = static_cast<std::int64_t>(number(key.substr(kKindSize, 8))),
             .destination = std::string(key.substr(kBefore)),
             .of_backoff = key.substr(kKindSize + 8, 10).find_first_not_of('\0') == std::string_view::npos};
}

std::string event_key(WallTime at, DeliveryId id) {
  std::string key = kind_prefix(RecordKind::event);
  put_u64(key, static_cast<std::uint64_t>(at.microseconds));
  put_u64(key, id.bits());
  return key;
}

std::optional<Event> event_in(std::string_view key) {
  if (key.size() != kKindSize + 16) return std::nullopt;
  key.remove_prefix(kKindSize);
  return Event{.at = {static_cast<std::int64_t>(number(key.substr(0, 8)))}, .id = DeliveryId(number(key.substr(8)))};
}

std::string behind(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

}  // namespace angarium::queue
