#include "io/memory.h"

#include <array>

#include "wire/connection/over_stream.h"

namespace angarium::wire {
namespace {

class MemoryConnection;

/// What both ends know of the TLS that is pretended between them.
struct Pretence {
  TlsInfo info;
  bool offered;
  bool on;
  std::string exporter;
  MemoryConnection* asked = nullptr;  ///< the end that called start_tls first
};

class MemoryConnection final : public OverStream {
 public:
  MemoryConnection(std::unique_ptr<io::Stream> stream, std::string listener, std::shared_ptr<Pretence> pretence)
      : OverStream(std::move(stream), std::move(listener)), pretence_(std::move(pretence)) {}
  ~MemoryConnection() override {
    if (pretence_->asked == this) pretence_->asked = nullptr;
  }

  [[nodiscard]] bool can_start_tls() const override { return pretence_->offered && !pretence_->on; }

  io::Task<Result<std::size_t>> start_tls(Input& input) override {
    if (!can_start_tls()) co_return fail(kNoTls, "TLS is not offered here");
    dropped_ = input.clear();
    if (pretence_->asked) {
      pretence_->on = true;
      auto& other = *std::exchange(pretence_->asked, nullptr);
      (void)drain();
      (void)other.drain();
      other.started_.set();
      co_return dropped_;
    }
    pretence_->asked = this;
    while (!pretence_->on) {
      auto drained = drain();
      if (drained) drained = discard_value(co_await stream().readable(&started_));
      if (!drained) {
        pretence_->asked = nullptr;
        close();
        co_return fail(kTlsHandshake, drained.error().text());
      }
    }
    co_return dropped_;
  }

  [[nodiscard]] const TlsInfo* tls() const override { return pretence_->on ? &pretence_->info : nullptr; }

  [[nodiscard]] Result<std::string> channel_binding(std::string_view type) const override {
    if (!pretence_->on || type != "tls-exporter") return fail(kNoChannelBinding, "no such channel binding");
    return pretence_->exporter;
  }

 private:
  static Result<void> discard_value(Result<io::Ready> ready) {
    if (!ready) return std::unexpected(std::move(ready).error());
    return {};
  }

  /// Takes what came before TLS off the line.
  Result<void> drain() {
    std::array<char, 4096> waste;
    while (true) {
      auto count = TRY(stream().try_read(waste));
      if (count == 0) return {};
      dropped_ += count;
    }
  }

  std::shared_ptr<Pretence> pretence_;
  io::Event started_;
  std::size_t dropped_ = 0;
};

}  // namespace

MemoryConnections memory_connections(MemoryConnectionOptions options) {
  io::MemoryOptions memory;
  memory.capacity = options.capacity;
  memory.first = options.client;
  memory.second = options.server;
  auto pair = io::memory_pair(std::move(memory));
  auto pretence = std::make_shared<Pretence>(Pretence{.info = std::move(options.tls),
                                                      .offered = options.offers_tls,
                                                      .on = options.encrypted,
                                                      .exporter = io::Loop::current().random().octets(32)});
  return {std::make_unique<MemoryConnection>(std::move(pair.first), std::string(), pretence),
          std::make_unique<MemoryConnection>(std::move(pair.second), std::move(options.listener), pretence)};
}

}  // namespace angarium::wire
