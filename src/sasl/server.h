// The server's half of an authentication exchange (RFC 4422), without I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "sasl/gss.h"
#include "sasl/layer.h"
#include "sasl/otp.h"
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
  /// The protocol's service name ("smtp", "imap", "pop"): what the digest-uri of DIGEST-MD5 has to begin with. Empty:
  /// not looked at.
  std::string service{};
  /// The name clients know this host by: the realm of DIGEST-MD5 and the target of NTLM; what clients say they are
  /// connected to (digest-uri, the host of OAUTHBEARER) has to agree with it, or with one of the next. Empty: no realm,
  /// and not looked at.
  std::string host{};
  /// Whether a name is another of this host's. May be empty. What it looks at outlives the exchange.
  std::function<bool(std::string_view name)> is_other_name{};
  /// Whether a client that reached this name reached this host.
  [[nodiscard]] bool is_this_host(std::string_view name) const;
  /// The most that a security layer may do; `none` for protocols or connections that can't carry one.
  Protection protection = Protection::none;
  /// What a refused bearer token is answered with (RFC 7628 §3.2.2): the scope to ask for, and where to ask. May be
  /// empty.
  std::string token_scope{};
  std::string token_configuration{};
  /// For NTLM: clients that are told the time seal the whole exchange, if they are of this century.
  std::optional<WallTime> now{};
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
/// What mechanisms keep of a password that is as good as the password for them.
enum class KeyKind {
  hmac_md5_contexts,  ///< CRAM-MD5: hmac_md5_contexts() of the prepared password
  digest_md5,         ///< DIGEST-MD5: digest_md5_key()
  nt_hash,            ///< NTLM: nt_hash()
};
/// Look up and call answer_key().
struct KeyWanted {
  Identity identity;
  KeyKind kind;
  std::string realm;  ///< KeyKind::digest_md5 only
};
struct KeyCredentials {
  Secret key;
  Authority authority = Authority::granted;
};
/// Look up and call answer_otp(). From here to the end of the exchange no other may be under way for this user (RFC
/// 2289 §9: otherwise whoever overhears most of a password could guess the rest and be first).
struct OtpWanted {
  Identity identity;
};
/// The one-time password is right: replace the state durably, if it still is `from`, and call answer_verdict().
/// kBadCredentials when it has changed in the meantime.
struct OtpChange {
  Identity identity;
  OtpState from;
  OtpState to;
};
/// Verify the token, judge whether its owner may act as the authorization identity (which may be empty), and call
/// answer_token().
struct TokenWanted {
  Identity identity;  ///< authentication_id is empty
  Secret token;
};
/// Somebody wants in without a name: call answer_verdict(). `trace` is whatever they like to say of themselves.
struct GuestWanted {
  std::string trace;
};
/// The end: who this is. `data` goes out with the outcome (SuccessData::with_outcome only, otherwise empty).
/// `layer`, if any, holds for all octets of either side after the outcome.
struct Success {
  Identity identity;
  std::string data;
  std::unique_ptr<SecurityLayer> layer{};
};
/// The end. One's own kinds (types.h) or whatever error the caller answered.
struct Failure {
  Error error;
};
using ServerStep = std::variant<Challenge, PasswordWanted, AuthorityWanted, ScramKeysWanted, KeyWanted, OtpWanted,
                                OtpChange, TokenWanted, GuestWanted, GssWanted, Success, Failure>;

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
  /// The answer to PasswordWanted, AuthorityWanted, OtpChange and GuestWanted: nothing when the password is right and
  /// the user may act as the authorization identity, the state is replaced, the guest is let in; kBadCredentials,
  /// kNotAuthorized, kUnavailable or an error of the caller's own otherwise.
  ServerStep answer_verdict(Result<> verdict);
  /// The answer to ScramKeysWanted: no value for a user who is unknown or has no keys of this hash (the exchange goes
  /// on with false ones); an error, such as kUnavailable, ends it.
  ServerStep answer_scram(Result<std::optional<ScramCredentials>> credentials);
  /// The answers to KeyWanted and OtpWanted, alike.
  ServerStep answer_key(Result<std::optional<KeyCredentials>> credentials);
  ServerStep answer_otp(Result<std::optional<OtpCredentials>> credentials);
  /// The answer to TokenWanted: whose the token is.
  ServerStep answer_token(Result<std::string> owner);
  /// The answer to GssWanted (gss.h).
  ServerStep answer_gss(Result<GssAnswer> answer);

 protected:
  ServerExchange(ServerContext context, Starts starts) : context_(std::move(context)), starts_(starts) {}
  [[nodiscard]] const ServerContext& context() const { return context_; }

  /// For server-first mechanisms: the first challenge.
  virtual ServerStep first_challenge();
  /// A response of at most kMessageMax octets.
  virtual ServerStep receive(std::string_view response) = 0;
  virtual ServerStep verdict_given(Result<> verdict);
  virtual ServerStep scram_credentials(std::optional<ScramCredentials> credentials);
  virtual ServerStep key_given(std::optional<KeyCredentials> credentials);
  virtual ServerStep otp_given(std::optional<OtpCredentials> credentials);
  virtual ServerStep token_judged(Result<std::string> owner);
  virtual ServerStep gss_given(GssAnswer answer);

 private:
  enum class Waiting { start, response, verdict, scram_keys, key, otp, token, gss, acknowledgement, nothing };
  static Waiting waiting_after(const ServerStep& step);
  ServerStep settle(ServerStep step);
  ServerStep out_of_turn();
  ServerStep deliver(std::string_view response);

  ServerContext context_;
  Starts starts_;
  Waiting waiting_ = Waiting::start;
  std::optional<Success> proven_{};  ///< while the acknowledgement of the success data is awaited
};

/// For mechanisms: a step that ends in failure.
inline ServerStep failure(const ErrorKind& kind, std::string text) { return Failure{Error(kind, std::move(text))}; }
/// What a right proof without authority ends in: kNotAuthorized or kSecondFactor.
Error without_authority(Authority authority);

}  // namespace angarium::sasl
