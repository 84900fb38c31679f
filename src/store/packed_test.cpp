// One compressed body: what is no record of the body that the reference names is an error, and nothing is unpacked
// beyond what the reference says.
#include <zstd.h>

#include "base/crc32c.h"
#include "store/error.h"
#include "store/format.h"
#include "store/octets.h"
#include "store/packed.h"
#include "store/volume_memory.h"
#include "support/test.h"

namespace angarium::store {
namespace {

constexpr std::uint32_t kSalt = 7;

/// A record of this body as the store writes it, and how it is read.
struct Record {
  explicit Record(std::string_view body) {
    ref.segment = 3;
    ref.offset = 1000;
    ref.length = body.size();
    ChunkSums sums;
    sums.add(body);
    ref.crc = ChunkSums::body_crc(sums.finish());
    Packer packer(nullptr);
    packer.begin();
    std::string frames;
    for (std::size_t at = 0; at == 0 || at < body.size(); at += kChunk) frames += packer.add(body.substr(at, kChunk));
    const Packer::Finished finished = packer.finish(ref, kSalt);
    octets = finished.head + frames;
    stored = finished.stored;
  }

  [[nodiscard]] std::string_view index() const {
    return std::string_view(octets).substr(BodyHeader::kSize, packed_index_size(ref.length));
  }
  /// Makes the CRCs right again after a change.
  void seal() {
    char* const begin = octets.data() + BodyHeader::kSize;
    const std::size_t tail = index().size() - 8;
    store_u32(begin + tail, crc32c(index().substr(0, tail)));
    store_u32(octets.data() + BodyHeader::kSize - 4, crc32c({octets.data(), BodyHeader::kSize - 4}, kSalt));
  }

  Result<std::string> read() {
    auto disk = std::make_shared<MemoryDisk>();
    disk->files["segment.00000001"] = std::make_shared<MemoryDisk::Content>(octets);
    auto volume = TRY(open_memory_volume(disk));
    auto file = TRY(volume->open("segment.00000001", Opening::existing));
    auto none = [](std::uint32_t) -> Result<std::shared_ptr<const Dictionary>> { return fail(kDamaged, "none"); };
    PackedReader reader = TRY(PackedReader::open(*file, {1, kSalt, 0, stored}, ref, Tier::any, none));
    std::string body(ref.length, '\0');
    TRY(reader.read(0, body));
    return body;
  }

  BodyRef ref;
  std::string octets;
  std::uint64_t stored = 0;
};

}  // namespace

TEST_CASE("a frame that holds more than the reference says is never unpacked beyond it") {
  const std::string body(5000, 'x');
  Record record(body);
  REQUIRE(record.read().value() == body);
  const std::string zeros(10u << 20, '\0');  // in a few octets
  std::string bomb(ZSTD_compressBound(zeros.size()), '\0');
  bomb.resize(ZSTD_compress(bomb.data(), bomb.size(), zeros.data(), zeros.size(), 3));
  REQUIRE(bomb.size() < 5000);
  record.octets.resize(BodyHeader::kSize + record.index().size());
  record.octets += bomb;
  record.stored = record.index().size() + bomb.size();
  store_u32(record.octets.data() + BodyHeader::kSize + 12, static_cast<std::uint32_t>(bomb.size()));
  store_u64(record.octets.data() + 16, record.stored);
  record.seal();
  const auto read = record.read();
  REQUIRE(!read);
  CHECK(read.error().is(kDamaged));
  CHECK(read.error().text().find("segment 1") != std::string::npos);
}

TEST_CASE("any octet of a record that is another gives kDamaged, or the body") {
  std::string body;
  for (int i = 0; body.size() < kChunk + 3000; ++i) body += "line " + std::to_string(i * 7919) + " of it\r\n";
  const Record whole(body);
  REQUIRE(Record(whole).read().value() == body);
  for (std::size_t at = 0; at < whole.octets.size(); at += at < 200 ? 1 : 13) {
    Record record(whole);
    record.octets[at] = static_cast<char>(record.octets[at] ^ (1 << at % 8));
    CAPTURE(at);
    for (const bool sealed : {false, true}) {
      if (sealed) record.seal();
      const auto read = record.read();
      if (read) CHECK(*read == body);
      if (!read) CHECK(read.error().is(kDamaged));
    }
  }
  for (std::size_t length = 0; length < whole.octets.size(); length += 101) {
    Record record(whole);
    record.octets.resize(length);
    CHECK(record.read().error().is(kDamaged));
  }
}

TEST_CASE("a record of another body is refused, whatever its place says") {
  Record record(std::string(300, 'a'));
  const Record other(std::string(300, 'b'));
  record.ref = other.ref;
  CHECK(record.read().error().is(kDamaged));
  Record longer(std::string(300, 'a'));
  longer.ref.length = 301;
  CHECK(longer.read().error().is(kDamaged));
  Record place(std::string(300, 'a'));
  ++place.stored;
  CHECK(place.read().error().is(kDamaged));
}

TEST_CASE("a dictionary that is not whole is kDamaged") {
  const DictionaryHeader header{4, 10, crc32c("0123456789")};
  const auto octets = header.encode(kSalt);
  const std::string good =
      std::string(SegmentHeader::kSize, '.') + std::string(octets.data(), octets.size()) + "0123456789";
  auto read = [](const std::string& segment) -> Result<std::uint32_t> {
    auto disk = std::make_shared<MemoryDisk>();
    disk->files["segment.00000001"] = std::make_shared<MemoryDisk::Content>(segment);
    auto volume = TRY(open_memory_volume(disk));
    auto file = TRY(volume->open("segment.00000001", Opening::existing));
    return TRY(read_dictionary(*file, kSalt, Tier::any))->version();
  };
  CHECK(read(good).value() == 4);
  for (std::size_t at = SegmentHeader::kSize; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    CHECK(read(bad).error().is(kDamaged));
    CHECK(read(good.substr(0, at)).error().is(kDamaged));
  }
}

TEST_CASE("what is kept of a dictionary is read as it was written, or not at all") {
  const KeptDictionary kept{3, -5, "octets"};
  const auto read = KeptDictionary::decode(kept.encode());
  REQUIRE(read);
  CHECK(read->version == 3);
  CHECK(read->made == -5);
  CHECK(read->octets == "octets");
  const std::string octets = kept.encode();
  for (std::size_t cut = 0; cut < octets.size(); ++cut) CHECK(!KeptDictionary::decode(octets.substr(0, cut)));
  std::string flipped = octets;
  flipped.back() ^= 1;
  CHECK(!KeptDictionary::decode(flipped));
  CHECK(!KeptDictionary::decode(KeptDictionary{1, 0, std::string(Dictionary::kSizeMax + 1, 'x')}.encode()));
}

}  // namespace angarium::store
