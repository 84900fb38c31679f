// DEFLATE (RFC 1951) in both directions of a connection that is idle most of its life: what lives on between two calls
// is the text that later octets may refer to, and zlib's states belong to the thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace angarium::wire::deflate {

/// Octets that are no DEFLATE.
inline constexpr ErrorKind kBadData{"wire.deflate-bad-data", Fault::syntax, Lasting::permanent};
/// Octets that become many more than mail does.
inline constexpr ErrorKind kBomb{"wire.deflate-bomb", Fault::syntax, Lasting::permanent};

/// Octets that may be referred to by what is sent next. A session that waits keeps no more: with 1 KiB, mail and its
/// envelopes shrink to 32 %, with 32 KiB to 26 %, and a state of zlib's own that is kept takes 256 KiB for 27 %.
inline constexpr std::size_t kKept = 1024;
/// Octets that are compressed at a time: about a millisecond's work.
inline constexpr std::size_t kSlice = 64 * 1024;
/// How many octets one may become on the whole. Text reaches 10, a listing of like messages 30; zeros reach 1030.
inline constexpr std::uint64_t kRatioMax = 100;
/// So many octets beyond that are taken: a large message of zeros is no attack.
inline constexpr std::uint64_t kBurst = std::uint64_t{64} * 1024 * 1024;

/// What goes out. Each call ends where the other side can read all of it, and at a whole octet.
class Deflater {
 public:
  /// The first kSlice octets of `clear`, or all, appended to `packed`; how many octets that were.
  std::size_t append(std::span<const std::string_view> clear, std::string& packed);
  /// Octets of memory it holds.
  [[nodiscard]] std::size_t memory() const { return said_.capacity(); }

 private:
  void remember(std::span<const std::string_view> clear, std::size_t count);
  std::string said_;
};

struct InflateState;

/// What comes in.
class Inflater {
 public:
  explicit Inflater(std::uint64_t burst = kBurst);
  Inflater(Inflater&&) noexcept;
  ~Inflater();

  struct Step {
    std::size_t taken = 0;
    std::size_t given = 0;
  };
  /// all: opens what there is room for: either all of `packed` is taken, or `room` is full. block: no further than the
  /// end of a block or of the stream, behind which there may be something else than DEFLATE.
  enum class Until : std::uint8_t { all, block };
  /// kBadData; kBomb: what was given out then counts for nothing.
  Result<Step> open(std::string_view packed, std::span<char> room, Until until = Until::all);
  /// Whether there is more to give although all was taken.
  [[nodiscard]] bool more() const { return more_; }
  /// Whether what comes next is of the block that has begun.
  [[nodiscard]] bool amid_block() const { return amid_block_; }
  /// The other side has said that nothing follows.
  [[nodiscard]] bool ended() const { return ended_; }
  /// Octets of memory it holds.
  [[nodiscard]] std::size_t memory() const;

 private:
  void rest();

  std::unique_ptr<InflateState> state_;  ///< only amid a block
  std::string heard_;                    ///< what may be referred to, without a state
  std::uint64_t burst_;
  std::uint64_t beyond_ = 0;  ///< octets given out beyond the ratio
  bool more_ = false;
  bool amid_block_ = false;
  bool ended_ = false;
};

}  // namespace angarium::wire::deflate
