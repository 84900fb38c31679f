// What the compression of cold bodies knows beforehand: octets that many bodies of this store have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct ZSTD_CDict_s;
struct ZSTD_DDict_s;

namespace angarium::store {

/// One version of it, ready for use. Immutable; any number of threads may share it.
class Dictionary {
 public:
  Dictionary(std::uint32_t version, std::string octets);
  ~Dictionary();
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;

  /// Grows with each that a store makes, from 1.
  [[nodiscard]] std::uint32_t version() const { return version_; }
  [[nodiscard]] std::string_view octets() const { return octets_; }
  [[nodiscard]] std::uint32_t crc() const { return crc_; }
  [[nodiscard]] const ZSTD_DDict_s* unpacking() const { return unpacking_; }

  /// Beyond it a look-up table costs more of the processor's cache than it saves.
  static constexpr std::size_t kSizeMax = 110u << 10;

 private:
  std::uint32_t version_;
  std::string octets_;
  std::uint32_t crc_;  ///< of the octets
  ZSTD_DDict_s* unpacking_;
};

/// The level of zstd: 9 makes 10 % less of mail for five times the work (docs/decisions/0009).
inline constexpr int kPackLevel = 3;

/// So much of each body tells what bodies have in common: headers, and how texts begin.
inline constexpr std::size_t kSampleMax = 16u << 10;
/// Octets that stand in fewer of the samples never come into a dictionary, which outlives the mail it was made of.
inline constexpr unsigned kSharedBy = 8;
/// How long a run of octets is that has to be shared.
inline constexpr std::size_t kSharedRun = 12;

/// Makes the octets of a dictionary from samples of at most kSampleMax octets; nothing if they have too little in
/// common. Takes a second or two for 8 MiB.
std::optional<std::string> train(std::span<const std::string> samples);

/// Of each sample what kSharedBy of them have, in runs of kSharedRun octets at least.
std::vector<std::string> shared_parts(std::span<const std::string> samples);

/// The form in which the store keeps the dictionary that it uses for what becomes cold: version, moment, CRC, octets.
struct KeptDictionary {
  std::uint32_t version = 0;
  std::int64_t made = 0;  ///< microseconds since 1970
  std::string octets;
  [[nodiscard]] std::string encode() const;
  static std::optional<KeptDictionary> decode(std::string_view octets);
};

}  // namespace angarium::store
