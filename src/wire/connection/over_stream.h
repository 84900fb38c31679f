// The part that connections over another stream share: everything is the stream's own.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "wire/connection/connection.h"

namespace angarium::wire {

class OverStream : public Connection {
 public:
  OverStream(std::unique_ptr<io::Stream> stream, std::string listener)
      : stream_(std::move(stream)), listener_(std::move(listener)) {}

  Result<std::size_t> try_read(std::span<char> room) override { return stream_->try_read(room); }
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    return stream_->try_write(pieces);
  }
  void set_deadline(Moment deadline) override { stream_->set_deadline(deadline); }
  Result<void> shutdown_write() override { return stream_->shutdown_write(); }
  void close() override { stream_->close(); }
  [[nodiscard]] const io::Endpoint& peer() const override { return stream_->peer(); }
  [[nodiscard]] const io::Endpoint& local() const override { return stream_->local(); }
  [[nodiscard]] std::optional<unsigned> peer_uid() const override { return stream_->peer_uid(); }
  bool start_wait(io::StreamWait& wait) override { return stream_->start_wait(wait); }
  void stop_wait(io::StreamWait& wait) noexcept override { stream_->stop_wait(wait); }
  [[nodiscard]] const std::string& listener() const override { return listener_; }

 protected:
  [[nodiscard]] io::Stream& stream() { return *stream_; }

 private:
  std::unique_ptr<io::Stream> stream_;
  std::string listener_;
};

}  // namespace angarium::wire
