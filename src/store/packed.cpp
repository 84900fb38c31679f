#include "store/packed.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "store/error.h"
#include "store/format.h"
#include "store/octets.h"

namespace angarium::store {
namespace {

constexpr std::size_t kIndexHead = 8;   // the body's own length
constexpr std::size_t kIndexEntry = 8;  // CRC of the chunk, length of its frame
constexpr std::size_t kIndexTail = 8;   // CRC of the index, zeros
/// A frame has to save so much of its chunk, or it is not worth unpacking.
constexpr std::size_t kGainMin = 16;

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

/// Unpacks exactly into.size() octets, or fails. A context takes 160 KiB: one a thread that reads cold mail.
bool unpack(std::string_view frame, std::span<char> into, const Dictionary* dictionary) {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  const std::size_t size =
      dictionary == nullptr ? ZSTD_decompressDCtx(context.get(), into.data(), into.size(), frame.data(), frame.size())
                            : ZSTD_decompress_usingDDict(context.get(), into.data(), into.size(), frame.data(),
                                                         frame.size(), dictionary->unpacking());
  return ZSTD_isError(size) == 0 && size == into.size();
}

}  // namespace

std::uint64_t packed_index_size(std::uint64_t length) {
  return kIndexHead + kIndexEntry * chunk_count(length) + kIndexTail;
}

std::array<char, DictionaryHeader::kSize> DictionaryHeader::encode(std::uint32_t salt) const {
  std::array<char, kSize> to{};
  store_u32(&to[0], kMagic);
  store_u32(&to[4], version);
  store_u32(&to[8], length);
  store_u32(&to[12], crc);
  store_u32(&to[kSize - 4], crc32c({to.data(), kSize - 4}, salt));
  return to;
}

std::optional<DictionaryHeader> DictionaryHeader::decode(std::string_view octets, std::uint32_t salt) {
  if (octets.size() < kSize || load_u32(octets.data()) != kMagic ||
      load_u32(octets.data() + kSize - 4) != crc32c(octets.substr(0, kSize - 4), salt))
    return std::nullopt;
  DictionaryHeader header{load_u32(octets.data() + 4), load_u32(octets.data() + 8), load_u32(octets.data() + 12)};
  if (header.version == 0 || header.length > Dictionary::kSizeMax) return std::nullopt;
  return header;
}

Result<std::shared_ptr<const Dictionary>> read_dictionary(File& file, std::uint32_t salt, Tier tier) {
  std::string octets(DictionaryHeader::kSize, '\0');
  octets.resize(TRY(file.read(SegmentHeader::kSize, octets, tier)));
  const std::optional<DictionaryHeader> header = DictionaryHeader::decode(octets, salt);
  if (!header) return fail(kDamaged, "the header of its dictionary is broken");
  octets.resize(header->length);
  octets.resize(TRY(file.read(SegmentHeader::kSize + DictionaryHeader::kSize, octets, tier)));
  if (octets.size() != header->length || crc32c(octets) != header->crc)
    return fail(kDamaged, "its dictionary does not match its checksum");
  return std::make_shared<const Dictionary>(header->version, std::move(octets));
}

Packer::Packer(std::shared_ptr<const Dictionary> dictionary)
    : dictionary_(std::move(dictionary)), context_(ZSTD_createCCtx()) {
  ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kPackLevel);
  // The store has checksums of its own, and knows which dictionary it is.
  ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 0);
  ZSTD_CCtx_setParameter(context_, ZSTD_c_dictIDFlag, 0);
  if (!dictionary_) return;
  packing_ = ZSTD_createCDict(dictionary_->octets().data(), dictionary_->octets().size(), kPackLevel);
  ZSTD_CCtx_refCDict(context_, packing_);
}

Packer::~Packer() {
  ZSTD_freeCCtx(context_);
  ZSTD_freeCDict(packing_);
}

void Packer::begin() {
  entries_.clear();
  frames_ = 0;
}

std::string_view Packer::add(std::string_view chunk) {
  frame_.resize(ZSTD_compressBound(chunk.size()));
  const std::size_t size = ZSTD_compress2(context_, frame_.data(), frame_.size(), chunk.data(), chunk.size());
  std::string_view stored = chunk;
  if (ZSTD_isError(size) == 0 && size + chunk.size() / kGainMin < chunk.size()) {
    again_.resize(chunk.size());
    const std::string_view frame(frame_.data(), size);
    if (unpack(frame, again_, dictionary_.get()) && again_ == chunk) stored = frame;
  }
  return enter(chunk, stored);
}

std::string_view Packer::add_as_it_is(std::string_view chunk) { return enter(chunk, chunk); }

std::string_view Packer::enter(std::string_view chunk, std::string_view stored) {
  std::array<char, kIndexEntry> entry;
  store_u32(&entry[0], crc32c(chunk));
  store_u32(&entry[4], static_cast<std::uint32_t>(stored.size()));
  entries_.append(entry.data(), entry.size());
  frames_ += stored.size();
  return stored;
}

Packer::Finished Packer::finish(const BodyRef& ref, std::uint32_t salt) const {
  Finished finished;
  std::string index(kIndexHead, '\0');
  store_u64(index.data(), ref.length);
  index += entries_;
  const std::uint32_t crc = crc32c(index);
  index.append(kIndexTail, '\0');
  store_u32(&index[index.size() - kIndexTail], crc);
  finished.stored = index.size() + frames_;
  BodyHeader header{Codec::zstd, ref.key, finished.stored, ref.crc, dictionary_ ? dictionary_->version() : 0};
  const auto octets = header.encode(salt);
  finished.head.assign(octets.data(), octets.size());
  finished.head += index;
  return finished;
}

std::unexpected<Error> PackedReader::damaged(std::string_view what) const {
  return fail(kDamaged, fmt::format("the compressed body at {} of segment {}, known by {} of segment {}: {}",
                                    place_.offset, place_.segment, ref_.offset, ref_.segment, what));
}

std::uint64_t PackedReader::chunk_length(std::uint64_t number) const {
  return std::min(kChunk, ref_.length - number * kChunk);
}

Result<PackedReader> PackedReader::open(File& file, const PackedPlace& place, const BodyRef& ref, Tier tier,
                                        const DictionarySource& source) {
  PackedReader reader(file, place, ref, tier);
  TRY(reader.take_head(source));
  return reader;
}

Result<> PackedReader::take_head(const DictionarySource& source) {
  const std::uint64_t index = packed_index_size(ref_.length);
  // No frame is longer than its chunk.
  if (place_.stored < index || place_.stored - index > ref_.length) return damaged("it is of another length");
  const bool at_once = chunk_count(ref_.length) == 1;
  read_.resize(BodyHeader::kSize + (at_once ? place_.stored : index));
  if (TRY(file_->read(place_.offset, read_, tier_)) != read_.size()) return damaged("the segment ends within it");
  const std::optional<BodyHeader> header = BodyHeader::decode(read_, place_.salt);
  if (!header || header->codec != Codec::zstd) return damaged("its header is broken");
  if (header->length != place_.stored || header->crc != ref_.crc || header->key != ref_.key)
    return damaged("it is another one");
  TRY(take_index(std::string_view(read_).substr(BodyHeader::kSize, index)));
  if (header->dictionary == 0) return {};
  dictionary_ = TRY(source(header->dictionary));
  if (dictionary_->version() != header->dictionary) return damaged("its dictionary is another one");
  return {};
}

Result<> PackedReader::take_index(std::string_view index) {
  const std::size_t tail = index.size() - kIndexTail;
  if (load_u32(index.data() + tail) != crc32c(index.substr(0, tail)) || load_u64(index.data()) != ref_.length ||
      load_u32(index.data() + tail + 4) != 0)
    return damaged("its index does not match its checksum");
  std::uint64_t offset = index.size();
  std::vector<std::uint32_t> sums;
  for (std::size_t at = kIndexHead; at < tail; at += kIndexEntry) {
    Frame frame{load_u32(index.data() + at), load_u32(index.data() + at + 4), offset};
    if (frame.size > chunk_length(frames_.size())) return damaged("a frame is longer than what is in it");
    offset += frame.size;
    sums.push_back(frame.crc);
    frames_.push_back(frame);
  }
  if (offset != place_.stored || ChunkSums::body_crc(sums) != ref_.crc) return damaged("its index is another one's");
  return {};
}

Result<> PackedReader::chunk(std::uint64_t number, std::span<char> into) {
  const Frame& frame = frames_[number];
  const std::uint64_t at = BodyHeader::kSize + frame.offset;
  std::string_view stored;
  if (at + frame.size <= read_.size()) {
    stored = std::string_view(read_).substr(at, frame.size);
  } else {
    frame_.resize(frame.size);
    if (TRY(file_->read(place_.offset + at, frame_, tier_)) != frame_.size())
      return damaged("the segment ends within it");
    stored = frame_;
  }
  if (stored.size() == into.size())
    std::ranges::copy(stored, into.begin());
  else if (!unpack(stored, into, dictionary_.get()))
    return damaged("a frame can't be unpacked");
  if (crc32c({into.data(), into.size()}) != frame.crc) return damaged("it does not match its checksum");
  return {};
}

Result<> PackedReader::read(std::uint64_t offset, std::span<char> into) {
  if (offset > ref_.length || into.size() > ref_.length - offset)
    return fail(kMissing, "a read beyond the end of a body");
  const std::uint64_t end = offset + into.size();
  std::string spare;  // for chunks of which only a part is wanted
  for (std::uint64_t number = offset / kChunk; number * kChunk < end; ++number) {
    const std::uint64_t from = number * kChunk;
    const std::uint64_t to = from + chunk_length(number);
    if (from >= offset && to <= end) {
      TRY(chunk(number, into.subspan(from - offset, to - from)));
      continue;
    }
    spare.resize(to - from);
    TRY(chunk(number, spare));
    const std::uint64_t first = std::max(from, offset);
    std::copy_n(spare.data() + (first - from), std::min(to, end) - first, into.data() + (first - offset));
  }
  return {};
}

Result<> PackedReader::read_all(const std::function<Result<>(std::string_view)>& visitor) {
  std::string octets;
  for (std::uint64_t number = 0; number < frames_.size(); ++number) {
    octets.resize(chunk_length(number));
    TRY(chunk(number, octets));
    if (visitor) TRY(visitor(octets));
  }
  return {};
}

}  // namespace angarium::store
