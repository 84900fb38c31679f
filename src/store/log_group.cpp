#include "store/log_group.h"

#include "base/crc32c.h"
#include "store/batch_access.h"
#include "store/octets.h"

namespace angarium::store {
namespace {

constexpr std::array<char, kAlignment> kPadding{};

std::string_view padding(std::uint64_t length) { return {kPadding.data(), aligned(length) - length}; }

std::uint64_t varint_size(std::uint64_t value) {
  std::uint64_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

}  // namespace

void GroupBuilder::clear() {
  batches_.clear();
  metadata_length_ = bodies_length_ = 0;
  bodies_ = 0;
}

void GroupBuilder::add(Batch& batch) {
  batches_.push_back(&batch);
  metadata_length_ += varint_size(batch.metadata_size()) + batch.metadata_size();
  for (const auto& body : BatchAccess::bodies(batch)) bodies_length_ += body_record_size(body.ref.length);
  bodies_ += static_cast<std::uint32_t>(batch.body_count());
}

void GroupBuilder::place_bodies(Batch& batch, const Place& place, std::uint64_t& offset) {
  for (auto& body : BatchAccess::bodies(batch)) {
    body.ref.segment = place.segment;
    body.ref.offset = offset;
    offset += body_record_size(body.ref.length);
    BodyHeader header{body.ref.codec, body.ref.key, body.ref.length, body.ref.crc};
    body_headers_.push_back(header.encode(place.salt));
    parts_.emplace_back(body_headers_.back().data(), BodyHeader::kSize);
    parts_.insert(parts_.end(), body.spans.begin(), body.spans.end());
    std::uint64_t list = chunk_list_size(body.ref.length);
    if (list > 0) parts_.emplace_back(reinterpret_cast<const char*>(body.chunks.data()), list);
    if (std::string_view rest = padding(body.ref.length + list); !rest.empty()) parts_.push_back(rest);
  }
  for (const auto& patch : BatchAccess::patches(batch)) {
    auto octets = batch.body_ref(patch.body).encode();
    BatchAccess::metadata(batch).replace(patch.metadata_at, octets.size(), octets.data(), octets.size());
  }
}

const GroupHeader& GroupBuilder::assemble(const Place& place) {
  parts_.clear();
  operations_.clear();
  metadata_.clear();
  body_headers_.clear();
  body_headers_.reserve(bodies_);  // parts_ points into it
  parts_.emplace_back();           // header and metadata follow when they are known
  parts_.emplace_back();
  std::uint64_t offset = place.offset + GroupHeader::kSize + aligned(metadata_length_);
  for (Batch* batch : batches_) {
    place_bodies(*batch, place, offset);
    append_varint(metadata_, batch->metadata_size());
    metadata_.append(BatchAccess::metadata(*batch));
  }
  header_ = GroupHeader{};
  header_.sequence = place.sequence;
  header_.batches = batches();
  header_.previous_chain = place.previous_chain;
  header_.metadata_length = static_cast<std::uint32_t>(metadata_.size());
  header_.metadata_crc = crc32c(metadata_);
  header_.bodies_length = static_cast<std::uint32_t>(bodies_length_);
  for (const auto& body : body_headers_) header_.bodies_crc = crc32c({body.data(), body.size()}, header_.bodies_crc);
  header_.bodies = bodies_;
  header_.written = place.now;
  header_octets_ = header_.encode(place.salt);
  metadata_.append(padding(metadata_.size()));
  // Of the copy: the batches may be gone when the state gets them.
  split_metadata(std::string_view(metadata_).substr(0, header_.metadata_length), operations_);
  parts_[0] = {header_octets_.data(), header_octets_.size()};
  parts_[1] = metadata_;
  return header_;
}

bool split_metadata(std::string_view metadata, std::vector<std::string_view>& operations) {
  while (!metadata.empty()) {
    std::uint64_t length = 0;
    if (!take_varint(metadata, length) || length > metadata.size()) return false;
    operations.push_back(metadata.substr(0, length));
    metadata.remove_prefix(length);
  }
  return true;
}

}  // namespace angarium::store
