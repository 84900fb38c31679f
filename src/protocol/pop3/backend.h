// All that POP3 knows of the house, grouped by the state of the session. Bodies: agents, and memory_backend.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/task.h"
#include "protocol/pop3/types.h"
#include "sasl/types.h"
#include "wire/connection/connection.h"
#include "wire/saslsec/desk.h"

namespace angarium::protocol::pop3 {

/// A piece of a message. Octets without an owner are copied before the next call; with one they stay valid as long as
/// it lives and go out without a copy.
struct Piece {
  std::string_view octets;
  std::shared_ptr<const void> owner;
};

/// One message, read from front to end. The octets are those of its presentation: all lines end with CR LF, the last
/// one too.
class MessageSource {
 public:
  virtual ~MessageSource() = default;
  /// Of all pieces together.
  [[nodiscard]] virtual std::uint64_t octets() const = 0;
  /// The next piece, of at most some hundred KiB; empty at the end. The first call's error is told to the client;
  /// a later one ends the connection, for +OK can't be taken back.
  virtual io::ValueOrTask<Result<Piece>> next() = 0;
};

/// Whether the client takes the message (which may then count as seen) or looks at its beginning.
enum class Purpose : std::uint8_t { retrieve, top };

/// TRANSACTION and UPDATE: the messages as they were when the maildrop was opened; nothing of it changes until
/// remove(). Held by one session; its end releases the exclusive lock (RFC 1939 §4). Messages are counted from 0 here.
class Maildrop {
 public:
  virtual ~Maildrop() = default;
  [[nodiscard]] virtual std::size_t count() const = 0;
  /// In the presentation that the login asked for; MessageSource::octets(), unless a downgraded message was counted by
  /// another version.
  [[nodiscard]] virtual std::uint64_t octets(std::size_t index) const = 0;
  /// 1 to kUniqueIdMax octets of 0x21 to 0x7E, the same in every session and presentation, never used again (RFC 1939
  /// §7).
  virtual void append_unique_id(std::size_t index, std::string& to) const = 0;
  /// The highest message that an earlier session retrieved, counted from 1; 0 if none (RFC 1460 §4, LAST).
  [[nodiscard]] virtual std::size_t last_accessed() const { return 0; }
  /// The source lives shorter than the maildrop. kNeedsUtf8 for a message that has no downgraded form.
  virtual io::ValueOrTask<Result<std::unique_ptr<MessageSource>>> read(std::size_t index, Purpose purpose) = 0;
  /// QUIT: all of them at once and durably, or an error and none. Ascending, called once at most.
  virtual io::Task<Result<>> remove(std::span<const std::size_t> indexes) = 0;
};

/// What a client did that honest ones seldom do, for whoever bans.
enum class Offence : std::uint8_t {
  bad_command,         ///< unknown, malformed or out of place
  too_many_errors,     ///< hung up on after kBadCommandsMax of them, or without a login in kCommandsBeforeLoginMax
                       ///< commands
  foreign_protocol,    ///< an HTTP request
  injected_plaintext,  ///< plain octets behind STLS (CVE-2011-0411)
  failed_login,
  too_slow,  ///< no login in time
};

/// A login that has been verified.
struct Login {
  sasl::Identity identity;
  std::string mechanism;  ///< "USER", "APOP" or the SASL mechanism
  Presentation presentation = Presentation::downgraded;
};

/// AUTHORIZATION. One session's counterpart: it calls one function at a time and awaits its task to the end.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  /// Before the greeting. An error is told to the client and ends the connection.
  virtual io::Task<Result<>> connected(const wire::Connection& connection) = 0;
  /// Who answers what exchanges, USER and PASS, and APOP ask; lives as long as the session.
  virtual wire::saslsec::Desk& credentials() = 0;
  /// Locks and lists the maildrop of the authorization identity, or of the authentication identity without one. kInUse,
  /// kLoginDelay, or any temporary error; the session stays in AUTHORIZATION then.
  virtual io::Task<Result<std::unique_ptr<Maildrop>>> open(const Login& login) = 0;
  virtual void offence(Offence kind) = 0;
};

}  // namespace angarium::protocol::pop3
