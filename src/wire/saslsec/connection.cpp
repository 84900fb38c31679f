#include "wire/saslsec/connection.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "io/stream.h"

namespace angarium::wire::saslsec {
namespace {

/// What is read from below at a time: a buffer takes no more memory than has come of it.
constexpr std::size_t kPiece = 4096;

class Secured final : public Connection {
 public:
  Secured(Connection& below, std::unique_ptr<sasl::SecurityLayer> layer, std::string_view received)
      : below_(below), layer_(std::move(layer)), protected_(received) {}

  Result<std::size_t> try_read(std::span<char> room) override {
    auto count = read(room);
    // What was read before the end, or before the damage, was right.
    if (!count && !count.error().is(io::kEndOfStream)) below_.close();
    return count;
  }

  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    std::size_t taken = 0;
    for (;;) {
      if (!TRY(flush())) return taken;
      taken += std::exchange(clear_in_flight_, 0);
      const std::string clear = gather(pieces, taken);
      if (clear.empty()) return taken;
      const std::string buffer = TRY(layer_->wrap(clear));
      unsent_.clear();
      for (int shift = 24; shift >= 0; shift -= 8) unsent_ += static_cast<char>(buffer.size() >> shift & 0xFF);
      unsent_ += buffer;
      clear_in_flight_ = clear.size();
    }
  }

  void set_deadline(Moment deadline) override { below_.set_deadline(deadline); }
  Result<void> shutdown_write() override { return below_.shutdown_write(); }
  void close() override { below_.close(); }
  [[nodiscard]] const io::Endpoint& peer() const override { return below_.peer(); }
  [[nodiscard]] const io::Endpoint& local() const override { return below_.local(); }
  [[nodiscard]] std::optional<unsigned> peer_uid() const override { return below_.peer_uid(); }

  bool start_wait(io::StreamWait& wait) override {
    const bool may_read = given_ < clear_.size() || whole();
    if (wait.direction() == io::Direction::output || !may_read) return below_.start_wait(wait);
    wait.finish();
    return false;
  }
  void stop_wait(io::StreamWait& wait) noexcept override { below_.stop_wait(wait); }

  [[nodiscard]] bool can_start_tls() const override { return false; }
  io::Task<Result<std::size_t>> start_tls(Input& /*input*/) override {
    co_return fail(kNoTls, "no TLS begins under a security layer");
  }
  [[nodiscard]] const TlsInfo* tls() const override { return below_.tls(); }
  [[nodiscard]] Result<std::string> channel_binding(std::string_view type) const override {
    return below_.channel_binding(type);
  }
  [[nodiscard]] const std::string& listener() const override { return below_.listener(); }

 private:
  /// The length of the buffer at the front, once it is there.
  [[nodiscard]] std::size_t length() const {
    std::size_t result = 0;
    for (std::size_t i = 0; i < kLengthOctets; ++i) result = result << 8U | static_cast<unsigned char>(protected_[i]);
    return result;
  }
  [[nodiscard]] bool whole() const {
    return protected_.size() >= kLengthOctets && protected_.size() - kLengthOctets >= length();
  }

  Result<std::size_t> read(std::span<char> room) {
    std::size_t count = 0;
    while (count < room.size()) {
      if (given_ < clear_.size()) {
        const std::size_t some = std::min(room.size() - count, clear_.size() - given_);
        std::copy_n(clear_.data() + given_, some, room.data() + count);
        given_ += some;
        count += some;
        continue;
      }
      auto more = next_buffer();
      if (!more && count == 0) return std::unexpected(std::move(more).error());
      // An error comes again, or is one of the end: what was read goes first.
      if (!more || !*more) break;
    }
    return count;
  }

  /// Opens the next buffer; false while it is not whole.
  Result<bool> next_buffer() {
    if (broken_) return broken();
    while (!whole()) {
      if (protected_.size() >= kLengthOctets && length() > layer_->receive_max()) return broken();
      std::array<char, kPiece> piece;
      auto count = below_.try_read(piece);
      if (!count) {
        const bool amid = count.error().is(io::kEndOfStream) && !protected_.empty();
        return amid ? Result<bool>(broken()) : std::unexpected(std::move(count).error());
      }
      if (*count == 0) return false;
      protected_.append(piece.data(), *count);
    }
    const std::size_t size = length();
    if (size > layer_->receive_max()) return broken();
    auto clear = layer_->unwrap(std::string_view(protected_).substr(kLengthOctets, size));
    if (!clear) return broken();
    protected_.erase(0, kLengthOctets + size);
    clear_ = *std::move(clear);
    given_ = 0;
    return true;
  }
  std::unexpected<Error> broken() {
    broken_ = true;
    return fail(sasl::kLayer, "a buffer of the security layer is too long, cut off or not the other side's");
  }

  /// What follows the first `skip` octets of the pieces, as much as one buffer takes.
  [[nodiscard]] std::string gather(std::span<const std::string_view> pieces, std::size_t skip) const {
    std::string clear;
    for (std::string_view piece : pieces) {
      const std::size_t passed = std::min(skip, piece.size());
      skip -= passed;
      piece.remove_prefix(passed);
      clear += piece.substr(0, layer_->clear_max() - clear.size());
    }
    return clear;
  }

  /// Whether all of the last buffer is on its way.
  Result<bool> flush() {
    std::string_view rest(unsent_);
    rest.remove_prefix(sent_);
    while (!rest.empty()) {
      const std::size_t count = TRY(below_.try_write(std::span(&rest, 1)));
      if (count == 0) return false;
      sent_ += count;
      rest.remove_prefix(count);
    }
    unsent_.clear();
    sent_ = 0;
    return true;
  }

  Connection& below_;
  std::unique_ptr<sasl::SecurityLayer> layer_;
  std::string protected_;  ///< read, not opened yet
  std::string clear_{};    ///< opened, given out up to `given_`
  std::size_t given_ = 0;
  bool broken_ = false;
  std::string unsent_{};  ///< a wrapped buffer with its length, sent up to `sent_`
  std::size_t sent_ = 0;
  std::size_t clear_in_flight_ = 0;  ///< octets of the caller's that it stands for
};

}  // namespace

std::unique_ptr<Connection> secured(Connection& below, std::unique_ptr<sasl::SecurityLayer> layer,
                                    std::string_view received) {
  return std::make_unique<Secured>(below, std::move(layer), received);
}

}  // namespace angarium::wire::saslsec
