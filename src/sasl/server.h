// The server's half of an authentication exchange (RFC 4422), without I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/random.h"
#include "sasl/scram.h"
#include "sasl/secret.h"
#include "sasl/types.h"

namespace angarium::sasl {

/// How the protocol hands over data that a mechanism sends along with success (RFC 4422 §3.6).
enum class SuccessData {
  as_challenge,  ///< SMTP, IMAP, POP3: a last challenge, answered by an empty response
  with_outcome,  ///< ManageSieve, HTTP: in the reply itself
};

/// What a mechanism may know of the connection and the site.
struct ServerContext {
  /// Bindings of this connection; empty without TLS.
  std::vector<ChannelBinding> bindings{};
  /// Whether a -PLUS mechanism stood in the list this client was shown.
  PlusOffered plus_offered = PlusOffered::no;
  /// The user that the TLS client certificate, or another layer below, has already proved (EXTERNAL).
  std::optional<std::string> external_identity{};
  SuccessData success_data = SuccessData::as_challenge;
  /// Makes stable salts for users who do not exist. At least 16 octets, kept over restarts, the site's secret.
  std::string fake_salt_key{};
  /// What account/ gives new users; unknown users are shown the same.
  std::uint32_t scram_iterations = kScramIterations;
  /// For nonces. Outlives the exchange.
  Random* random = &system_random();
};

/// Send this and call step() with the client's response.
struct Challenge {
  std::string octets;
};
/// Verify and call answer_verdict(). Both names and the password are SASLprep'ed; authorization_id may be empty.
struct PasswordWanted {
  Identity identity;
  Secret password;
};
/// Who it is has been proved already: judge whether there is such an account, and whether it may act as the
/// authorization identity, and call answer_verdict().
struct AuthorityWanted {
  Identity identity;
};
/// Look up and call answer_scram().
struct ScramKeysWanted {
  Identity identity;
  Hash hash;
};
/// The end: who this is. `data` goes out with the outcome (SuccessData::with_outcome only, otherwise empty).
struct Success {
  Identity identity;
  std::string data;
};
/// The end. One's own kinds (types.h) or whatever error the caller answered.
struct Failure {
  Error error;
};
using ServerStep = std::variant<Challenge, PasswordWanted, AuthorityWanted, ScramKeysWanted, Success, Failure>;

/// One authentication attempt. The caller feeds responses and answers requests in turn; a call out of turn ends the
/// exchange with kBroken. After Success or Failure it is over. Owned by the session, one thread at a time.
class ServerExchange {
 public:
  enum class Starts { client, server };

  virtual ~ServerExchange() = default;
  ServerExchange(const ServerExchange&) = delete;
  ServerExchange& operator=(const ServerExchange&) = delete;

  /// First call, with the initial response if the client sent one. Without one a client-first mechanism asks for it
  /// by an empty challenge.
  ServerStep start(std::optional<std::string_view> initial_response);
  /// The client's response to a Challenge.
  ServerStep step(std::string_view response);
  /// The answer to PasswordWanted and AuthorityWanted: nothing when the password is right and the user may act as the
  /// authorization identity; kBadCredentials, kNotAuthorized, kUnavailable or an error of the caller's own otherwise.
  ServerStep answer_verdict(Result<> verdict);
  /// The answer to ScramKeysWanted: no value for a user who is unknown or has no keys of this hash (the exchange goes
  /// on with false ones); an error, such as kUnavailable, ends it.
  ServerStep answer_scram(Result<std::optional<ScramCredentials>> credentials);

 protected:
  ServerExchange(ServerContext context, Starts starts) : context_(std::move(context)), starts_(starts) {}
  [[nodiscard]] const ServerContext& context() const { return context_; }

  /// For server-first mechanisms: the first challenge.
  virtual ServerStep first_challenge();
  /// A response of at most kMessageMax octets.
  virtual ServerStep receive(std::string_view response) = 0;
  virtual ServerStep verdict_given(Result<> verdict);
  virtual ServerStep scram_credentials(std::optional<ScramCredentials> credentials);

 private:
  enum class Waiting { start, response, verdict, scram_keys, acknowledgement, nothing };
  ServerStep settle(ServerStep step);
  ServerStep out_of_turn();
  ServerStep deliver(std::string_view response);

  ServerContext context_;
  Starts starts_;
  Waiting waiting_ = Waiting::start;
  std::optional<Identity> proven_{};  ///< while the acknowledgement of the success data is awaited
};

/// For mechanisms: a step that ends in failure.
inline ServerStep failure(const ErrorKind& kind, std::string text) { return Failure{Error(kind, std::move(text))}; }

}  // namespace angarium::sasl
