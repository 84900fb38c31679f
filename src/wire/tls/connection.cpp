#include "wire/tls/connection.h"

#include <algorithm>
#include <utility>

#include "wire/tls/session.h"

namespace angarium::wire::tls {
namespace {

/// Steps of handshakes on one thread in one turn of its loop: each may sign, which takes up to a millisecond (four with
/// an RSA key of 4096 bits), and others wait meanwhile.
constexpr int kStepsInATurn = 1;

/// Whether this turn of the loop has room for another step of a handshake.
bool take_step() {
  struct Budget {
    const io::Loop* loop = nullptr;
    std::uint64_t turn = 0;
    int steps = 0;
  };
  thread_local Budget budget;
  const auto& loop = io::Loop::current();
  if (budget.loop != &loop || budget.turn != loop.turns()) budget = {&loop, loop.turns(), 0};
  return ++budget.steps <= kStepsInATurn;
}

class TlsConnection final : public Connection {
 public:
  TlsConnection(std::unique_ptr<io::Stream> stream, std::shared_ptr<const ServerOptions> options)
      : stream_(std::move(stream)), server_(std::move(options)) {}
  TlsConnection(std::unique_ptr<io::Stream> stream, std::shared_ptr<const ClientOptions> options)
      : stream_(std::move(stream)), client_(std::move(options)) {}
  ~TlsConnection() override { TlsConnection::close(); }

  Result<std::size_t> try_read(std::span<char> room) override {
    return session_ ? session_->try_read(room) : stream_->try_read(room);
  }
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    return session_ ? session_->try_write(pieces) : stream_->try_write(pieces);
  }
  void set_deadline(Moment deadline) override {
    deadline_ = deadline;
    stream_->set_deadline(deadline);
  }
  Result<void> shutdown_write() override {
    if (session_) session_->close_notify();
    return stream_->shutdown_write();
  }
  void close() override {
    if (session_) session_->close_notify();
    stream_->close();
  }
  [[nodiscard]] const io::Endpoint& peer() const override { return stream_->peer(); }
  [[nodiscard]] const io::Endpoint& local() const override { return stream_->local(); }
  [[nodiscard]] std::optional<unsigned> peer_uid() const override { return stream_->peer_uid(); }

  bool start_wait(io::StreamWait& wait) override {
    if (!established_ || wait.direction() == io::Direction::output || !session_->may_read())
      return stream_->start_wait(wait);
    wait.finish();
    return false;
  }
  void stop_wait(io::StreamWait& wait) noexcept override { stream_->stop_wait(wait); }

  [[nodiscard]] bool can_start_tls() const override { return !session_; }
  [[nodiscard]] const TlsInfo* tls() const override { return established_ ? &session_->info() : nullptr; }
  [[nodiscard]] const std::string& listener() const override {
    static const std::string none;
    return server_ ? server_->listener : none;
  }
  [[nodiscard]] Result<std::string> channel_binding(std::string_view type) const override {
    if (!established_) return fail(kNoChannelBinding, "not encrypted");
    return session_->channel_binding(type);
  }

  io::Task<Result<std::size_t>> start_tls(Input& input) override {
    if (session_) co_return fail(kNoTls, "TLS is on already");
    auto dropped = input.clear();
    auto done = co_await shake_hands();
    if (done) co_return dropped;
    stream_->close();
    co_return std::unexpected(std::move(done).error());
  }

 private:
  io::Task<Result<void>> shake_hands() {
    session_ = CO_TRY(server_ ? Session::make_server(*stream_, *server_) : Session::make_client(*stream_, *client_));
    auto& loop = io::Loop::current();
    auto timeout = server_ ? server_->handshake_timeout : client_->handshake_timeout;
    stream_->set_deadline(std::min(deadline_, loop.now() + timeout));
    while (true) {
      while (!take_step()) co_await loop.yield();
      auto progress = CO_TRY(session_->handshake());
      if (progress == Session::Progress::done) break;
      auto ready =
          progress == Session::Progress::waits_for_input ? co_await stream_->readable() : co_await stream_->writable();
      if (!ready) co_return fail(kTlsHandshake, "handshake: " + ready.error().text());
    }
    stream_->set_deadline(deadline_);
    established_ = true;
    co_return Result<void>();
  }

  std::unique_ptr<io::Stream> stream_;
  std::shared_ptr<const ServerOptions> server_;
  std::shared_ptr<const ClientOptions> client_;
  std::unique_ptr<Session> session_;
  Moment deadline_ = Moment::never();
  bool established_ = false;
};

io::Task<Result<std::unique_ptr<Connection>>> encrypt(std::unique_ptr<Connection> connection) {
  Input nothing;
  CO_TRY(co_await connection->start_tls(nothing));
  co_return connection;
}

}  // namespace

std::unique_ptr<Connection> server_connection(std::unique_ptr<io::Stream> stream,
                                              std::shared_ptr<const ServerOptions> options) {
  return std::make_unique<TlsConnection>(std::move(stream), std::move(options));
}

std::unique_ptr<Connection> client_connection(std::unique_ptr<io::Stream> stream,
                                              std::shared_ptr<const ClientOptions> options) {
  return std::make_unique<TlsConnection>(std::move(stream), std::move(options));
}

io::Task<Result<std::unique_ptr<Connection>>> accept(std::unique_ptr<io::Stream> stream,
                                                     std::shared_ptr<const ServerOptions> options) {
  return encrypt(server_connection(std::move(stream), std::move(options)));
}

io::Task<Result<std::unique_ptr<Connection>>> connect(std::unique_ptr<io::Stream> stream,
                                                      std::shared_ptr<const ClientOptions> options) {
  return encrypt(client_connection(std::move(stream), std::move(options)));
}

}  // namespace angarium::wire::tls
