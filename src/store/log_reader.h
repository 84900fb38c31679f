// Reads the log back: groups one after the other, and the bodies of a group.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "store/format.h"
#include "store/volume.h"

namespace angarium::store {

/// Walks the groups of one segment. Reads ahead in one window, so that small groups cost no call each and large bodies
/// are skipped.
class GroupReader {
 public:
  GroupReader(File& file, std::uint32_t salt, std::uint64_t offset) : file_(file), salt_(salt), offset_(offset) {}

  struct Group {
    GroupHeader header;
    std::uint64_t offset = 0;
    std::string_view metadata;  ///< until the next call
    /// False: the header is whole, the metadata is not. Then next() stays here.
    bool whole = false;
  };
  /// The group here, or nothing if no valid header stands here; goes on behind it.
  Result<std::optional<Group>> next();
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

 private:
  Result<std::string_view> window(std::uint64_t offset, std::uint64_t length);

  static constexpr std::uint64_t kWindow = 256u << 10;
  File& file_;
  std::uint32_t salt_;
  std::uint64_t offset_;
  std::string buffer_;
  std::uint64_t buffer_at_ = 0;
};

/// A body record found in the log.
struct BodyAt {
  std::uint64_t offset = 0;  ///< of the record
  BodyHeader header;
};

/// Visits the body records of a group at `offset`. kDamaged if a header or the headers' CRC is wrong.
Result<> read_body_headers(File& file, std::uint32_t salt, std::uint64_t offset, const GroupHeader& group,
                           const std::function<Result<>(const BodyAt&)>& visitor);

/// Fills `into` from `offset` of the body whose record stands at `record`; verifies every octet it hands out.
Result<> read_body_record(File& file, std::uint64_t record, const BodyRef& ref, std::uint64_t offset,
                          std::span<char> into, Tier tier);

/// Reads a whole body in pieces and verifies it; `visitor`, if any, gets the octets in order.
Result<> verify_body_record(File& file, std::uint64_t record, const BodyRef& ref,
                            const std::function<Result<>(std::string_view)>& visitor = {});

/// Whether anything but zeros stands where the header of a group would.
Result<bool> written_at(File& file, std::uint64_t offset);

/// Whether a valid header of a group later than `sequence` stands anywhere from `offset` on.
Result<bool> later_group_exists(File& file, std::uint32_t salt, std::uint64_t offset, std::uint64_t sequence);

}  // namespace angarium::store
