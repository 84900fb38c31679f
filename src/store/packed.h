// Compressed bodies, as they lie in cold segments: each chunk of a body is a zstd frame of its own, and an index before
// them says how long each is, so that reading a part costs a part. FORMAT.md draws them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/body.h"
#include "store/dictionary.h"
#include "store/volume.h"

struct ZSTD_CCtx_s;
struct ZSTD_CDict_s;

namespace angarium::store {

/// Octets of the index of a body of so many octets.
std::uint64_t packed_index_size(std::uint64_t length);

/// In front of the dictionary with which the bodies of a cold segment are compressed: behind the segment's header.
struct DictionaryHeader {
  static constexpr std::size_t kSize = 32;
  static constexpr std::uint32_t kMagic = 0x43494441;  // "ADIC"
  std::uint32_t version = 0;
  std::uint32_t length = 0;
  std::uint32_t crc = 0;
  [[nodiscard]] std::array<char, kSize> encode(std::uint32_t salt) const;
  static std::optional<DictionaryHeader> decode(std::string_view octets, std::uint32_t salt);
};

/// The dictionary of a cold segment; kDamaged if none that is whole stands there.
Result<std::shared_ptr<const Dictionary>> read_dictionary(File& file, std::uint32_t salt, Tier tier);

/// Compresses bodies one after the other. One thread.
class Packer {
 public:
  /// Without a dictionary: null.
  explicit Packer(std::shared_ptr<const Dictionary> dictionary);
  ~Packer();
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  void begin();
  /// The next chunk: kChunk octets, of the last one what is left. Gives what is to be stored, until the next call: a
  /// frame, which was unpacked again and compared, or the chunk as it is where a frame would hardly be shorter.
  std::string_view add(std::string_view chunk);
  /// The same of a chunk that no frame would make shorter: it is stored as it is.
  std::string_view add_as_it_is(std::string_view chunk);
  struct Finished {
    std::string head;  ///< the record's header and the index; the frames follow
    std::uint64_t stored = 0;
  };
  /// The head of the record of the body that `ref` names; all its chunks were added.
  [[nodiscard]] Finished finish(const BodyRef& ref, std::uint32_t salt) const;

  [[nodiscard]] const Dictionary* dictionary() const { return dictionary_.get(); }

 private:
  std::string_view enter(std::string_view chunk, std::string_view stored);

  std::shared_ptr<const Dictionary> dictionary_;
  ZSTD_CCtx_s* context_;
  ZSTD_CDict_s* packing_ = nullptr;
  std::string frame_;
  std::string again_;
  std::string entries_;  // of the index
  std::uint64_t frames_ = 0;
};

/// Where a compressed body's record lies.
struct PackedPlace {
  std::uint32_t segment = 0;  ///< for the texts of errors
  std::uint32_t salt = 0;
  std::uint64_t offset = 0;
  std::uint64_t stored = 0;  ///< octets behind the record's header
};

/// Gives the dictionary that the record says it needs.
using DictionarySource = std::function<Result<std::shared_ptr<const Dictionary>>(std::uint32_t version)>;

/// Reads one compressed body. What it hands out was verified by the CRCs of the octets as they were before they were
/// compressed; never more of them than the reference says there are.
class PackedReader {
 public:
  static Result<PackedReader> open(File& file, const PackedPlace& place, const BodyRef& ref, Tier tier,
                                   const DictionarySource& source);
  /// Fills `into` from `offset`.
  Result<> read(std::uint64_t offset, std::span<char> into);
  /// All of it, in order.
  Result<> read_all(const std::function<Result<>(std::string_view)>& visitor);

 private:
  PackedReader(File& file, const PackedPlace& place, const BodyRef& ref, Tier tier)
      : file_(&file), place_(place), ref_(ref), tier_(tier) {}
  Result<> take_head(const DictionarySource& source);
  Result<> take_index(std::string_view index);
  Result<> chunk(std::uint64_t number, std::span<char> into);
  [[nodiscard]] std::uint64_t chunk_length(std::uint64_t number) const;
  [[nodiscard]] std::unexpected<Error> damaged(std::string_view what) const;

  struct Frame {
    std::uint32_t crc = 0;
    std::uint32_t size = 0;
    std::uint64_t offset = 0;  // behind the record's header
  };
  File* file_;
  PackedPlace place_;
  BodyRef ref_;
  Tier tier_;
  std::string read_;  // the record from its header on, as far as it was read at once
  std::vector<Frame> frames_;
  std::shared_ptr<const Dictionary> dictionary_;
  std::string frame_;
};

}  // namespace angarium::store
