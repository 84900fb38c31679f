// A server's exchange on a connection: what it may use, what it has to know, and who answers what it asks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sasl/mechanism.h"
#include "wire/connection/connection.h"
#include "wire/saslsec/desk.h"

namespace angarium::wire::saslsec {

/// What the connection can be bound to (RFC 9266, RFC 5929), the preferred first; nothing without TLS. For both ends.
std::vector<sasl::ChannelBinding> channel_bindings(const Connection& connection);

/// The mechanisms of `enabled` that this connection may use now, strongest first.
std::vector<const sasl::Mechanism*> offered(std::span<const std::string_view> enabled, sasl::Plaintext plaintext,
                                            const Connection& connection, Desk& desk);

/// Why a mechanism that a client named may not be used.
enum class Judgement {
  allowed,
  unknown,    ///< nobody has heard of it, or it can't work on this connection
  off,        ///< the site does not have it
  needs_tls,  ///< it would be offered on an encrypted connection
};
/// `mechanism` is null for a name that is none; `shown` is what offered() said.
Judgement judge(const sasl::Mechanism* mechanism, std::span<const std::string_view> enabled,
                std::span<const sasl::Mechanism* const> shown, const Connection& connection);

/// One exchange of a server. Owned by the session.
class Exchange {
 public:
  /// All outlive it. `service` is the protocol's name at IANA ("smtp", "imap", "pop"); `shown` is the list that the
  /// client has got. A security layer is for connections without TLS.
  Exchange(const sasl::Mechanism& mechanism, std::string_view service, std::span<const sasl::Mechanism* const> shown,
           const Connection& connection, Desk& desk);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  [[nodiscard]] std::string_view mechanism() const { return name_; }

  /// What is to be done next: a Challenge is sent, Success and Failure are the end; nothing else comes out. `response`:
  /// first the initial one, if any, then the client's to each challenge; it is wiped.
  io::Task<sasl::ServerStep> respond(std::optional<std::string> response);

 private:
  io::Task<sasl::ServerStep> answer(sasl::ServerStep wanted);

  std::string_view name_;
  Desk& desk_;
  std::unique_ptr<sasl::ServerExchange> exchange_;
  bool started_ = false;
  bool named_ = false;  ///< keys were asked for by a name, which the client has yet to prove
};

}  // namespace angarium::wire::saslsec
