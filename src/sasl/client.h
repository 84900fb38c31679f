// The client's half of an authentication exchange (RFC 4422), without I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "sasl/gss.h"
#include "sasl/layer.h"
#include "sasl/otp.h"
#include "sasl/secret.h"
#include "sasl/types.h"

namespace angarium::sasl {

/// Iteration counts a client accepts from a SCRAM server. Fewer than RFC 7677 §4 asks for would make an eavesdropper's
/// guesses cheap; two million cost this process about a second.
inline constexpr std::uint32_t kClientIterationsMin = 4096;
inline constexpr std::uint32_t kClientIterationsMax = 2'000'000;

/// Who we are and what we know of the connection.
struct ClientContext {
  Identity identity{};  ///< authorization_id empty: act as oneself
  /// What `password` is, or that it is `gss` instead: for who chooses the mechanism.
  Needs has = Needs::password;
  /// What the mechanism needs: the password, the pass phrase of one-time passwords, or the token.
  Secret password{};
  /// Bindings of this connection, the preferred first; empty without TLS.
  std::vector<ChannelBinding> bindings{};
  /// Whether the server's list held a -PLUS mechanism.
  PlusOffered plus_offered = PlusOffered::no;
  std::uint32_t iterations_min = kClientIterationsMin;
  std::uint32_t iterations_max = kClientIterationsMax;
  /// Whom we mean to talk to, for DIGEST-MD5 ("imap", "mail.example.test") and OAUTHBEARER (host, and port unless 0).
  std::string service{};
  std::string host{};
  std::uint16_t port = 0;
  /// What a security layer has to do at least, and may do at most.
  Protection protection_min = Protection::none;
  Protection protection_max = Protection::none;
  /// ANONYMOUS: what we say of ourselves; empty: nothing.
  std::string trace{};
  /// NTLM: the domain of the account, and what this host is called; both may be empty.
  std::string domain{};
  std::string workstation{};
  /// OTP: begin a new sequence along with this login. Give one when the user has agreed to it.
  std::optional<OtpRenewal> otp_renewal{};
  /// For GSSAPI and GS2-KRB5: an initiator towards `service` at `host`, that has not made a step; null: no ticket.
  std::unique_ptr<GssContext> gss{};
  /// For NTLM, when the server does not tell the time.
  WallTime now{};
  /// For nonces. Outlives the exchange.
  Random* random = &system_random();
};

/// One authentication attempt. Owned by the session, one thread at a time. After an error it is over.
class ClientExchange {
 public:
  virtual ~ClientExchange() = default;
  ClientExchange(const ClientExchange&) = delete;
  ClientExchange& operator=(const ClientExchange&) = delete;

  /// What may stand in the command, or goes out as the answer to an empty first challenge. No value: the mechanism
  /// waits for the server to begin. Call once, first.
  virtual Result<std::optional<std::string>> initial_response() = 0;
  /// The response to a challenge.
  virtual Result<std::string> respond(std::string_view challenge) = 0;
  /// The server reported success, perhaps with data: was it the right server? Call before trusting the connection.
  virtual Result<> finish(std::string_view data) = 0;
  /// After finish(): what holds for all octets of either side from the server's outcome on; null: nothing. Call once.
  virtual std::unique_ptr<SecurityLayer> take_layer() { return nullptr; }

 protected:
  explicit ClientExchange(ClientContext context) : context_(std::move(context)) {}
  [[nodiscard]] const ClientContext& context() const { return context_; }

 private:
  ClientContext context_;
};

}  // namespace angarium::sasl
