// The client's side of POP3: typed calls over one connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/task.h"
#include "protocol/pop3/reader.h"
#include "protocol/pop3/types.h"
#include "sasl/client.h"
#include "sasl/mechanism.h"
#include "wire/connection/connection.h"
#include "wire/framing/input.h"
#include "wire/framing/output.h"

namespace angarium::protocol::pop3 {

/// Where retrieved messages go: begin(), append() as often as it takes, end(); or refused(). An error of any of them
/// ends the retrieval with that error, and the connection is of no more use.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual Result<> begin(Number number) = 0;
  /// Octets of the message, dots unstuffed. Gone when the task ends; nothing more is read before it does.
  virtual io::ValueOrTask<Result<>> append(std::string_view octets) = 0;
  virtual io::ValueOrTask<Result<>> end(Number number) = 0;
  /// The server said -ERR to this one; the others go on.
  virtual Result<> refused(Number number, const Error& error) = 0;
};

/// Octets stood between the server's agreement to TLS and the handshake: somebody injected them (RFC 2595 §4).
inline constexpr ErrorKind kInjected{"pop3.injected-plaintext", Fault::dependency, Lasting::temporary};

/// A message that is under way must bring so many octets within the timeout.
inline constexpr std::size_t kPaceOctets = 64 * 1024;
/// Challenges of one authentication: SCRAM has two, LOGIN three.
inline constexpr std::size_t kChallengesMax = 16;

struct ClientOptions {
  /// For each answer, or kPaceOctets of a message.
  Duration timeout = std::chrono::minutes(5);
  /// Whether a password may cross a connection without TLS; proofs (SCRAM) always may.
  sasl::Plaintext plaintext_without_tls = sasl::Plaintext::refused;
  /// Commands sent ahead of their answers where the server announces PIPELINING.
  std::size_t pipeline_max = 64;
};

struct Credentials {
  sasl::Identity identity{};
  sasl::Secret password{};
  sasl::Needs has = sasl::Needs::password;
  /// Whether APOP, CRAM-MD5 and the like will do where the server has nothing sound: who listens to them can guess the
  /// password.
  sasl::Choice::Weak weak = sasl::Choice::Weak::refused;
  std::string host{};  ///< the server's name, as DIGEST-MD5 wants it
  /// What a security layer has to do at least, and may do at most, where there is no TLS.
  sasl::Protection protection_min = sasl::Protection::none;
  sasl::Protection protection_max = sasl::Protection::none;
  std::unique_ptr<sasl::GssContext> gss{};  ///< Needs::ticket
};

struct Stat {
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;
};
struct Listed {
  Number number;
  std::uint64_t octets;
};
struct Unique {
  Number number;
  std::string id;
};

/// What -ERR means to a caller of the client.
Error error_of(const Status& status);

/// One session. The connection outlives it. Calls are awaited one after the other, begin with greeting(), and give what
/// the server said with -ERR as kInUse, kLoginDelay, kTemporary, kNeedsUtf8, sasl::kBadCredentials or kRefused; after
/// any other error (kBadReply, those of the stream) the connection is of no more use. Belongs to one loop.
class Client {
 public:
  explicit Client(wire::Connection& connection, ClientOptions options = {})
      : connection_(&connection), options_(options) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  io::Task<Result<>> greeting();
  /// Asks for the capabilities; a server without CAPA has none.
  io::Task<Result<>> capa();
  [[nodiscard]] const std::vector<Capability>& capabilities() const { return capabilities_; }
  [[nodiscard]] const Capability* capability(std::string_view keyword) const;
  /// STLS, then capa() again. kRefused when the server has no TLS; kInjected.
  io::Task<Result<>> stls();
  /// UTF8 (RFC 6856), before login.
  io::Task<Result<>> utf8();
  /// By the best way both have: SASL, USER and PASS, APOP. kNoMechanism when none is safe. Calls capa() if it was not,
  /// and again afterwards: a server may announce more to those it knows (RFC 2449 §5). Under the security layer that
  /// was agreed on, if any, goes all that follows.
  io::Task<Result<>> login(Credentials credentials);

  io::Task<Result<Stat>> stat();
  io::Task<Result<std::vector<Listed>>> list();
  io::Task<Result<std::vector<Unique>>> uidl();
  /// Retrieves in order, several at once on their way if the server can.
  io::Task<Result<>> retr(std::span<const Number> numbers, MessageSink& sink);
  io::Task<Result<>> top(Number number, std::uint64_t lines, MessageSink& sink);
  /// Marks in order; the first refusal is returned once all answers are read.
  io::Task<Result<>> dele(std::span<const Number> numbers);
  io::Task<Result<Number>> last();
  io::Task<Result<>> rset();
  io::Task<Result<>> noop();
  /// Removes what is marked. After an error nothing is known to be removed.
  io::Task<Result<>> quit();

 private:
  io::Task<Result<std::string_view>> next_line();
  /// The next status line's text; -ERR as an error. A view valid until more is read.
  io::Task<Result<std::string_view>> answer();
  io::Task<Result<std::string_view>> command(std::string_view line);
  /// The next line of a listing; no value at its end.
  io::Task<Result<std::optional<std::string_view>>> next_entry();
  io::Task<Result<>> receive(Number number, MessageSink& sink);
  io::Task<Result<>> receive_body(MessageSink& sink);
  io::Task<Result<>> login_sasl(const sasl::Mechanism& mechanism, sasl::ClientContext credentials);
  /// Of the server's outcome on: who it is, and what lies over the connection.
  Result<> let_in(sasl::ClientExchange& exchange);
  io::Task<Result<>> login_apop(sasl::ClientContext credentials);
  io::Task<Result<>> login_user(sasl::ClientContext credentials);
  [[nodiscard]] std::size_t window() const;
  io::Task<Result<>> log_in(Credentials credentials);
  void restart_deadline();

  wire::Connection* connection_;
  std::unique_ptr<wire::Connection> secured_{};  ///< what it points to under a security layer
  ClientOptions options_;
  wire::Input input_{};
  wire::Output output_{};
  std::string timestamp_{};
  std::vector<Capability> capabilities_{};
  enum class Asked { no, yes } asked_ = Asked::no;
};

}  // namespace angarium::protocol::pop3
