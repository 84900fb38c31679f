// The values of the room's keys. Readers refuse what is cut short or out of its limits and accept what newer versions
// append.
#pragma once

#include <string>
#include <string_view>

#include "queue/types.h"
#include "store/tablet.h"

namespace angarium::queue {

/// Where the reference of the body stands in an entry's value (Batch::put_with_body).
inline constexpr std::size_t kBodyAt = 1;

std::string encode(const Entry& entry);
/// `id` is the key's.
Result<Entry> decode_entry(DeliveryId id, std::string_view octets);

/// Without destination and place, which are the key's.
std::string encode(const Consignment& consignment);
Result<Consignment> decode_consignment(std::string destination, const Place& place, std::string_view octets);

std::string encode(const Backoff& backoff);
Result<Backoff> decode_backoff(std::string_view octets);

/// Rank and time: the value of a whereabouts key.
std::string encode_whereabouts(const Place& place);
/// Entry and part are the key's.
Result<Place> decode_whereabouts(DeliveryId id, std::uint16_t part, std::string_view octets);

/// Tells the store where this room's values refer to bodies.
class Records final : public store::BodyRefs {
 public:
  /// Keys of other rooms are passed over.
  void visit(std::string_view key, std::string_view value,
             const std::function<void(const store::BodyRef&)>& found) const override;
};

}  // namespace angarium::queue
