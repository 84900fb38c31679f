// What all mechanisms share: identities, channel bindings, limits and the kinds of failure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace angarium::sasl {

/// A message of either side, decoded from base64: RFC 4954 §4 lets a line of base64 have 12,288 octets.
inline constexpr std::size_t kMessageMax = 12'288 / 4 * 3;
/// A user name or authorization identity in octets. RFC 4616 §2 asks for 255 at least; a mail address in UTF-8 and a
/// realm fit.
inline constexpr std::size_t kNameMax = 1020;
/// A password in octets. RFC 4616 §2 asks for 255 at least; more would only feed the hash of an attacker's choice.
inline constexpr std::size_t kPasswordMax = 1024;

/// The grammar of the mechanism was broken.
inline constexpr ErrorKind kMalformed{"sasl.malformed", Fault::syntax, Lasting::permanent};
/// A message, name, password, nonce or salt above its limit.
inline constexpr ErrorKind kTooLong{"sasl.too-long", Fault::syntax, Lasting::permanent};
/// Unknown user, wrong password or proof: never told apart.
inline constexpr ErrorKind kBadCredentials{"sasl.bad-credentials", Fault::user, Lasting::permanent};
/// The proof was right, but this user may not act as the authorization identity asked for.
inline constexpr ErrorKind kNotAuthorized{"sasl.not-authorized", Fault::user, Lasting::permanent};
/// The proof was right, and is not enough: the account has a second factor, for which this way has no place.
inline constexpr ErrorKind kSecondFactor{"sasl.second-factor", Fault::user, Lasting::permanent};
/// The password was right, and is not for this: one that was made for other uses, or whose time is over.
inline constexpr ErrorKind kOutOfScope{"sasl.out-of-scope", Fault::user, Lasting::permanent};
/// Channel binding is absent, of the wrong type or different on both ends, or the mechanism list was tampered with.
inline constexpr ErrorKind kChannelBinding{"sasl.channel-binding", Fault::user, Lasting::permanent};
/// The client gave up with "*".
inline constexpr ErrorKind kAborted{"sasl.aborted", Fault::user, Lasting::permanent};
/// The check could not be made now.
inline constexpr ErrorKind kUnavailable{"sasl.unavailable", Fault::dependency, Lasting::temporary};
/// Client side: the server's answer proves that it does not know the password, or never proved that it does.
inline constexpr ErrorKind kServerNotAuthentic{"sasl.server-not-authentic", Fault::dependency, Lasting::permanent};
/// Client side: the server asks for fewer or more iterations than we accept.
inline constexpr ErrorKind kIterations{"sasl.iterations", Fault::dependency, Lasting::permanent};
/// Client side: the sequence of one-time passwords is used up; the user has to begin a new one.
inline constexpr ErrorKind kExhausted{"sasl.exhausted", Fault::user, Lasting::permanent};
/// A buffer of a security layer that is too long, forged, repeated or out of order: the connection is to be closed, and
/// another one may do.
inline constexpr ErrorKind kLayer{"sasl.layer", Fault::syntax, Lasting::temporary};

/// What somebody is who got in: a guest (ANONYMOUS) has no account, whatever the name says.
enum class Standing { user, guest };

/// What the client needs to have.
enum class Needs {
  password,
  external_identity,
  pass_phrase,  ///< of one-time passwords
  token,        ///< of OAuth 2.0
  ticket,       ///< of Kerberos
  nothing,      ///< to come as a guest
};

/// Who proved to be, and as whom they wish to act. Both are SASLprep'ed. Whether the first may act as the second is
/// judged by whoever knows the credentials.
struct Identity {
  std::string authentication_id;
  std::string authorization_id;  ///< empty: none was asked for
  Standing standing = Standing::user;
  friend bool operator==(const Identity&, const Identity&) = default;
};

/// RFC 5929, RFC 9266. The caller gives "tls-exporter" for TLS 1.3, "tls-unique" only for TLS 1.2 with extended
/// master secret (without it the value can be made equal on two connections, RFC 7627 §1).
struct ChannelBinding {
  std::string type;
  std::string data;
};

/// Whether the server's list of mechanisms held one with channel binding: the fact a downgrade would hide.
enum class PlusOffered { no, yes };

/// The hash of a SCRAM mechanism.
enum class Hash { sha1, sha256, sha512 };

/// What a security layer does for the octets that follow the exchange.
enum class Protection { none, integrity, confidentiality };

}  // namespace angarium::sasl
