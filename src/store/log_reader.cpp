#include "store/log_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crc32c.h"
#include "store/octets.h"

namespace angarium::store {

Result<std::string_view> GroupReader::window(std::uint64_t offset, std::uint64_t length) {
  bool inside = offset >= buffer_at_ && offset + length <= buffer_at_ + buffer_.size();
  if (!inside) {
    buffer_.resize(std::max(kWindow, length));
    buffer_at_ = offset;
    buffer_.resize(TRY(file_.read(offset, {buffer_.data(), buffer_.size()})));
  }
  std::string_view all(buffer_);
  all.remove_prefix(offset - buffer_at_);
  return all.substr(0, length);
}

Result<std::optional<GroupReader::Group>> GroupReader::next() {
  std::optional<GroupHeader> header = GroupHeader::decode(TRY(window(offset_, GroupHeader::kSize)), salt_);
  if (!header) return std::nullopt;
  // A header is trusted: its CRC is salted. Its lengths still may reach beyond what is there, when the rest was never
  // written.
  std::uint64_t size = TRY(file_.size());
  Group group{*header, offset_, {}, false};
  if (offset_ + GroupHeader::kSize + header->metadata_length > size) return group;
  group.metadata = TRY(window(offset_ + GroupHeader::kSize, header->metadata_length));
  group.whole = group.metadata.size() == header->metadata_length && crc32c(group.metadata) == header->metadata_crc;
  if (group.whole) offset_ += header->length();
  return group;
}

Result<> read_body_headers(File& file, std::uint32_t salt, std::uint64_t offset, const GroupHeader& group,
                           const std::function<Result<>(const BodyAt&)>& visitor) {
  std::uint64_t at = offset + GroupHeader::kSize + aligned(group.metadata_length);
  std::uint64_t end = at + group.bodies_length;
  std::uint32_t crc = 0;
  for (std::uint32_t i = 0; i < group.bodies; ++i) {
    std::array<char, BodyHeader::kSize> octets;
    std::size_t got = TRY(file.read(at, {octets.data(), octets.size()}));
    std::optional<BodyHeader> header = BodyHeader::decode({octets.data(), got}, salt);
    if (!header || header->codec != Codec::none || header->length > end - at ||
        body_record_size(header->length) > end - at)
      return fail(kDamaged, fmt::format("the header of the body at {} is broken", at));
    crc = crc32c({octets.data(), octets.size()}, crc);
    TRY(visitor({at, *header}));
    at += body_record_size(header->length);
  }
  if (crc != group.bodies_crc || at != end)
    return fail(kDamaged, fmt::format("the bodies of the group at {} are not those it was written with", offset));
  return {};
}

namespace {

std::unexpected<Error> damaged_body(const BodyRef& ref) {
  return fail(kDamaged,
              fmt::format("the body at {} of segment {} does not match its checksum", ref.offset, ref.segment));
}

Result<> read_exactly(File& file, std::uint64_t offset, std::span<char> into, Tier tier, const BodyRef& ref) {
  if (TRY(file.read(offset, into, tier)) != into.size()) return damaged_body(ref);
  return {};
}

/// The CRCs of the chunks [first, first + count), from a list that was verified as a whole.
Result<std::vector<std::uint32_t>> read_chunk_list(File& file, std::uint64_t record, const BodyRef& ref, Tier tier) {
  std::vector<std::uint32_t> list(chunk_count(ref.length));
  if (list.size() == 1) {
    list[0] = ref.crc;
    return list;
  }
  std::span<char> octets(reinterpret_cast<char*>(list.data()), list.size() * sizeof(std::uint32_t));
  TRY(read_exactly(file, record + BodyHeader::kSize + ref.length, octets, tier, ref));
  if (ChunkSums::body_crc(list) != ref.crc) return damaged_body(ref);
  return list;
}

}  // namespace

Result<> read_body_record(File& file, std::uint64_t record, const BodyRef& ref, std::uint64_t offset,
                          std::span<char> into, Tier tier) {
  if (offset > ref.length || into.size() > ref.length - offset)
    return fail(kMissing, "a read beyond the end of a body");
  std::vector<std::uint32_t> list = TRY(read_chunk_list(file, record, ref, tier));
  std::uint64_t octets_at = record + BodyHeader::kSize;
  std::uint64_t end = offset + into.size();
  std::string spare;  // for chunks of which only a part is wanted
  // An empty body or read has nothing to hand out, and nothing to verify.
  for (std::uint64_t chunk = offset / kChunk; chunk * kChunk < end; ++chunk) {
    std::uint64_t from = chunk * kChunk;
    std::uint64_t to = std::min(from + kChunk, ref.length);
    bool whole = from >= offset && to <= end;
    std::span<char> target = whole ? into.subspan(from - offset, to - from) : std::span<char>();
    if (!whole) {
      spare.resize(to - from);
      target = spare;
    }
    TRY(read_exactly(file, octets_at + from, target, tier, ref));
    if (crc32c({target.data(), target.size()}) != list[chunk]) return damaged_body(ref);
    if (whole) continue;
    std::uint64_t first = std::max(from, offset);
    std::uint64_t last = std::min(to, end);
    std::copy_n(spare.data() + (first - from), last - first, into.data() + (first - offset));
  }
  return {};
}

Result<> verify_body_record(File& file, std::uint64_t record, const BodyRef& ref,
                            const std::function<Result<>(std::string_view)>& visitor) {
  std::vector<std::uint32_t> list = TRY(read_chunk_list(file, record, ref, Tier::any));
  std::string buffer;
  for (std::uint64_t chunk = 0; chunk < list.size(); ++chunk) {
    std::uint64_t from = chunk * kChunk;
    buffer.resize(std::min(kChunk, ref.length - from));
    TRY(read_exactly(file, record + BodyHeader::kSize + from, buffer, Tier::any, ref));
    if (crc32c(buffer) != list[chunk]) return damaged_body(ref);
    if (visitor) TRY(visitor(buffer));
  }
  return {};
}

Result<bool> written_at(File& file, std::uint64_t offset) {
  std::string header(GroupHeader::kSize, '\0');
  header.resize(TRY(file.read(offset, header)));
  return header.find_first_not_of('\0') != header.npos;
}

Result<bool> later_group_exists(File& file, std::uint32_t salt, std::uint64_t offset, std::uint64_t sequence) {
  constexpr std::uint64_t kStep = 1u << 20;
  std::uint64_t size = TRY(file.size());
  std::string buffer(std::min(kStep, size - std::min(size, offset)) + GroupHeader::kSize, '\0');
  for (std::uint64_t at = offset; at < size; at += kStep) {
    std::size_t got = TRY(file.read(at, buffer));
    for (std::size_t i = 0; i < kStep && i + GroupHeader::kSize <= got; i += kAlignment) {
      if (load_u32(buffer.data() + i) != GroupHeader::kMagic) continue;
      std::optional<GroupHeader> header = GroupHeader::decode({buffer.data() + i, GroupHeader::kSize}, salt);
      if (header && header->sequence > sequence) return true;
    }
  }
  return false;
}

}  // namespace angarium::store
