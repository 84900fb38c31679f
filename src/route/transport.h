// Ways out for a recipient, and the table that chooses among them: the transport map.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "envelope/path.h"
#include "route/fact.h"

namespace angarium::route {

inline constexpr ErrorKind kBadTransport{"route.bad-transport", Fault::syntax, Lasting::permanent};
inline constexpr ErrorKind kBadRule{"route.bad-rule", Fault::syntax, Lasting::permanent};

/// To the hosts that the DNS names for the recipient's domain.
struct ByDns {
  friend bool operator==(const ByDns&, const ByDns&) = default;
};
/// What is asked of the connection to a relay.
enum class Tls : std::uint8_t {
  opportunistic,  ///< STARTTLS when it is offered, without looking at the certificate
  none,           ///< never
  required,       ///< STARTTLS, or no delivery
  verified,       ///< required, and the certificate must be the host's
  implicit,       ///< TLS from the first octet (RFC 8314), verified
};
/// To one host, always.
struct Relay {
  std::string host;  ///< a name (A and AAAA count, MX does not) or an address
  std::uint16_t port = 25;
  Tls tls = Tls::opportunistic;
  std::string login;  ///< name of the credentials to authenticate with; empty: none
  friend bool operator==(const Relay&, const Relay&) = default;
};
struct ByLmtp {
  std::string host;         ///< empty: the socket counts
  std::uint16_t port = 24;  ///< RFC 1700
  std::string socket;       ///< path of a UNIX socket
  friend bool operator==(const ByLmtp&, const ByLmtp&) = default;
};
/// Into a file, a folder or a command of this host.
struct ToTarget {
  std::string target;  ///< as delivery::parse_target() reads it
  friend bool operator==(const ToTarget&, const ToTarget&) = default;
};
struct Refuse {
  std::uint16_t code = 550;        ///< 400-599
  std::string enhanced = "5.7.1";  ///< RFC 3463; of the code's class
  std::string text;
  friend bool operator==(const Refuse&, const Refuse&) = default;
};
/// Accepted and forgotten.
struct Discard {
  friend bool operator==(const Discard&, const Discard&) = default;
};
/// Kept until its customer fetches it over a connection of its own (RFC 2645). Of [[odmr]], in no line of [transport].
struct ByAtrn {
  friend bool operator==(const ByAtrn&, const ByAtrn&) = default;
};
using Transport = std::variant<ByDns, Relay, ByLmtp, ToTarget, Refuse, Discard, ByAtrn>;

/// Octets of a transport or a key as text.
inline constexpr std::size_t kTransportTextMax = 1024;
/// Rules of a map: a table of all domains of a large site, some 20 MB.
inline constexpr std::size_t kRulesMax = 100'000;

/// One of
///
///     dns
///     relay HOST[:PORT] [tls=opportunistic|none|required|verified|implicit] [login=NAME]
///     lmtp HOST[:PORT]  |  lmtp unix:/PATH
///     target mbox:/PATH  |  target maildir:/PATH/  |  target pipe:COMMAND  |  target exec:/PROGRAM WORDS
///     error [CODE [X.Y.Z]] TEXT
///     discard
///
/// With a login, tls is verified unless it says otherwise, and never opportunistic; with none, whoever logs in has to
/// agree on a security layer.
/// HOST is a name, an IPv4 address, or an IPv6 address in brackets. A relay's port is 25, 465 with tls=implicit; an
/// error is 550 5.7.1, or 450 4.7.1 after a 4xx code. kBadTransport says what is wrong.
Result<Transport> parse_transport(std::string_view text);
/// The words a transport begins with.
std::span<const std::string_view> transport_words();
/// The inverse, in full; "atrn" for what parse_transport() does not read.
std::string transport_text(const Transport& transport);

/// One line of the table.
struct Rule {
  std::string key;
  Transport transport;
};

/// The one form of a key: two that differ in case or in the form of a domain only are the same rule. kBadRule.
Result<std::string> rule_key(std::string_view key);

struct Decision {
  Transport transport;
  std::string rule;  ///< the key that matched; empty: no rule did, so ByDns
  Facts facts;       ///< of explain() only: the keys looked for, in order, the last one matching
};

/// The transport map. Keys, in the order in which they are looked for; the first that is there wins:
///
///  1. "user@example.org"        the recipient
///  2. "example.org"             the recipient's domain, or its literal "[192.0.2.1]"
///  3. ".example.org"            domains below it: the nearest parent first; not the domain itself
///  4. "from user@example.com"   the sender; "from <>" the null reverse-path
///  5. "from example.com"        the sender's domain
///  6. "from .example.com"       domains below it, nearest first
///  7. "*"                       everything else
///
/// Local parts and domains count without regard to case, domains in any of their forms (IDNA). The order of the rules
/// does not matter. Immutable; safe from any thread.
class TransportMap {
 public:
  TransportMap() = default;
  /// kBadRule: a key that is none, or that is there twice, or too many rules.
  static Result<TransportMap> make(std::vector<Rule> rules);

  [[nodiscard]] Decision decide(const envelope::Mailbox& recipient, const envelope::ReversePath& sender) const;
  /// The same with the facts.
  [[nodiscard]] Decision explain(const envelope::Mailbox& recipient, const envelope::ReversePath& sender) const;
  [[nodiscard]] std::size_t size() const { return rules_.size(); }

 private:
  [[nodiscard]] const Rule* find(const envelope::Mailbox& recipient, const envelope::ReversePath& sender,
                                 Facts* facts) const;
  std::vector<Rule> rules_;  ///< in order of their keys
};

}  // namespace angarium::route
