// What boxes of IMAP servers share: flags, sets of UIDs, and the octets of one message.
#pragma once

#include <array>
#include <bit>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message/box_state.h"
#include "protocol/imap/client.h"

namespace angarium::mua {

struct FlagPair {
  message::BoxFlags here;
  protocol::imap::Flags there;
  [[nodiscard]] constexpr std::string_view name() const { return protocol::imap::kFlagNames[std::countr_zero(there)]; }
};
inline constexpr std::array<FlagPair, 4> kFlagPairs = {{{message::kBoxSeen, protocol::imap::kSeen},
                                                        {message::kBoxAnswered, protocol::imap::kAnswered},
                                                        {message::kBoxFlagged, protocol::imap::kFlagged},
                                                        {message::kBoxDraft, protocol::imap::kDraft}}};

message::BoxFlags flags_of(const protocol::imap::FetchResponse& fetched);
/// Sets for one command each: its line stays below what RFC 7162 §4 lets clients send.
std::vector<std::string> in_sets(const std::vector<std::uint32_t>& uids);

/// The octets of one message. kHost: it has more than `max`.
class TakenMessage final : public protocol::imap::ContentSink {
 public:
  using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;
  explicit TakenMessage(std::size_t max, Progress progress = {}) : max_(max), progress_(std::move(progress)) {}
  Result<void> begin(std::string_view before, std::uint64_t size) override;
  io::ValueOrTask<Result<void>> append(std::string_view octets) override;
  io::ValueOrTask<Result<void>> end() override { return Result<void>(); }
  std::optional<std::string>& octets() { return octets_; }

 private:
  std::size_t max_;
  Progress progress_;
  std::uint64_t size_ = 0;
  std::optional<std::string> octets_;
};

}  // namespace angarium::mua
