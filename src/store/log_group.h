// Puts the batches of one commit together as they will stand in the log: header, metadata, bodies.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/batch.h"
#include "store/format.h"

namespace angarium::store {

/// Used again and again by one committer, so that its buffers stay. Bodies are not copied: the batches must live until
/// the parts are written.
class GroupBuilder {
 public:
  void clear();
  void add(Batch& batch);
  [[nodiscard]] std::uint32_t batches() const { return static_cast<std::uint32_t>(batches_.size()); }
  /// Octets of the whole group.
  [[nodiscard]] std::uint64_t length() const { return GroupHeader::kSize + aligned(metadata_length_) + bodies_length_; }
  [[nodiscard]] std::uint64_t metadata_length() const { return metadata_length_; }

  struct Place {
    std::uint32_t segment = 0;
    std::uint32_t salt = 0;
    std::uint64_t offset = 0;
    std::uint64_t sequence = 0;  ///< of the first batch
    std::uint32_t previous_chain = 0;
    std::int64_t now = 0;
  };
  /// Fixes every body's reference, writes the references into the values, computes the CRCs. Returns the header.
  const GroupHeader& assemble(const Place& place);
  /// After assemble(): the octets of the group in order.
  [[nodiscard]] std::span<const std::string_view> parts() const { return parts_; }
  /// After assemble(), until the next: the operations of each batch, for the state.
  [[nodiscard]] std::span<const std::string_view> operations() const { return operations_; }

 private:
  void place_bodies(Batch& batch, const Place& place, std::uint64_t& offset);

  std::vector<Batch*> batches_;
  std::uint64_t metadata_length_ = 0;
  std::uint64_t bodies_length_ = 0;
  std::uint32_t bodies_ = 0;
  GroupHeader header_;
  std::array<char, GroupHeader::kSize> header_octets_{};
  std::string metadata_;
  std::vector<std::array<char, BodyHeader::kSize>> body_headers_;
  std::vector<std::string_view> parts_;
  std::vector<std::string_view> operations_;
};

/// The operations of each batch in a group's metadata; nothing if it is malformed.
bool split_metadata(std::string_view metadata, std::vector<std::string_view>& operations);

}  // namespace angarium::store
