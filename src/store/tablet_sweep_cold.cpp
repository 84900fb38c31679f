// Cooling: sweeping writes the bodies of old segments compressed.
#include <algorithm>

#include "base/crc32c.h"
#include "base/log.h"
#include "store/batch_access.h"
#include "store/dictionary.h"
#include "store/encrypted.h"
#include "store/tablet_sweep.h"

namespace angarium::store {
namespace {

constexpr std::size_t kPieceOctets = 1u << 20;  ///< of frames, written at once
constexpr std::size_t kSamples = 8u << 20;      ///< octets that a dictionary is made of, and judged by
constexpr std::size_t kSampleCount = 8192;      ///< bodies at most
/// What cools has to be so many times the least that is compressed at all, to say what bodies have in common.
constexpr std::uint64_t kWorthDictionary = 2;
/// A dictionary of the mail of before serves so long; after that the mail of now may have another.
constexpr Duration kDictionaryAge = std::chrono::days(30);
/// A new one has to save so much more, in hundredths: each is in memory as long as a segment needs it.
constexpr std::uint64_t kWorthAnother = 2;

/// What is stored of the samples, compressed with the dictionary that may be null.
std::uint64_t stored_of(const std::vector<std::string>& samples, std::shared_ptr<const Dictionary> dictionary) {
  Packer packer(std::move(dictionary));
  std::uint64_t stored = 0;
  for (std::size_t i = 1; i < samples.size(); i += 2) {
    packer.begin();
    stored += packer.add(samples[i]).size();
  }
  return stored;
}

}  // namespace

/// As they were received: of the living bodies that may become shorter.
std::uint64_t Sweep::octets_to_pack(const Segment& segment) const {
  std::uint64_t octets = 0;
  if (auto living = live_.find(segment.number); living != live_.end())
    for (const Living& body : living->second) octets += is_encrypted(body.ref) ? 0 : body.ref.length;
  return octets;
}

/// Whether its living bodies are compressed when it is rewritten: it is old, and nothing but its bodies is needed.
bool Sweep::packs(const Segment& segment) const {
  if (options_.compress_after.count() <= 0 || octets_to_pack(segment) < options_.compress_min) return false;
  if (segment.kind == SegmentKind::cold) return true;
  if (segment.kind == SegmentKind::log && segment.last > covered_) return false;
  return now_ - segment.created >= options_.compress_after.count();
}

/// Whether there is room for so many octets twice, above the reserve.
Result<bool> Sweep::room_for(std::uint64_t octets) const {
  const Space space = TRY(engine_.volume_->space());
  return engine_.accepting() && space.free > engine_.reserve_of(space) + 2 * octets;
}

/// An image that is wanted only so that bodies may leave the log: without room for it the old one goes on to say what
/// is covered, and what died is swept all the same.
Result<> Sweep::renew_image_for_cooling(std::uint64_t metadata) {
  const std::optional<Segment> image = newest_image(engine_.segments_);
  if (!TRY(room_for(image ? image->size : metadata))) return {};
  Result<> written = engine_.write_image_locked();
  if (written || !written.error().is(kStoreFull)) return written;
  log::notice("store", "no room for an image, so no more of the log is compressed", {});
  return {};
}

/// As rewrite(), within what one run may compress; a segment with damage stays as it is, and holds up no others.
Result<> Sweep::cool(const Segment& victim) {
  const std::uint64_t octets = octets_to_pack(victim);
  cooled_enough_ = cooled_enough_ || (cooled_ > 0 && cooled_ + octets > options_.compress_max);
  if (cooled_enough_) return {};
  // The original is kept for the grace beside its copy: what need not be done now waits for a night with room.
  if (!TRY(room_for(victim.size))) return {};
  Result<> done = rewrite(victim);
  if (done) cooled_ += octets;
  if (done || !done.error().is(kDamaged)) return done;
  log::error("store", "a segment is not compressed, for it is damaged",
             {{"segment", std::uint64_t{victim.number}}, {"error", done.error().text()}});
  return {};
}

/// The dictionary of this run: the one that is kept, or where that is old or there is none, a new one if that does
/// better.
Result<> Sweep::choose_dictionary() {
  std::uint64_t octets = 0;
  for (const std::vector<Segment>* some : {&victims_, &cooling_})
    for (const Segment& victim : *some)
      if (packs(victim)) octets += octets_to_pack(victim);
  if (octets == 0) return {};
  std::optional<KeptDictionary> kept;
  if (const auto value = TRY(engine_.get(kDictionaryKey, {}))) kept = KeptDictionary::decode(*value);
  if (kept) dictionary_ = std::make_shared<const Dictionary>(kept->version, kept->octets);
  // One from the future is of a clock that was wrong.
  const bool serves = kept && kept->made <= now_ && now_ - kept->made < kDictionaryAge.count();
  if (serves || octets < kWorthDictionary * options_.compress_min) return {};
  return keep_better(TRY(take_samples()), kept);
}

/// The beginnings of bodies that are about to be compressed, from all over them.
Result<std::vector<std::string>> Sweep::take_samples() {
  std::vector<const Living*> bodies;
  for (const std::vector<Segment>* some : {&victims_, &cooling_})
    for (const Segment& victim : *some)
      if (packs(victim))
        for (const Living& body : live_[victim.number])
          if (!is_encrypted(body.ref)) bodies.push_back(&body);
  const std::size_t step = std::max<std::size_t>(1, bodies.size() / kSampleCount);
  std::vector<std::string> samples;
  std::size_t octets = 0;
  for (std::size_t i = 0; i < bodies.size() && octets < kSamples; i += step) {
    const BodyRef& ref = bodies[i]->ref;
    std::string sample(std::min<std::uint64_t>(ref.length, kSampleMax), '\0');
    const Result<> read = engine_.read_body(ref, 0, sample, Tier::any);
    if (!read && read.error().is(kDamaged)) continue;  // whoever compresses it reports it
    TRY(read);
    octets += sample.size();
    samples.push_back(std::move(sample));
    TRY(pause_after(samples.back().size()));
  }
  return samples;
}

/// Every other sample makes a dictionary, the rest judges it.
Result<> Sweep::keep_better(const std::vector<std::string>& samples, const std::optional<KeptDictionary>& kept) {
  std::vector<std::string> lesson;
  for (std::size_t i = 0; i < samples.size(); i += 2) lesson.push_back(samples[i]);
  KeptDictionary next{kept ? kept->version + 1 : 1, now_, {}};
  std::shared_ptr<const Dictionary> dictionary;
  if (std::optional<std::string> octets = train(lesson)) {
    next.octets = *std::move(octets);
    dictionary = std::make_shared<const Dictionary>(next.version, next.octets);
  }
  const std::uint64_t before = stored_of(samples, dictionary_);
  if (dictionary && stored_of(samples, dictionary) * 100 < before * (100 - kWorthAnother)) {
    dictionary_ = dictionary;
    log::notice("store", "a new dictionary for cold mail",
                {{"version", std::uint64_t{next.version}}, {"octets", next.octets.size()}});
  } else if (kept) {
    next.version = kept->version;  // looked at again when it is old again
    next.octets = kept->octets;
  } else {
    return {};
  }
  Batch batch;
  BatchAccess::put_own(batch, kDictionaryKey, next.encode());
  return commit(batch);
}

Result<Segment> Sweep::pack_bodies(const Segment& victim, const std::vector<Living>& living,
                                   const Segments::Created& to) {
  moves_.clear();
  std::uint64_t offset = SegmentHeader::kSize;
  if (dictionary_) {
    const std::string_view octets = dictionary_->octets();
    DictionaryHeader header{dictionary_->version(), static_cast<std::uint32_t>(octets.size()), dictionary_->crc()};
    const auto header_octets = header.encode(to.segment.salt);
    const std::array<std::string_view, 2> parts{std::string_view(header_octets.data(), header_octets.size()), octets};
    TRY(to.file->write(offset, parts));
    offset += aligned(DictionaryHeader::kSize + octets.size());
  }
  const std::uint64_t begin = offset;
  std::uint64_t unpacked = 0;
  Packer packer(dictionary_);
  for (const Living& body : living) {
    const std::uint64_t stored = TRY(pack_body(packer, body, to, offset));
    moves_.emplace_back(body.at, Engine::Location{to.segment.number, offset, stored});
    offset += packed_record_size(stored);
    unpacked += body.ref.length;
  }
  Segment segment = TRY(finish(victim, to, offset, offset - begin));
  segment.unpacked = unpacked;
  return segment;
}

/// Writes the frames as they are made, and in front of them, at last, the header and the index. Returns how many octets
/// are stored behind the header.
Result<std::uint64_t> Sweep::pack_body(Packer& packer, const Living& body, const Segments::Created& to,
                                       std::uint64_t offset) {
  const std::uint64_t head = BodyHeader::kSize + packed_index_size(body.ref.length);
  std::uint64_t at = offset + head;
  std::string pending;
  auto write = [&]() -> Result<> {
    TRY(to.file->write(at, pending));
    to.file->start_writing(at, pending.size());
    at += pending.size();
    pending.clear();
    return {};
  };
  packer.begin();
  TRY(engine_.read_whole(body.at, body.ref, [&](std::string_view chunk) -> Result<> {
    pending += is_encrypted(body.ref) ? packer.add_as_it_is(chunk) : packer.add(chunk);
    if (pending.size() >= kPieceOctets) TRY(write());
    return pause_after(chunk.size());  // the work is in what is compressed
  }));
  Packer::Finished finished = packer.finish(body.ref, to.segment.salt);
  pending.resize(pending.size() + aligned(finished.stored) - finished.stored);
  if (at == offset + head) {
    at = offset;
    finished.head += pending;
    pending = std::move(finished.head);
    TRY(write());
    return finished.stored;
  }
  TRY(write());
  TRY(to.file->write(offset, finished.head));
  return finished.stored;
}

}  // namespace angarium::store
