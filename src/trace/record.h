// The records of the room as octets; FORMAT.md draws them. Readers are total: they refuse what is cut short and pass
// over items they do not know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "trace/types.h"

namespace angarium::trace {

/// Octets of the record of an accepted message with one recipient at most, and what each further one may add: texts are
/// cut to keep within it.
inline constexpr std::size_t kAcceptedMax = 200;
inline constexpr std::size_t kRecipientMax = 64;
/// Recipients that are written with their address; of the others only the hash is kept, so that a batch stays small.
inline constexpr std::size_t kNamedRecipients = 100;
/// Octets of a record behind which no recipients are added, only counted; and no places.
inline constexpr std::size_t kRecipientsOctets = 32 * 1024;
inline constexpr std::size_t kPlacesOctets = 56 * 1024;
/// Places that are written of one message.
inline constexpr std::size_t kPlacesMax = 1000;
/// Octets of what a server said that are kept of an attempt, or of a refusal.
inline constexpr std::size_t kWordsMax = 240;
/// Fates of one event; a consignment has no more recipients.
inline constexpr std::size_t kFatesMax = 100;
/// Octets of a value: longer ones are no records.
inline constexpr std::size_t kRecordMax = 64 * 1024;

/// Replaces what is in `out`, so that a string used again costs no allocation. Id and time are the key's.
void encode(const Beginning& beginning, std::string& out);
void encode(const Event& event, std::string& out);

/// What they give points into `octets`. kDamagedRecord.
Result<Beginning> decode_beginning(DeliveryId id, WallTime at, std::string_view octets);
Result<Event> decode_event(WallTime at, std::string_view octets);

/// By which a record is found; case makes no difference in addresses.
std::uint32_t hash_of(DeliveryId id);
std::uint32_t hash_of_address(const Text& address);
std::uint32_t hash_of_message_id(const Text& message_id);
/// `octets` as in Beginning::peer.
std::uint32_t hash_of_peer(std::string_view octets);
/// All of one record, each once.
std::vector<std::uint32_t> hashes_of(const Beginning& beginning);

}  // namespace angarium::trace
