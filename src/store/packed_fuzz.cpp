// Compressed bodies and dictionaries from octets of any kind. The input is a record, with checksums made right so that
// what lies behind them is reached: reading gives the octets that fit the reference's checksum, or kDamaged; and a body
// that is compressed here is read back.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/crc32c.h"
#include "store/error.h"
#include "store/format.h"
#include "store/octets.h"
#include "store/packed.h"
#include "store/volume_memory.h"

using namespace angarium;
using namespace angarium::store;

namespace {

constexpr std::uint32_t kSalt = 77;
constexpr std::uint64_t kLengthMax = 300'000;

void require(bool holds) {
  if (!holds) std::abort();
}

BodyRef ref_of(std::string_view body) {
  BodyRef ref;
  ref.segment = 1;
  ref.length = body.size();
  ChunkSums sums;
  sums.add(body);
  ref.crc = ChunkSums::body_crc(sums.finish());
  return ref;
}

std::unique_ptr<File> file_of(std::string octets) {
  auto disk = std::make_shared<MemoryDisk>();
  disk->files["segment.00000001"] = std::make_shared<MemoryDisk::Content>(std::move(octets));
  return open_memory_volume(disk).value()->open("segment.00000001", Opening::existing).value();
}

Result<std::string> read(File& file, std::uint64_t offset, std::uint64_t stored, const BodyRef& ref) {
  auto source = [&](std::uint32_t) { return read_dictionary(file, kSalt, Tier::any); };
  PackedReader reader = TRY(PackedReader::open(file, {1, kSalt, offset, stored}, ref, Tier::any, source));
  std::string body(ref.length, '\0');
  TRY(reader.read(0, body));
  std::string again;
  TRY(reader.read_all([&](std::string_view octets) -> Result<> {
    again += octets;
    return {};
  }));
  require(again == body);
  return body;
}

/// The input as a segment: a dictionary, then a record whose index and frames are the input's.
void check_record(std::string_view input) {
  if (input.size() < 16) return;
  const std::uint64_t length = load_u32(input.data()) % kLengthMax;
  const std::size_t dictionary = std::min<std::size_t>(input.size() - 16, load_u32(input.data() + 4) % 4096);
  BodyRef ref;
  ref.segment = 1;
  ref.length = length;
  std::string_view rest = input.substr(8);
  std::string segment(SegmentHeader::kSize, '.');
  const std::string_view words = rest.substr(0, dictionary);
  rest.remove_prefix(dictionary);
  const auto head = DictionaryHeader{1, static_cast<std::uint32_t>(words.size()), crc32c(words)}.encode(kSalt);
  segment.append(head.data(), head.size());
  segment += words;
  segment.resize(aligned(segment.size()));
  const std::uint64_t offset = segment.size();
  std::string stored(rest);
  const std::uint64_t index = packed_index_size(length);
  if (stored.size() >= index) {
    store_u64(stored.data(), length);
    std::vector<std::uint32_t> sums;
    for (std::uint64_t at = 8; at + 8 < index; at += 8) sums.push_back(load_u32(stored.data() + at));
    ref.crc = ChunkSums::body_crc(sums);
    store_u32(stored.data() + index - 8, crc32c(std::string_view(stored).substr(0, index - 8)));
  }
  BodyHeader header{Codec::zstd, 0, stored.size(), ref.crc, input[0] % 2 == 0 ? 1U : 0U};
  const auto octets = header.encode(kSalt);
  segment.append(octets.data(), octets.size());
  segment += stored;
  const auto file = file_of(segment);
  const Result<std::string> body = read(*file, offset, stored.size(), ref);
  if (body) require(ref_of(*body).crc == ref.crc);
  if (!body) require(body.error().is(kDamaged));
  (void)read_dictionary(*file_of(std::string(SegmentHeader::kSize, '.') + std::string(input)), kSalt, Tier::any);
  (void)KeptDictionary::decode(input);
}

/// The input as a body.
void check_body(std::string_view input) {
  std::string body;
  const std::size_t times = input.empty() ? 1 : 1 + static_cast<unsigned char>(input.front());
  for (std::size_t i = 0; i < times && body.size() < kLengthMax; ++i) body += input;
  const std::string_view words = input.substr(0, std::min<std::size_t>(input.size(), 500));
  auto dictionary = words.size() % 2 == 0 ? nullptr : std::make_shared<const Dictionary>(1, std::string(words));
  Packer packer(dictionary);
  packer.begin();
  std::string frames;
  for (std::size_t at = 0; at == 0 || at < body.size(); at += kChunk)
    frames += packer.add(std::string_view(body).substr(at, kChunk));
  const BodyRef ref = ref_of(body);
  const Packer::Finished finished = packer.finish(ref, kSalt);
  std::string segment(SegmentHeader::kSize, '.');
  const auto head = DictionaryHeader{1, static_cast<std::uint32_t>(words.size()), crc32c(words)}.encode(kSalt);
  segment.append(head.data(), head.size());
  segment += words;
  segment.resize(aligned(segment.size()));
  const std::uint64_t offset = segment.size();
  const Result<std::string> again = read(*file_of(segment + finished.head + frames), offset, finished.stored, ref);
  require(again && *again == body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  check_record(octets);
  check_body(octets);
  return 0;
}
