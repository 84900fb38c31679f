// The keys of the room: octet 'q', a letter for the kind of record, and what the kind needs. README.md draws them.
// Bytewise order is the order of the numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "queue/types.h"

namespace angarium::queue {

/// The first octet of all keys of this room.
inline constexpr unsigned char kKeyOctet = 'q';

/// The second octet of a key.
enum class RecordKind : char {
  consignment = 'D',  ///< by destination, rank and time
  entry = 'E',
  backoff = 'H',      ///< of a destination
  whereabouts = 'I',  ///< of an entry's consignments: their ranks and times
  due = 'N',          ///< destinations by the time when something may be done for them
  event = 'X',        ///< entries by the time when they expire, or their sender is told of the delay
};

std::string kind_prefix(RecordKind kind);

std::string entry_key(DeliveryId id);
/// All of a destination's consignments begin so.
std::string destination_prefix(std::string_view destination);
std::string consignment_key(std::string_view destination, const Place& place);
/// The lowest key of this rank.
std::string rank_key(std::string_view destination, std::uint8_t rank);
/// The place in a key that begins with destination_prefix().
std::optional<Place> place_in(std::string_view key, std::string_view destination);

std::string whereabouts_prefix(DeliveryId id);
std::string whereabouts_key(DeliveryId id, std::string_view destination, std::uint16_t part);
struct Whereabouts {
  std::string destination;
  std::uint16_t part = 0;
};
std::optional<Whereabouts> whereabouts_in(std::string_view key);

std::string backoff_key(std::string_view destination);

/// One for each consignment, so that each is erased with its own.
std::string due_key(std::string_view destination, const Place& place);
/// One for a back-off, until it ends.
std::string due_key(std::string_view destination, WallTime at);
/// The lowest of this time.
std::string due_from(std::int64_t microseconds);
struct Due {
  std::int64_t at = 0;
  std::string destination;
  bool of_backoff = false;
};
std::optional<Due> due_in(std::string_view key);

std::string event_key(WallTime at, DeliveryId id);
struct Event {
  WallTime at;
  DeliveryId id;
};
std::optional<Event> event_in(std::string_view key);

/// The lowest key behind all that begin with the prefix.
std::string behind(std::string prefix);

}  // namespace angarium::queue
