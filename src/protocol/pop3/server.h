// The server's side of a POP3 session.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/event.h"
#include "io/task.h"
#include "protocol/pop3/backend.h"
#include "sasl/mechanism.h"
#include "wire/connection/connection.h"

namespace angarium::protocol::pop3 {

enum class Apop { off, on };

/// The site's policy for one connection.
struct ServerOptions {
  /// For the greeting and APOP's timestamp.
  std::string hostname = "localhost";
  /// Whether a password may come without TLS. With TLS it always may (RFC 8314 §3).
  sasl::Plaintext plaintext_without_tls = sasl::Plaintext::refused;
  /// SASL mechanisms that are switched on.
  std::vector<std::string_view> mechanisms = {
      "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "EXTERNAL", "PLAIN", "LOGIN"};
  /// Needs plain secrets in the directory; weak.
  Apop apop = Apop::off;
  /// The autologout timer; RFC 1939 §3 asks for 10 minutes at least.
  Duration idle_timeout = std::chrono::minutes(10);
  /// The same before login, where waiting clients are worth less.
  Duration login_timeout = std::chrono::minutes(1);
  /// What is sent must be taken within this time.
  Duration send_timeout = std::chrono::minutes(5);
  /// A failed login is answered so much later, and each further one of the connection twice as late.
  Duration failure_delay = std::chrono::seconds(2);
  /// Failed logins before the server hangs up.
  unsigned failures_max = 3;
  /// Seconds between logins, announced (RFC 2449 §6.5) and enforced by the Authenticator; 0: none.
  unsigned login_delay_s = 0;
  /// Days a message is kept at least, announced (RFC 2449 §6.7); no value: NEVER deleted by the site.
  std::optional<unsigned> expire_days{};
  /// The IMPLEMENTATION capability, one word; empty: not announced.
  std::string implementation = "Angarium";
};

/// Speaks POP3 on the connection until it ends, and closes it. Nothing is removed unless QUIT was answered with +OK.
/// Both references outlive the task. When `stop` (of this session alone) is set, a session that waits for a command is
/// told and ends; a command that runs is finished first.
io::Task<> serve(wire::Connection& connection, Authenticator& authenticator, const ServerOptions& options,
                 io::Event* stop = nullptr);

}  // namespace angarium::protocol::pop3
