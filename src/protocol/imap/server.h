// The server's half of IMAP4rev1 and IMAP4rev2: one object a connection.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "io/task.h"
#include "protocol/imap/backend.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/state.h"
#include "wire/connection/connection.h"

namespace angarium::protocol::imap {

class Session;

/// The same for all connections of a listener; outlives them.
struct ServerOptions {
  std::string greeting = "Angarium ready";
  /// What ID answers (RFC 2971); pairs of name and value.
  std::vector<std::pair<std::string, std::string>> id = {{"name", "Angarium"}};
  /// Octets of a message (RFC 7889); announced and refused above. nullopt: announced for each mailbox only.
  std::optional<std::uint64_t> append_limit = 64 * 1024 * 1024;
  /// Messages that one command works on (RFC 9738); 0: as many as it names.
  std::uint32_t message_limit = 0;
  Duration idle_timeout = kIdleTimeout;
  Duration login_timeout = kLoginTimeout;
  Duration send_timeout = kSendTimeout;
};

/// Serves one connection. On its loop only.
class Server {
 public:
  /// All three outlive it.
  Server(wire::Connection& connection, Authenticator& authenticator, const ServerOptions& options);
  ~Server();
  /// From greeting to end; closes nothing: the connection's owner does. Called once. `known`: whose connection it is
  /// without any login; the greeting is PREAUTH then (RFC 9051 §7.1.4).
  io::Task<> run(std::shared_ptr<Account> known = {});
  /// Ends the session with BYE as soon as the command at work is answered; idle sessions at once.
  void stop();

 private:
  io::Task<Result<void>> converse();
  io::Task<Result<void>> command();
  io::Task<Result<void>> refuse_literal(bool of_annotation);
  io::Task<Result<void>> dispatch();
  io::Task<Result<Reply>> perform(Command& command);
  io::Task<Result<void>> finish(std::string_view tag, Result<Reply> result);
  io::Task<Result<void>> follow();

  std::unique_ptr<Session> session_;
  CommandRow::Expunges expunges_ = CommandRow::Expunges::withheld;  ///< of the command at work
  Addressing addressing_ = Addressing::sequence;
};

}  // namespace angarium::protocol::imap
