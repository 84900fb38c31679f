#include "store/dictionary.h"

#include <zdict.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "store/octets.h"

namespace angarium::store {
namespace {

/// A dictionary that is no hundredth of what it was made of learns single messages by heart.
constexpr std::size_t kSamplesPerOctet = 32;
constexpr std::size_t kSizeMin = 1u << 10;
/// Fewer have nothing that is worth a dictionary.
constexpr std::size_t kSamplesMin = 64;

/// How many of the samples have a run of octets, by its hash. Each place keeps a tag of its run, so that no two runs
/// count together; where too many meet, the one that the fewest samples had gives way and begins anew. So a run may
/// seem to be in fewer samples than it is, never in more.
class RunCounts {
 public:
  void add(std::uint32_t sample, const char* run) {
    const std::uint64_t hash = hash_of(run);
    const std::uint32_t tag = tag_of(hash);
    const std::span<Place> set = set_of(hash);
    auto place = std::ranges::find_if(set, [&](const Place& p) { return p.count > 0 && p.tag == tag; });
    if (place == set.end()) {
      place = std::ranges::min_element(set, {}, [](const Place& p) { return std::uint32_t{p.count}; });
      *place = Place{tag, 0, 0};
    }
    const std::uint32_t seen = (sample + 1) & kSampleMask;
    if (place->last == seen) return;
    place->last = seen;
    if (place->count < kSharedBy) ++place->count;
  }
  [[nodiscard]] bool shared(const char* run) {
    const std::uint64_t hash = hash_of(run);
    return std::ranges::any_of(set_of(hash),
                               [&](const Place& p) { return p.count >= kSharedBy && p.tag == tag_of(hash); });
  }

 private:
  static constexpr unsigned kBits = 21;  // of sets; four runs in each: more places than octets in 8 MiB of samples
  static constexpr std::size_t kRuns = 4;
  static constexpr std::uint32_t kSampleMask = (1u << 28) - 1;
  struct Place {
    std::uint32_t tag = 0;
    std::uint32_t last : 28 = 0;
    std::uint32_t count : 4 = 0;  ///< up to kSharedBy; 0: nothing is here
  };
  static_assert(kSharedBy < 16);
  static std::uint64_t hash_of(const char* run) {
    static_assert(kSharedRun == 12);
    std::uint64_t hash = load_u64(run) * 0x9E3779B97F4A7C15U;
    hash ^= (hash >> 29) ^ load_u32(run + 8);
    hash *= 0xBF58476D1CE4E5B9U;
    hash = (hash ^ hash >> 31) * 0x94D049BB133111EBU;
    return hash ^ hash >> 32;
  }
  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }
  std::span<Place> set_of(std::uint64_t hash) {
    return std::span(places_).subspan(static_cast<std::size_t>(hash >> (64 - kBits)) * kRuns, kRuns);
  }
  std::vector<Place> places_ = std::vector<Place>(kRuns << kBits);
};

}  // namespace

Dictionary::Dictionary(std::uint32_t version, std::string octets)
    : version_(version),
      octets_(std::move(octets)),
      crc_(crc32c(octets_)),
      unpacking_(ZSTD_createDDict(octets_.data(), octets_.size())) {}

Dictionary::~Dictionary() { ZSTD_freeDDict(unpacking_); }

std::vector<std::string> shared_parts(std::span<const std::string> samples) {
  RunCounts counts;
  for (std::uint32_t i = 0; i < samples.size(); ++i)
    for (std::size_t at = 0; at + kSharedRun <= samples[i].size(); ++at) counts.add(i, samples[i].data() + at);
  std::vector<std::string> parts;
  parts.reserve(samples.size());
  for (const std::string& sample : samples) {
    std::string& part = parts.emplace_back();
    std::size_t until = 0;
    for (std::size_t at = 0; at < sample.size(); ++at) {
      if (at + kSharedRun <= sample.size() && counts.shared(sample.data() + at)) until = at + kSharedRun;
      if (at < until) part.push_back(sample[at]);
    }
  }
  return parts;
}

std::optional<std::string> train(std::span<const std::string> samples) {
  if (samples.size() < kSamplesMin) return std::nullopt;
  std::string all;
  std::vector<std::size_t> sizes;
  for (const std::string& part : shared_parts(samples)) {
    all += part;
    sizes.push_back(part.size());
  }
  const std::size_t capacity = std::min(Dictionary::kSizeMax, all.size() / kSamplesPerOctet);
  if (capacity < kSizeMin) return std::nullopt;
  std::string octets(capacity, '\0');
  const std::size_t size = ZDICT_trainFromBuffer(octets.data(), octets.size(), all.data(), sizes.data(),
                                                 static_cast<unsigned>(sizes.size()));
  if (ZDICT_isError(size) != 0) return std::nullopt;
  octets.resize(size);
  return octets;
}

std::string KeptDictionary::encode() const {
  std::string to(16, '\0');
  store_u32(&to[0], version);
  store_u32(&to[4], crc32c(octets));
  store_u64(&to[8], static_cast<std::uint64_t>(made));
  return to + octets;
}

std::optional<KeptDictionary> KeptDictionary::decode(std::string_view from) {
  if (from.size() < 16) return std::nullopt;
  KeptDictionary kept{load_u32(from.data()), static_cast<std::int64_t>(load_u64(from.data() + 8)),
                      std::string(from.substr(16))};
  if (kept.version == 0 || kept.octets.size() > Dictionary::kSizeMax ||
      load_u32(from.data() + 4) != crc32c(kept.octets))
    return std::nullopt;
  return kept;
}

}  // namespace angarium::store
