// What the queue reads from the tablet: plain functions that may wait for the disk, unless they are told not to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "queue/keys.h"
#include "queue/types.h"
#include "store/tablet.h"

namespace angarium::queue {

/// Consignments of a destination that are due, first those of the best rank.
struct DueNow {
  std::vector<Place> places;
  bool all = false;                  ///< false: the limit was reached, there may be more
  std::optional<std::int64_t> next;  ///< the first that becomes due, if all were seen
};
Result<DueNow> read_due(store::Tablet& tablet, std::string_view destination, std::int64_t now, std::size_t limit,
                        store::Tier tier);

/// What take() needs of one consignment. Without `consignment` it is gone.
struct Loaded {
  std::optional<Consignment> consignment;
  EntryPtr entry;
  std::size_t of_entry = 0;  ///< consignments that the entry has, one beyond kCounted at most; only if asked for
};
enum class Count : std::uint8_t { no, yes };
Result<Loaded> load(store::Tablet& tablet, const std::string& destination, const Place& place, Count count,
                    store::Tier tier);

Result<bool> has_consignments(store::Tablet& tablet, DeliveryId id);

/// The entry and all its consignments. kNotQueued.
struct Found {
  EntryPtr entry;
  std::vector<Consignment> consignments;
};
Result<Found> find(store::Tablet& tablet, DeliveryId id);
Result<std::vector<DeliveryId>> list(store::Tablet& tablet, DeliveryId from, std::size_t limit);

Result<std::optional<Backoff>> read_backoff(store::Tablet& tablet, std::string_view destination, store::Tier tier);

/// Nobody is to try the destination yet. A back-off that was written at a time still to come says nothing: the civil
/// clock was set back since.
bool lasts(const Backoff& backoff, WallTime now);

/// Back-offs behind the key `from` that would last, were they not written at a time still to come.
struct Overtaken {
  struct One {
    std::string destination;
    WallTime failed;  ///< what was due then is due, whatever the clock says now
  };
  std::vector<One> all;
  std::string next;  ///< where to go on; empty: it was the last
};
Result<Overtaken> read_overtaken(store::Tablet& tablet, const std::string& from, WallTime now, std::size_t limit);

/// Times from the key `from` to `now`, at most `limit`, and the first one after them.
struct Times {
  struct One {
    std::string key;
    Due due;
  };
  std::vector<One> passed;
  std::optional<std::int64_t> next;
};
Result<Times> read_times(store::Tablet& tablet, const std::string& from, std::int64_t now, std::size_t limit);

/// Events up to `now`, and keys that nobody needs: of events whose entries are gone, and of entries without
/// consignments.
struct Events {
  std::vector<DeliveryId> entries;
  std::unordered_map<std::uint64_t, std::vector<std::string>> passed;  ///< the keys of each of them
  std::vector<std::string> stale;
};
Result<Events> read_events(store::Tablet& tablet, WallTime now, std::size_t limit);

}  // namespace angarium::queue
