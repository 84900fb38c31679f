// What is to be sent on a stream.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/stream.h"

namespace angarium::wire {

/// Octets of one connection that wait to be sent: text it owns and, without copying, large bodies that others own.
/// Holds no memory when empty.
class Output {
 public:
  /// Writers stop above so many unsent octets: co_await room() between pieces of a long reply.
  static constexpr std::size_t kHighWater = 256 * 1024;
  /// Text is offered to the stream above so many unsent octets: a longer one would leave the processor's cache and the
  /// memory that is kept for the next (Spare::kMostCapacity).
  static constexpr std::size_t kTextWater = 64 * 1024;
  /// Shared octets shorter than this are copied: cheaper than holding their owner.
  static constexpr std::size_t kWorthSharing = 2048;

  Output() = default;
  Output(Output&&) noexcept = default;
  Output& operator=(Output&&) = delete;
  ~Output();

  void append(std::string_view octets) { text().append(octets); }
  /// Holds `owner` until the octets are sent.
  void append(std::shared_ptr<const void> owner, std::string_view octets);
  /// The end of the text, to format into; only append to it, and only until the next call of this object.
  std::string& text();

  /// Octets not yet sent.
  [[nodiscard]] std::size_t size() const { return text_.size() + shared_size_ - sent_; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  /// Octets of memory it holds now, without what it shares.
  [[nodiscard]] std::size_t memory() const { return text_.capacity() + shared_.capacity() * sizeof(Shared); }

  /// Sends what the stream takes now.
  Result<void> flush_some(io::Stream& stream);
  /// Sends everything, waiting as needed.
  io::ValueOrTask<Result<void>> flush(io::Stream& stream);
  /// Whether room() would do anything.
  [[nodiscard]] bool wants_room() const { return size() > kHighWater || text_.size() - text_sent_ > kTextWater; }
  /// Sends until at most kHighWater / 2 octets are left, if there are more than kHighWater; sends what the stream takes
  /// now, if there is more text than kTextWater; otherwise does nothing.
  io::ValueOrTask<Result<void>> room(io::Stream& stream);
  void clear();

 private:
  struct Shared {
    std::size_t after;  ///< stands behind so many octets of text_
    std::string_view octets;
    std::shared_ptr<const void> owner;
  };

  io::Task<Result<void>> flush_to(io::Stream& stream, std::size_t left);
  std::size_t gather(std::span<std::string_view> pieces) const;
  void advance(std::size_t count);
  void compact();

  std::string text_;
  std::vector<Shared> shared_;
  std::size_t shared_size_ = 0;         ///< octets of all of shared_
  std::size_t sent_ = 0;                ///< octets sent of what text_ and shared_ hold
  std::size_t text_sent_ = 0;           ///< of text_
  std::size_t shared_sent_ = 0;         ///< entries of shared_ that are sent whole
  std::size_t shared_octets_sent_ = 0;  ///< octets sent of the next entry
};

}  // namespace angarium::wire
