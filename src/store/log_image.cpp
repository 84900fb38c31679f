#include "store/log_image.h"

#include <fmt/format.h>

#include "base/crc32c.h"
#include "store/octets.h"

namespace angarium::store {
namespace {

constexpr std::size_t kPiece = 1u << 20;
/// A piece ends with the first put beyond kPiece, so it is never longer than this.
constexpr std::size_t kPieceMax = kPiece + kKeyMax + kValueMax + 64;

class ImageWriter {
 public:
  ImageWriter(File& file, std::uint32_t salt) : file_(file), salt_(salt) {}

  Result<> add(std::string_view key, std::string_view value) {
    piece_.push_back(static_cast<char>(OperationKind::put));
    append_varint(piece_, key.size());
    piece_.append(key);
    append_varint(piece_, value.size());
    piece_.append(value);
    return piece_.size() < kPiece ? Result<>() : write();
  }

  /// Writes the rest and the empty piece that closes the image. Returns the image's end.
  Result<std::uint64_t> finish() {
    if (!piece_.empty()) TRY(write());
    TRY(write());
    TRY(file_.sync());
    return offset_;
  }

 private:
  Result<> write() {
    ImageHeader header{static_cast<std::uint32_t>(piece_.size()), crc32c(piece_), index_++};
    auto octets = header.encode(salt_);
    std::uint64_t length = ImageHeader::kSize + aligned(piece_.size());
    piece_.resize(length - ImageHeader::kSize);
    std::array<std::string_view, 2> parts{std::string_view(octets.data(), octets.size()), piece_};
    TRY(file_.write(offset_, parts));
    file_.start_writing(offset_, length);
    offset_ += length;
    piece_.clear();
    return {};
  }

  File& file_;
  std::uint32_t salt_;
  std::uint64_t offset_ = SegmentHeader::kSize;
  std::uint64_t index_ = 0;
  std::string piece_;
};

}  // namespace

std::optional<Segment> newest_image(const Segments& segments) {
  std::optional<Segment> newest;
  for (const Segment& segment : segments.all())
    if (segment.kind == SegmentKind::image && segment.phase == Phase::sealed &&
        (!newest || segment.last > newest->last))
      newest = segment;
  return newest;
}

Result<Segment> write_image(State& state, const ReadView& view, File& file, Segment segment) {
  Reading reading{&view, Tier::any};
  std::optional<std::string> applied = TRY(state.get(kAppliedKey, reading));
  std::optional<LogPosition> position = applied ? LogPosition::decode(*applied) : LogPosition{};
  if (!position) return fail(kDamaged, "the state's position is malformed");
  ImageWriter writer(file, segment.salt);
  Result<> added;
  TRY(state.scan(
      {}, {}, {},
      [&](std::string_view key, std::string_view value) {
        if (key != kAppliedKey) added = writer.add(key, value);
        return added ? Step::next : Step::stop;
      },
      reading));
  TRY(added);
  segment.size = TRY(writer.finish());
  segment.phase = Phase::sealed;
  segment.last = position->sequence;
  segment.chain = position->chain;
  return segment;
}

Result<> read_image(File& file, const Segment& segment, const std::function<Result<>(std::string_view)>& visitor) {
  std::uint64_t offset = SegmentHeader::kSize;
  std::string octets(ImageHeader::kSize, '\0');
  std::string piece;
  for (std::uint64_t index = 0;; ++index) {
    std::unexpected<Error> damaged =
        fail(kDamaged, fmt::format("the image in segment {} is broken at {}", segment.number, offset));
    octets.resize(ImageHeader::kSize);
    octets.resize(TRY(file.read(offset, octets)));
    std::optional<ImageHeader> header = ImageHeader::decode(octets, segment.salt);
    if (!header || header->index != index || header->length > kPieceMax) return damaged;
    if (header->length == 0) return {};
    piece.resize(header->length);
    if (TRY(file.read(offset + ImageHeader::kSize, piece)) != piece.size() || crc32c(piece) != header->crc)
      return damaged;
    TRY(visitor(piece));
    offset += ImageHeader::kSize + aligned(header->length);
  }
}

Result<> load_image(Segments& segments, const Segment& image, State& state) {
  std::shared_ptr<File> file = TRY(segments.file(image.number));
  TRY(read_image(*file, image,
                 [&](std::string_view operations) { return state.apply({&operations, 1}, LogPosition{}); }));
  return state.apply({}, LogPosition{image.last, 0, 0, image.chain});
}

}  // namespace angarium::store
