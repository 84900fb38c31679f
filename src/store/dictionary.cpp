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

/// How many of the samples have a run of octets, by its hash. Two runs that meet in one place count together, and so
/// seem to be in more samples than they are: seldom, as there are more places than octets in 8 MiB of samples that
/// differ.
class RunCounts {
 public:
  void add(std::uint32_t sample, const char* run) {
    Place& place = places_[place_of(run)];
    if (place.last == sample + 1) return;
    place.last = sample + 1;
    ++place.count;
  }
  [[nodiscard]] bool shared(const char* run) const { return places_[place_of(run)].count >= kSharedBy; }

 private:
  static constexpr unsigned kBits = 23;
  static std::size_t place_of(const char* run) {
    static_assert(kSharedRun == 12);
    std::uint64_t hash = load_u64(run) * 0x9E3779B97F4A7C15U;
    hash ^= (hash >> 29) ^ load_u32(run + 8);
    hash *= 0xBF58476D1CE4E5B9U;
    return (hash ^ hash >> 31) * 0x94D049BB133111EBU >> (64 - kBits);
  }
  struct Place {
    std::uint32_t last = 0;
    std::uint32_t count = 0;
  };
  std::vector<Place> places_ = std::vector<Place>(std::size_t{1} << kBits);
};

}  // namespace

Dictionary::Dictionary(std::uint32_t version, std::string octets)
    : version_(version), octets_(std::move(octets)), unpacking_(ZSTD_createDDict(octets_.data(), octets_.size())) {}

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
