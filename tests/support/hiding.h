// A connection that hides what its server can do, and overhears its client.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "wire/connection/connection.h"

namespace angarium::test {

/// Says all that the inner one says but for one word, which becomes another: an extension that is not announced. What
/// it reads is kept for who wants to know what was said.
class Hiding final : public wire::Connection {
 public:
  /// `heard` outlives it.
  Hiding(std::unique_ptr<wire::Connection> inner, std::string word, std::string* heard = nullptr)
      : inner_(std::move(inner)), word_(std::move(word)), heard_(heard) {}
  Result<std::size_t> try_read(std::span<char> room) override {
    auto count = inner_->try_read(room);
    if (count && heard_ != nullptr) heard_->append(room.data(), *count);
    return count;
  }
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    std::string text;
    for (const std::string_view piece : pieces) text += piece;
    const std::size_t at = word_.empty() ? std::string::npos : text.find(word_);
    if (at != std::string::npos) text[at] = 'X';
    return inner_->try_write(text);
  }
  void set_deadline(Moment deadline) override { inner_->set_deadline(deadline); }
  Result<void> shutdown_write() override { return inner_->shutdown_write(); }
  void close() override { inner_->close(); }
  [[nodiscard]] const io::Endpoint& peer() const override { return inner_->peer(); }
  [[nodiscard]] const io::Endpoint& local() const override { return inner_->local(); }
  bool start_wait(io::StreamWait& wait) override { return inner_->start_wait(wait); }
  void stop_wait(io::StreamWait& wait) noexcept override { inner_->stop_wait(wait); }
  [[nodiscard]] bool can_start_tls() const override { return inner_->can_start_tls(); }
  io::Task<Result<std::size_t>> start_tls(wire::Input& input) override { return inner_->start_tls(input); }
  [[nodiscard]] const wire::TlsInfo* tls() const override { return inner_->tls(); }
  [[nodiscard]] Result<std::string> channel_binding(std::string_view type) const override {
    return inner_->channel_binding(type);
  }
  [[nodiscard]] const std::string& listener() const override { return inner_->listener(); }

 private:
  std::unique_ptr<wire::Connection> inner_;
  std::string word_;
  std::string* heard_;
};

}  // namespace angarium::test
