// The keys of the room: octet 't', a lane, a letter for the kind of record, and what the kind needs. FORMAT.md draws
// them. Bytewise order is the order of the numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "trace/types.h"

namespace angarium::trace {

/// The first octet of all keys of this room.
inline constexpr unsigned char kKeyOctet = 't';

/// The third octet of a key.
enum class RecordKind : char {
  block = 'B',  ///< what a part of the index covers
  story = 'M',  ///< how a message began, and behind it what happened to it
  index = 'X',
  late = 'L',  ///< a name of a story that came under a time which the index had passed
};

std::string kind_prefix(Lane lane, RecordKind kind);

/// Of the record of the beginning; all events of the message begin so.
std::string story_key(Lane lane, WallTime at, DeliveryId id);
/// The lowest of that time.
std::string story_from(Lane lane, WallTime at);
/// `part` tells events of the same microsecond apart.
std::string event_key(Lane lane, WallTime began, DeliveryId id, WallTime at, std::uint16_t part);

struct StoryPlace {
  WallTime began;
  DeliveryId id;
  std::optional<WallTime> event;  ///< nothing: it is the beginning
};
std::optional<StoryPlace> story_in(std::string_view key);

/// Parts of the index of a block; which one a hash is in is said by its upper bits.
inline constexpr std::uint8_t kIndexParts = 64;
constexpr std::uint8_t part_of(std::uint32_t hash) { return static_cast<std::uint8_t>(hash >> 26); }

/// By part first, so that one is read without the others.
std::string index_key(Lane lane, std::uint8_t part, WallTime block);
std::string block_key(Lane lane, WallTime block);
/// The time a block, or a part of its index, begins with, or a late story.
std::optional<WallTime> block_in(std::string_view key);

std::string late_prefix(Lane lane, std::uint32_t hash);
std::string late_key(Lane lane, std::uint32_t hash, WallTime at);

/// The lowest key behind all that begin with the prefix.
std::string behind(std::string prefix);

}  // namespace angarium::trace
