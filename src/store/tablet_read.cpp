#include <fmt/format.h>

#include <algorithm>

#include "store/encrypted.h"
#include "store/keys.h"
#include "store/tablet_engine.h"

namespace angarium::store {
namespace {

constexpr char kFirst = static_cast<char>(kFirstApplicationByte);

/// A view and the state it is of, which lives as long.
class HeldView final : public ReadView::Body {
 public:
  HeldView(std::shared_ptr<State> state, ReadView view) : of(std::move(state)), inner(std::move(view)) {}
  std::shared_ptr<State> of;
  ReadView inner;  // goes first
};

}  // namespace

Result<std::shared_ptr<State>> Engine::shown_state() const {
  std::lock_guard lock(state_mutex_);
  if (!state_) return fail(kStopped, "the store is being opened again");
  return state_;
}

Result<std::shared_ptr<State>> Engine::state(Tier tier) {
  if (lagging_.load(std::memory_order_acquire)) {
    if (tier == Tier::memory) return fail(kWouldBlock, "the state is about to get what was answered");
    TRY(catch_up());
  }
  return shown_state();
}

/// While it lags, the committer changes neither the group nor the state.
Result<> Engine::catch_up() noexcept {
  std::lock_guard lock(lag_mutex_);
  if (!lagging_.load(std::memory_order_acquire)) return {};
  if (could_not_follow_) return fail(kStopped, could_not_follow_->text());
  const Result<std::shared_ptr<State>> state = shown_state();
  const Result<> applied = state ? (*state)->apply(builder_.operations(), end_) : std::unexpected(state.error());
  if (!applied) {
    could_not_follow_ = applied.error();
    return fail(kStopped, applied.error().text());
  }
  lagging_.store(false, std::memory_order_release);
  return {};
}

Result<std::shared_ptr<State>> Engine::state_for(Reading& reading, ReadView& inner) {
  if (reading.view == nullptr || reading.view->body() == nullptr) return state(reading.tier);
  std::shared_ptr<State> state = TRY(shown_state());
  const auto& held = static_cast<const HeldView&>(*reading.view->body());
  if (held.of != state) return fail(kStopped, "the store was opened again since this view was taken");
  inner = held.inner;
  reading.view = &inner;
  return state;
}

Result<std::optional<std::string>> Engine::get(std::string_view key, Reading reading) {
  ReadView inner;
  return TRY(state_for(reading, inner))->get(key, reading);
}

Result<std::vector<std::optional<std::string>>> Engine::multi_get(std::span<const std::string_view> keys,
                                                                  Reading reading) {
  ReadView inner;
  return TRY(state_for(reading, inner))->multi_get(keys, reading);
}

Result<> Engine::scan(std::string_view from, std::string_view to, const ScanOptions& options, const Visitor& visitor,
                      Reading reading) {
  std::string_view first(&kFirst, 1);  // the store's own keys come before
  ReadView inner;
  return TRY(state_for(reading, inner))->scan(std::max(from, first), to, options, visitor, reading);
}

Result<ReadView> Engine::view(Tier tier) {
  std::shared_ptr<State> now = TRY(state(tier));
  ReadView inner = now->view();
  return ReadView(std::make_shared<HeldView>(std::move(now), std::move(inner)));
}

Result<Engine::Location> Engine::locate(const BodyRef& ref, Tier tier) {
  constexpr int kMovesMax = 64;  // sweeping shortens the chains, so they stay far below
  Location at{ref.segment, ref.offset};
  for (int moves = 0; moves < kMovesMax; ++moves) {
    std::optional<Segment> segment = segments_.find(at.segment);
    if (segment && segment->phase != Phase::retired) return at;
    std::optional<std::string> moved = TRY(get(relocation_key(at.segment, at.offset), {nullptr, tier}));
    std::optional<Location> next = moved ? Location::decode(*moved) : std::nullopt;
    if (!next && segment) return at;  // dead, within its grace
    if (!next) return fail(kMissing, "the body was swept away");
    at = *next;
  }
  return fail(kDamaged, "the body was moved too often");
}

std::string Engine::Location::encode() const {
  KeyWriter writer;
  writer.u32(segment).u64(offset);
  if (stored > 0) writer.u64(stored);
  return std::move(writer).key();
}

std::optional<Engine::Location> Engine::Location::decode(std::string_view octets) {
  KeyReader reader(octets);
  Location at{reader.u32(), reader.u64()};
  constexpr std::size_t kPlain = 12;
  if (octets.size() > kPlain) at.stored = reader.u64();
  if (!reader.done()) return std::nullopt;
  return at;
}

Result<> Engine::read_body(const BodyRef& ref, std::uint64_t offset, std::span<char> into, Tier tier) {
  if (ref.codec != Codec::none || ref.key > kEncryptedAbove)
    return fail(kFormat, "the body is coded in a way this program does not know");
  Location location = TRY(locate(ref, tier));
  // Unpacking a chunk takes an event loop 0.1 ms; more is work for a thread that may wait.
  if (location.stored > 0 && tier == Tier::memory && ref.length > kChunk)
    return fail(kWouldBlock, "a long body has to be unpacked");
  std::shared_ptr<File> file = TRY(segments_.file(location.segment));
  if (location.stored > 0) {
    PackedReader packed = TRY(open_packed(location, *file, ref, tier));
    return packed.read(offset, into);
  }
  return read_body_record(*file, location.offset, ref, offset, into, tier);
}

Result<PackedReader> Engine::open_packed(const Location& at, File& file, const BodyRef& ref, Tier tier) {
  const std::optional<Segment> segment = segments_.find(at.segment);
  if (!segment) return fail(kMissing, "the body was swept away");
  return PackedReader::open(file, {at.segment, segment->salt, at.offset, at.stored}, ref, tier,
                            [&](std::uint32_t) { return dictionary_of(at.segment, file, tier); });
}

Result<> Engine::read_whole(const Location& at, const BodyRef& ref,
                            const std::function<Result<>(std::string_view)>& visitor) {
  std::shared_ptr<File> file = TRY(segments_.file(at.segment));
  if (at.stored == 0) return verify_body_record(*file, at.offset, ref, visitor);
  PackedReader packed = TRY(open_packed(at, *file, ref, Tier::any));
  return packed.read_all(visitor);
}

/// All dictionaries that differ are in memory at once: a store makes one in a month at most, of 110 KiB.
Result<std::shared_ptr<const Dictionary>> Engine::dictionary_of(std::uint32_t number, File& file, Tier tier) {
  constexpr std::size_t kSegmentsMax = 4096;  // a bound for the map; what is forgotten is read again
  {
    std::lock_guard lock(dictionaries_mutex_);
    if (auto known = dictionaries_.find(number); known != dictionaries_.end()) return known->second;
  }
  const std::optional<Segment> segment = segments_.find(number);
  if (!segment) return fail(kMissing, "the body was swept away");
  Result<std::shared_ptr<const Dictionary>> read = read_dictionary(file, segment->salt, tier);
  if (!read && read.error().is(kDamaged))
    return fail(kDamaged, fmt::format("segment {}: {}", number, read.error().text()));
  std::shared_ptr<const Dictionary> dictionary = TRY(std::move(read));
  std::lock_guard lock(dictionaries_mutex_);
  if (dictionaries_.size() >= kSegmentsMax) dictionaries_.clear();
  const auto same = std::ranges::find_if(dictionaries_, [&](const auto& entry) {
    const Dictionary& known = *entry.second;
    return known.version() == dictionary->version() && known.crc() == dictionary->crc() &&
           known.octets() == dictionary->octets();
  });
  if (same != dictionaries_.end()) dictionary = same->second;
  dictionaries_[number] = dictionary;
  return dictionary;
}

}  // namespace angarium::store
