// One TLS session over a stream's try_ calls: never waits, knows no coroutine.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "io/stream.h"
#include "wire/connection/connection.h"
#include "wire/tls/connection.h"
#include "wire/tls/context_body.h"

namespace angarium::wire::tls {

/// Holds no buffer of its own while idle: OpenSSL reads straight from the stream, and what it writes stands in a spare
/// string of the thread until the stream took it.
class Session {
 public:
  /// The stream and the options must outlive the session.
  static Result<std::unique_ptr<Session>> make_server(io::Stream& stream, const ServerOptions& options);
  static Result<std::unique_ptr<Session>> make_client(io::Stream& stream, const ClientOptions& options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  enum class Progress { done, waits_for_input, waits_for_output };
  /// Goes on with the handshake as far as it gets. On an error an alert was sent, as far as the stream took it.
  Result<Progress> handshake();
  /// As Stream::try_read: kEndOfStream after close_notify, kReset when the stream ends without one.
  Result<std::size_t> try_read(std::span<char> room);
  /// As Stream::try_write, with one condition more: when less was taken than given, the next call begins with the
  /// octet that was not taken.
  Result<std::size_t> try_write(std::span<const std::string_view> pieces);
  /// Sends close_notify as far as the stream takes it, once.
  void close_notify();

  /// Whether try_read may have something to say before the stream is readable again.
  [[nodiscard]] bool may_read() const { return may_read_; }
  [[nodiscard]] const TlsInfo& info() const { return info_; }
  [[nodiscard]] Result<std::string> channel_binding(std::string_view type) const;

 private:
  enum class Role { server, client };
  Session(io::Stream& stream, Role role) : stream_(stream), role_(role) {}

  Result<void> attach(SSL_CTX* context);
  /// Sends what is sealed; true when nothing is left.
  Result<bool> flush();
  Error failure(const ErrorKind& kind, std::string_view what);
  void learn();

  static int read_sealed(BIO* bio, char* room, std::size_t size, std::size_t* count);
  static int write_sealed(BIO* bio, const char* octets, std::size_t size, std::size_t* count);
  static long control(BIO* bio, int command, long number, void* pointer);
  static const BIO_METHOD* method();

  io::Stream& stream_;
  Role role_;
  Ssl ssl_;
  Handshaking handshaking_;
  std::string sealed_;  ///< records the stream did not take yet, from sealed_sent_ on
  std::size_t sealed_sent_ = 0;
  bool withheld_ = false;  ///< the last octet sealed was not reported as taken: it comes again
  bool may_read_ = true;
  bool failed_ = false;
  bool said_goodbye_ = false;
  bool verify_ = false;
  std::optional<Error> stream_error_;  ///< what the stream said while OpenSSL read from it
  TlsInfo info_;
};

}  // namespace angarium::wire::tls
