#include "wire/deflate/connection.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "io/stream.h"

namespace angarium::wire::deflate {
namespace {

/// What is read from below at a time.
constexpr std::size_t kPiece = 16 * 1024;
/// Octets that came in the block in which compression ends: more than anybody says ahead, and no time.
constexpr std::size_t kEarlyMax = 256 * 1024;

class DeflatedHere final : public Deflated {
 public:
  DeflatedHere(Connection& below, std::string_view received, std::uint64_t burst)
      : below_(below), inflater_(burst), packed_(received) {}

  Result<std::size_t> try_read(std::span<char> room) override {
    if (room.empty()) return 0;
    std::array<char, kPiece> piece;
    for (;;) {
      if (inflater_.ended()) return fail(io::kEndOfStream, "the other side has ended its compressed stream");
      if (inflater_.more() || !packed_.empty()) {
        const std::size_t count = TRY(open_kept(room));
        if (count > 0) return count;
        continue;
      }
      const std::size_t came = TRY(below_.try_read(piece));
      if (came == 0) return 0;
      const std::size_t count = TRY(open(std::string_view(piece.data(), came), room));
      if (count > 0) return count;
    }
  }

  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    std::size_t taken = 0;
    for (;;) {
      if (!TRY(flush())) return taken;
      taken += std::exchange(clear_in_flight_, 0);
      std::array<std::string_view, kMaxPieces> rest;
      clear_in_flight_ = deflater_.append(behind(pieces, taken, rest), unsent_);
      if (clear_in_flight_ == 0) return taken;
    }
  }

  void set_deadline(Moment deadline) override { below_.set_deadline(deadline); }
  Result<void> shutdown_write() override { return below_.shutdown_write(); }
  void close() override { below_.close(); }
  [[nodiscard]] const io::Endpoint& peer() const override { return below_.peer(); }
  [[nodiscard]] const io::Endpoint& local() const override { return below_.local(); }
  [[nodiscard]] std::optional<unsigned> peer_uid() const override { return below_.peer_uid(); }

  bool start_wait(io::StreamWait& wait) override {
    const bool may_read = inflater_.more() || !packed_.empty() || inflater_.ended();
    if (wait.direction() == io::Direction::output || !may_read) return below_.start_wait(wait);
    wait.finish();
    return false;
  }
  void stop_wait(io::StreamWait& wait) noexcept override { below_.stop_wait(wait); }

  [[nodiscard]] bool can_start_tls() const override { return false; }
  io::Task<Result<std::size_t>> start_tls(Input& /*input*/) override {
    co_return fail(kNoTls, "no TLS begins under compression");
  }
  [[nodiscard]] const TlsInfo* tls() const override { return below_.tls(); }
  [[nodiscard]] Result<std::string> channel_binding(std::string_view type) const override {
    return below_.channel_binding(type);
  }
  [[nodiscard]] const std::string& listener() const override { return below_.listener(); }
  Result<std::optional<std::string>> take_rest() override {
    std::array<char, kPiece> piece;
    while (inflater_.amid_block()) {
      if (packed_.empty() && !inflater_.more()) {
        packed_.assign(piece.data(), TRY(below_.try_read(piece)));
        if (packed_.empty()) return std::nullopt;
      }
      // What would come out of it came too early.
      early_ += TRY(open_kept(piece));
      if (early_ > kEarlyMax) return fail(kBadData, "the block has no end");
    }
    return std::exchange(packed_, {});
  }

 private:
  Result<Inflater::Step> opened(std::string_view packed, std::span<char> room) {
    auto step = inflater_.open(packed, room, Inflater::Until::block);
    if (!step) below_.close();
    return step;
  }

  Result<std::size_t> open(std::string_view packed, std::span<char> room) {
    const auto step = TRY(opened(packed, room));
    packed_ = packed.substr(step.taken);
    return step.given;
  }

  Result<std::size_t> open_kept(std::span<char> room) {
    const auto step = TRY(opened(packed_, room));
    packed_.erase(0, step.taken);
    if (packed_.empty()) packed_ = std::string();
    return step.given;
  }

  /// The pieces without their first `skip` octets.
  static std::span<const std::string_view> behind(std::span<const std::string_view> pieces, std::size_t skip,
                                                  std::span<std::string_view> rest) {
    std::size_t count = 0;
    for (std::string_view piece : pieces.first(std::min(pieces.size(), kMaxPieces))) {
      const std::size_t passed = std::min(skip, piece.size());
      skip -= passed;
      rest[count++] = piece.substr(passed);
    }
    return rest.first(count);
  }

  /// Whether all of the last slice is on its way.
  Result<bool> flush() {
    std::string_view rest(unsent_);
    rest.remove_prefix(sent_);
    while (!rest.empty()) {
      const std::size_t count = TRY(below_.try_write(std::span(&rest, 1)));
      if (count == 0) return false;
      sent_ += count;
      rest.remove_prefix(count);
    }
    unsent_ = std::string();  // an idle session holds none of it
    sent_ = 0;
    return true;
  }

  Connection& below_;
  Deflater deflater_{};
  Inflater inflater_;
  std::string packed_;       ///< read, not opened yet
  std::uint64_t early_ = 0;  ///< octets that take_rest() left out
  std::string unsent_{};     ///< compressed, sent up to `sent_`
  std::size_t sent_ = 0;
  std::size_t clear_in_flight_ = 0;  ///< octets of the caller's that it stands for
};

}  // namespace

std::unique_ptr<Deflated> deflated(Connection& below, std::string_view received, std::uint64_t burst) {
  return std::make_unique<DeflatedHere>(below, received, burst);
}

}  // namespace angarium::wire::deflate
