// Domains, accounts and aliases: what the directory knows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "account/on_demand.h"
#include "account/totp.h"
#include "base/result.h"
#include "base/time.h"
#include "sasl/scram.h"

namespace angarium::account {

/// There is no such domain, account or alias.
inline constexpr ErrorKind kUnknown{"account.unknown", Fault::user, Lasting::permanent};
/// The name is taken already.
inline constexpr ErrorKind kExists{"account.exists", Fault::user, Lasting::permanent};
/// An address, name or number that cannot be.
inline constexpr ErrorKind kInvalid{"account.invalid", Fault::user, Lasting::permanent};
/// A domain that still has addresses, an alias that others point to.
inline constexpr ErrorKind kInUse{"account.in-use", Fault::user, Lasting::permanent};
/// Too many password checks wait already: come back.
inline constexpr ErrorKind kBusy{"account.busy", Fault::dependency, Lasting::temporary};
/// Too many failed logins from this address: come back later.
inline constexpr ErrorKind kLockedOut{"account.locked-out", Fault::user, Lasting::temporary};
/// A stored record that does not decode.
inline constexpr ErrorKind kDamagedRecord{"account.damaged-record", Fault::ours, Lasting::permanent};

/// Never reused; names the account's mail in the store.
using AccountId = std::uint64_t;

/// Limits of what is stored. Beyond: kInvalid.
inline constexpr std::size_t kAddressMax = 320;    ///< octets: local part 64 and domain 255 (RFC 5321 §4.5.3.1), "@"
inline constexpr std::size_t kNameMax = 256;       ///< octets of a display name
inline constexpr std::size_t kTargetsMax = 1000;   ///< targets of one alias, and recipients one address may become
inline constexpr std::size_t kAliasDepthMax = 10;  ///< aliases that point to aliases
/// Addresses that are looked at for a loop before an alias is added: ten full lists. One behind them closes a loop that
/// mail finds.
inline constexpr std::size_t kLoopAddressesMax = 10'000;
inline constexpr std::size_t kPasswordMin = 1;  ///< octets; whoever sets it decides, we only refuse the empty one

/// How much an account may hold. Zero: no limit.
struct Quota {
  std::uint64_t octets = 0;
  std::uint64_t messages = 0;
  friend bool operator==(const Quota&, const Quota&) = default;
};

/// What is kept of a password. Whoever steals it has to guess.
struct Credentials {
  std::string argon2id;                ///< in the encoded form "$argon2id$v=19$…"; empty: no password login
  std::vector<sasl::ScramKeys> scram;  ///< one for each hash
  std::uint64_t version = 0;           ///< grows with each change, so that what was verified before is forgotten
  OnDemand on_demand{};                ///< what is kept beside these for who asked for it
};

enum class Status : std::uint8_t { enabled, disabled };

/// How an account came to be.
enum class Origin : std::uint8_t {
  added,      ///< by who administers
  host,       ///< by itself, for a user of the host (Users): aliases and .forward files come before it
  elsewhere,  ///< by itself, for somebody of a directory kept elsewhere, who is gone when that says so
};

struct Account {
  AccountId id = 0;
  std::string address;  ///< canonical: see canonical_address()
  std::string name;     ///< for people
  Status status = Status::enabled;
  Origin origin = Origin::added;
  Quota quota;
  Credentials credentials;
  WallTime created;
  /// Without it the password, and what is made of it, is enough.
  std::optional<Totp> totp{};

  [[nodiscard]] bool wants_second_factor() const { return totp && totp->on; }
  std::string moved_to{};  ///< where its mail is read instead: an IMAP URL of a server; empty: here
};

struct Domain {
  std::string name;        ///< A-labels, lower case
  std::string catch_all;   ///< canonical address that gets what nobody else does; empty: refused
  std::string postmaster;  ///< who gets its postmaster's mail while there is no such address: its first account
  WallTime created;
};

/// An address that stands for others.
struct Alias {
  enum class Kind : std::uint8_t { alias, group };
  std::string address;
  Kind kind = Kind::alias;
  /// Canonical addresses; of other hosts, whose local parts are theirs to compare: as canonical_target() writes them.
  std::vector<std::string> targets;
  WallTime created;
};

/// The one way an address is written here: local part without quotes and in lower case, domain as lower-case A-labels.
/// Errors: kInvalid.
Result<std::string> canonical_address(std::string_view text);
/// The same for an address that may be another host's: the local part stays as it is, in quotes where it needs them.
Result<std::string> canonical_target(std::string_view text);
/// The domain's canonical name, or kInvalid.
Result<std::string> canonical_domain(std::string_view text);

}  // namespace angarium::account
