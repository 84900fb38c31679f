// Which hosts take the mail of a domain, and in what order they are tried: RFC 5321 §5, RFC 7505.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "io/resolve.h"
#include "route/fact.h"

namespace angarium::route {

/// MX records that are looked at, best first. Large providers name some five; each costs two questions.
inline constexpr std::size_t kHostsMax = 16;
/// Addresses of one host, both families together.
inline constexpr std::size_t kAddressesPerHostMax = 8;
/// Addresses in all: what one delivery may try. RFC 5321 §5.1 wants two at least.
inline constexpr std::size_t kHopsMax = 32;

/// Why there is no host to try.
enum class Failure : std::uint8_t {
  none,
  dns,             ///< nothing is known yet: the only one that is temporary (RFC 5321 §5.1: queue and try again)
  bad_domain,      ///< no name that the DNS can have, or an address literal of a kind nobody knows
  no_such_domain,  ///< NXDOMAIN
  null_mx,         ///< the domain takes no mail (RFC 7505)
  no_host,         ///< neither MX nor address records
  unusable,        ///< MX records, but no host of them has an address that can be tried
  loop,            ///< we are the best host there is
};

/// A reply and its enhanced code (RFC 3463).
struct Status {
  std::uint16_t code;
  std::string enhanced;
  std::string text;
};
/// For a recipient of the domain; 451 4.4.3 when temporary, 556 5.1.10 for null MX (RFC 7505 §4.1). Not for `none`.
Status recipient_status(Failure failure, std::string_view domain);
/// For a sender of the domain, whose reports would go there; 550 5.7.27 for null MX (RFC 7505 §4.1). Nothing for
/// `loop`: reports to it end here.
std::optional<Status> sender_status(Failure failure, std::string_view domain);

/// One address to try.
struct Hop {
  std::string host;  ///< the MX host, the domain itself, or the literal in brackets: the name to verify TLS by
  io::IpAddress address;
  std::uint16_t preference = 0;
  /// `secure` when both the way to the host and its address are: what DANE needs (RFC 7672 §2.2).
  io::Dnssec dnssec = io::Dnssec::insecure;
  friend bool operator==(const Hop&, const Hop&) = default;
};

struct Hosts {
  Failure failure = Failure::none;
  std::vector<Hop> hops;  ///< in order; empty only with a failure
  /// How long this holds; 0 for temporary failures and for literals. Caching is the resolver's: ask again whenever it
  /// is needed.
  std::chrono::seconds ttl{0};
  Facts facts;

  [[nodiscard]] bool temporary() const { return failure == Failure::dns; }
};

struct HostsOptions {
  /// The names and addresses "by which it might be known in mail transactions" (RFC 5321 §5.1).
  std::vector<std::string> own_names;
  std::vector<io::IpAddress> own_addresses;
  /// A remote domain that names a loopback address means the host that reads it: us.
  enum class Loopback : std::uint8_t { is_us, may_be_tried } loopback = Loopback::is_us;
  enum class Families : std::uint8_t { both, v4, v6 } families = Families::both;
  Duration question_timeout = std::chrono::seconds(15);  ///< of each of the two rounds of questions
};

/// For mail to `domain`: a domain name, U-labels too, or an address literal with its brackets (RFC 5321 §4.1.3). Hosts
/// of equal preference come in an order that `random` gives; addresses of a host in the order of its answer, IPv6 and
/// IPv4 by turns. What is passed by reference must live as long as the task.
io::Task<Hosts> find_hosts(io::Resolver& resolver, std::string domain, const HostsOptions& options, Random& random);

/// The addresses of a host that the operator names as a relay: no MX records; ourselves is no loop here.
io::Task<Hosts> find_relay(io::Resolver& resolver, std::string host, const HostsOptions& options);

}  // namespace angarium::route
