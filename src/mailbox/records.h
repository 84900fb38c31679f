// What the store has to know of this room's records: how operands merge, and which values refer to bodies.
#pragma once

#include "store/tablet.h"

namespace angarium::mailbox {

/// The first octet of all keys of this room (keys.h).
inline constexpr unsigned char kKeyOctet = 'm';

/// options.mergers[kKeyOctet] = &records; lives as long as the tablet.
class Records final : public store::Merger, public store::BodyRefs {
 public:
  [[nodiscard]] std::string merge(std::string_view key, std::optional<std::string_view> before,
                                  std::span<const std::string_view> operands) const override;
  [[nodiscard]] std::optional<std::string> combine(std::string_view key,
                                                   std::span<const std::string_view> operands) const override;
  /// Keys of other rooms are passed over.
  void visit(std::string_view key, std::string_view value,
             const std::function<void(const store::BodyRef&)>& found) const override;
};

}  // namespace angarium::mailbox
