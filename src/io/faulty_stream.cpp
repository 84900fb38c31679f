#include <algorithm>
#include <vector>

#include "io/memory.h"
#include "io/waits.h"

namespace angarium::io {
namespace {

class FaultyStream final : public Stream {
 public:
  FaultyStream(std::unique_ptr<Stream> inner, Faults faults)
      : inner_(std::move(inner)), faults_(faults), random_(faults.seed), input_(*this), output_(*this) {}

  Result<std::size_t> try_read(std::span<char> room) override {
    if (breaks()) return fail(kReset, "simulated reset");
    if (chance(faults_.nothing_per_million)) return 0;
    return inner_->try_read(room.first(some_of(room.size())));
  }

  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    if (breaks()) return fail(kReset, "simulated reset");
    if (chance(faults_.nothing_per_million)) return 0;
    if (faults_.most == SIZE_MAX || pieces.empty()) return inner_->try_write(pieces);
    auto piece = pieces.front().substr(0, some_of(pieces.front().size()));
    return inner_->try_write(std::span(&piece, 1));
  }

  void set_deadline(Moment deadline) override { inner_->set_deadline(deadline); }
  Result<void> shutdown_write() override { return inner_->shutdown_write(); }
  void close() override {
    inner_->close();
    input_.release();
    output_.release();
  }
  [[nodiscard]] const Endpoint& peer() const override { return inner_->peer(); }
  [[nodiscard]] const Endpoint& local() const override { return inner_->local(); }

  bool start_wait(StreamWait& wait) override {
    if (faults_.delay_max.count() == 0) return inner_->start_wait(wait);
    auto delay =
        Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(faults_.delay_max.count()) + 1)));
    return held(wait).hold(wait, delay);
  }
  void stop_wait(StreamWait& wait) noexcept override { held(wait).forget(); }

 private:
  /// A wait that is handed to the inner stream some time later.
  class Held final : Timer {
   public:
    explicit Held(FaultyStream& stream) : stream_(stream) {}
    bool hold(StreamWait& wait, Duration delay) {
      auto& loop = Loop::current();
      wait_ = &wait;
      wait.set_keeper(&stream_);
      loop.timers().set(*this, loop.now() + delay);
      return true;
    }
    void forget() noexcept {
      wait_ = nullptr;
      cancel();
    }
    void release() {
      cancel();
      fire();
    }

   private:
    void fire() override {
      if (wait_) stream_.inner_->start_wait(*std::exchange(wait_, nullptr));
    }
    FaultyStream& stream_;
    StreamWait* wait_ = nullptr;
  };

  Held& held(StreamWait& wait) { return wait.direction() == Direction::input ? input_ : output_; }
  bool chance(std::uint32_t per_million) { return per_million > 0 && random_.below(1'000'000) < per_million; }
  bool breaks() {
    if (!broken_ && chance(faults_.reset_per_million)) {
      broken_ = true;
      close();
    }
    return broken_;
  }
  std::size_t some_of(std::size_t size) {
    auto most = std::min(size, faults_.most);
    return faults_.most == SIZE_MAX || most == 0 ? most : 1 + random_.below(most);
  }

  std::unique_ptr<Stream> inner_;
  Faults faults_;
  SeededRandom random_;
  bool broken_ = false;
  Held input_;
  Held output_;
};

}  // namespace

std::unique_ptr<Stream> faulty(std::unique_ptr<Stream> inner, Faults faults) {
  return std::make_unique<FaultyStream>(std::move(inner), faults);
}

}  // namespace angarium::io
