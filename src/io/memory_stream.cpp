#include <algorithm>
#include <cstring>
#include <string>

#include "io/memory.h"
#include "io/waits.h"

namespace angarium::io {
namespace {

class MemoryStream;

/// One direction, and the ends that wait on it; an end that is gone is null.
struct Pipe {
  std::string octets;
  std::size_t taken = 0;
  bool ended = false;   ///< the writer says no more
  bool broken = false;  ///< the reader is gone
  MemoryStream* writer = nullptr;
  MemoryStream* reader = nullptr;

  [[nodiscard]] std::size_t size() const { return octets.size() - taken; }
};

class MemoryStream final : public Stream {
 public:
  MemoryStream(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out, const MemoryOptions& options, Endpoint local,
               Endpoint peer)
      : in_(std::move(in)),
        out_(std::move(out)),
        capacity_(options.capacity),
        chunk_(options.chunk),
        local_(std::move(local)),
        peer_(std::move(peer)) {
    in_->reader = this;
    out_->writer = this;
  }

  ~MemoryStream() override {
    close();
    in_->reader = nullptr;
    out_->writer = nullptr;
  }

  Result<std::size_t> try_read(std::span<char> room) override {
    if (waits_.closed()) return fail(kCancelled, "closed");
    auto count = std::min({room.size(), chunk_, in_->size()});
    if (count == 0) {
      if (in_->ended && in_->size() == 0) return fail(kEndOfStream, "end of stream");
      return 0;
    }
    std::memcpy(room.data(), in_->octets.data() + in_->taken, count);
    in_->taken += count;
    if (in_->size() == 0) {
      in_->octets.clear();
      in_->taken = 0;
    } else if (in_->taken > capacity_) {
      in_->octets.erase(0, std::exchange(in_->taken, 0));
    }
    if (in_->writer) in_->writer->waits_.wake(Direction::output);
    return count;
  }

  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    if (waits_.closed()) return fail(kCancelled, "closed");
    if (out_->ended || out_->broken) return fail(kReset, "broken pipe");
    std::size_t written = 0;
    for (auto piece : pieces.first(std::min(pieces.size(), kMaxPieces))) {
      auto count = std::min(piece.size(), capacity_ - std::min(capacity_, out_->size()));
      out_->octets.append(piece.substr(0, count));
      written += count;
      if (count < piece.size()) break;
    }
    if (written > 0 && out_->reader) out_->reader->waits_.wake(Direction::input);
    return written;
  }

  void set_deadline(Moment deadline) override { waits_.set_deadline(deadline); }

  Result<void> shutdown_write() override {
    if (waits_.closed()) return fail(kCancelled, "closed");
    out_->ended = true;
    if (out_->reader) out_->reader->waits_.wake(Direction::input);
    return {};
  }

  void close() override {
    if (waits_.closed()) return;
    waits_.close();
    out_->ended = true;
    in_->broken = true;
    if (out_->reader) out_->reader->waits_.wake(Direction::input);
    if (in_->writer) in_->writer->waits_.wake(Direction::output);
  }

  [[nodiscard]] const Endpoint& peer() const override { return peer_; }
  [[nodiscard]] const Endpoint& local() const override { return local_; }

  bool start_wait(StreamWait& wait) override {
    bool ready = wait.direction() == Direction::input ? in_->size() > 0 || in_->ended
                                                      : out_->size() < capacity_ || out_->ended || out_->broken;
    return waits_.start(wait, *this, ready);
  }
  void stop_wait(StreamWait& wait) noexcept override { waits_.stop(wait); }

 private:
  std::shared_ptr<Pipe> in_;
  std::shared_ptr<Pipe> out_;
  std::size_t capacity_;
  std::size_t chunk_;
  Endpoint local_;
  Endpoint peer_;
  Waits waits_;
};

}  // namespace

MemoryPair memory_pair(MemoryOptions options) {
  auto forth = std::make_shared<Pipe>();
  auto back = std::make_shared<Pipe>();
  return {std::make_unique<MemoryStream>(back, forth, options, options.first, options.second),
          std::make_unique<MemoryStream>(forth, back, options, options.second, options.first)};
}

}  // namespace angarium::io
