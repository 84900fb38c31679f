#include "queue/read.h"

#include <algorithm>
#include <array>

#include "queue/limits.h"
#include "queue/record.h"

namespace angarium::queue {

using store::Step;

Result<DueNow> read_due(store::Tablet& tablet, std::string_view destination, std::int64_t now, std::size_t limit,
                        store::Tier tier) {
  DueNow due;
  const std::string end = rank_key(destination, kHeldRank);
  std::uint8_t rank = 0;
  // From rank to rank: in each the first that is not due ends the walk.
  for (bool more = true; more && rank < kHeldRank && due.places.size() < limit;) {
    more = false;
    const auto visit = [&](std::string_view key, std::string_view /*value*/) {
      const auto place = place_in(key, destination);
      if (!place) return Step::next;
      if (place->due > now) {
        due.next = std::min(due.next.value_or(INT64_MAX), place->due);
        rank = static_cast<std::uint8_t>(place->rank + 1);
        more = true;
        return Step::stop;
      }
      due.places.push_back(*place);
      return due.places.size() < limit ? Step::next : Step::stop;
    };
    TRY(tablet.scan(rank_key(destination, rank), end, {}, visit, {.tier = tier}));
  }
  due.all = due.places.size() < limit;
  return due;
}

Result<Loaded> load(store::Tablet& tablet, const std::string& destination, const Place& place, Count count,
                    store::Tier tier) {
  const std::string consignment = consignment_key(destination, place);
  const std::string entry = entry_key(place.entry);
  const std::array<std::string_view, 2> keys = {consignment, entry};
  const auto values = TRY(tablet.multi_get(keys, {.tier = tier}));
  Loaded loaded;
  if (!values[0]) return loaded;
  loaded.consignment = TRY(decode_consignment(destination, place, *values[0]));
  if (!values[1]) return fail(kDamagedRecord, "the queue owes a message that is not there: " + place.entry.text());
  loaded.entry = std::make_shared<const Entry>(TRY(decode_entry(place.entry, *values[1])));
  if (count == Count::no) return loaded;
  const std::string prefix = whereabouts_prefix(place.entry);
  TRY(tablet.scan(prefix, behind(prefix), {.limit = kCounted + 1},
                  [&](std::string_view, std::string_view) {
                    ++loaded.of_entry;
                    return Step::next;
                  },
                  {.tier = tier}));
  return loaded;
}

Result<bool> has_consignments(store::Tablet& tablet, DeliveryId id) {
  bool has = false;
  const std::string prefix = whereabouts_prefix(id);
  const auto seen = [&](std::string_view, std::string_view) {
    has = true;
    return Step::stop;
  };
  TRY(tablet.scan(prefix, behind(prefix), {.limit = 1}, seen, {}));
  return has;
}

Result<Found> find(store::Tablet& tablet, DeliveryId id) {
  // One moment for all of it.
  const store::ReadView view = TRY(tablet.view(store::Tier::any));
  const store::Reading reading{.view = &view};
  const auto value = TRY(tablet.get(entry_key(id), reading));
  if (!value) return fail(kNotQueued, "nothing of the id " + id.text() + " is in the queue");
  Found found{.entry = std::make_shared<const Entry>(TRY(decode_entry(id, *value))), .consignments = {}};
  struct Where {
    std::string destination;
    Place place;
  };
  std::vector<Where> all;
  Result<> damage;
  const std::string prefix = whereabouts_prefix(id);
  TRY(tablet.scan(
      prefix, behind(prefix), {},
      [&](std::string_view key, std::string_view octets) {
        auto where = whereabouts_in(key);
        auto place = decode_whereabouts(id, where ? where->part : std::uint16_t{0}, octets);
        if (!where || !place) {
          damage = fail(kDamagedRecord, "whereabouts of " + id.text());
          return Step::stop;
        }
        all.push_back({std::move(where->destination), *place});
        return Step::next;
      },
      reading));
  TRY(std::move(damage));
  for (Where& where : all) {
    const auto octets = TRY(tablet.get(consignment_key(where.destination, where.place), reading));
    if (!octets) return fail(kDamagedRecord, "a consignment of " + id.text() + " is not where it should be");
    found.consignments.push_back(TRY(decode_consignment(std::move(where.destination), where.place, *octets)));
  }
  return found;
}

Result<std::vector<DeliveryId>> list(store::Tablet& tablet, DeliveryId from, std::size_t limit) {
  std::vector<DeliveryId> ids;
  const std::string prefix = kind_prefix(RecordKind::entry);
  TRY(tablet.scan(entry_key(from), behind(prefix), {.limit = limit},
                  [&](std::string_view key, std::string_view) {
                    std::uint64_t bits = 0;
                    for (const char c : key.substr(prefix.size())) bits = bits << 8 | static_cast<unsigned char>(c);
                    ids.emplace_back(bits);
                    return Step::next;
                  },
                  {}));
  return ids;
}

Result<std::optional<Backoff>> read_backoff(store::Tablet& tablet, std::string_view destination, store::Tier tier) {
  const auto value = TRY(tablet.get(backoff_key(destination), {.tier = tier}));
  if (!value) return std::optional<Backoff>();
  return std::optional<Backoff>(TRY(decode_backoff(*value)));
}

bool lasts(const Backoff& backoff, WallTime now) {
  return backoff.next > now && backoff.since <= now && backoff.trouble.at <= now;
}

Result<Overtaken> read_overtaken(store::Tablet& tablet, const std::string& from, WallTime now, std::size_t limit) {
  Overtaken overtaken;
  std::size_t seen = 0;
  const std::string prefix = kind_prefix(RecordKind::backoff);
  TRY(tablet.scan(from, behind(prefix), {.limit = limit},
                  [&](std::string_view key, std::string_view value) {
                    ++seen;
                    overtaken.next = std::string(key) + '\0';
                    // One that cannot be read is made anew by the next attempt.
                    const auto backoff = decode_backoff(value);
                    if (!backoff || backoff->next <= now || lasts(*backoff, now)) return Step::next;
                    overtaken.all.push_back({.destination = std::string(key.substr(prefix.size())),
                                             .failed = std::max(backoff->since, backoff->trouble.at)});
                    return Step::next;
                  },
                  {}));
  if (seen < limit) overtaken.next.clear();
  return overtaken;
}

Result<Times> read_times(store::Tablet& tablet, const std::string& from, std::int64_t now, std::size_t limit) {
  Times times;
  TRY(tablet.scan(from, behind(kind_prefix(RecordKind::due)), {},
                  [&](std::string_view key, std::string_view) {
                    auto due = due_in(key);
                    if (!due) return Step::next;
                    if (due->at > now || times.passed.size() == limit) {
                      times.next = due->at;
                      return Step::stop;
                    }
                    times.passed.push_back({std::string(key), *std::move(due)});
                    return Step::next;
                  },
                  {}));
  return times;
}

Result<Events> read_events(store::Tablet& tablet, WallTime now, std::size_t limit) {
  std::vector<std::pair<std::string, DeliveryId>> passed;
  const std::string prefix = kind_prefix(RecordKind::event);
  TRY(tablet.scan(prefix, event_key({now.microseconds + 1}, DeliveryId(0)), {.limit = limit},
                  [&](std::string_view key, std::string_view) {
                    if (const auto event = event_in(key)) passed.emplace_back(key, event->id);
                    return Step::next;
                  },
                  {}));
  Events events;
  for (auto& [key, id] : passed) {
    const bool there = TRY(tablet.get(entry_key(id), {})).has_value();
    if (there && TRY(has_consignments(tablet, id))) {
      std::vector<std::string>& keys = events.passed[id.bits()];
      if (keys.empty()) events.entries.push_back(id);
      keys.push_back(std::move(key));
      continue;
    }
    events.stale.push_back(std::move(key));
    if (there) events.stale.push_back(entry_key(id));
  }
  return events;
}

}  // namespace angarium::queue
