// Boxes at other hosts whose mail is brought into an account here.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sasl/types.h"

namespace angarium::fetch {

/// There is no such box.
inline constexpr ErrorKind kUnknown{"fetch.unknown", Fault::user, Lasting::permanent};
/// The account has a box of this name.
inline constexpr ErrorKind kExists{"fetch.exists", Fault::user, Lasting::permanent};
/// What a box cannot be.
inline constexpr ErrorKind kInvalid{"fetch.invalid", Fault::user, Lasting::permanent};
/// A stored record that does not decode.
inline constexpr ErrorKind kDamagedRecord{"fetch.damaged-record", Fault::ours, Lasting::permanent};

/// Limits of what is stored. Beyond: kInvalid.
inline constexpr std::size_t kBoxesMax = 100;        ///< of one account
inline constexpr std::size_t kNameMax = 64;          ///< octets of a box's name
inline constexpr std::size_t kTextMax = 512;         ///< octets of a host, a user name, a password, a folder, a path
inline constexpr std::size_t kFoldersMax = 200;      ///< folders that are named
inline constexpr std::size_t kErrorMax = 500;        ///< octets of the last error that are kept
inline constexpr std::size_t kUniqueIdMax = 70;      ///< RFC 1939 §7
inline constexpr std::size_t kPassedOverMax = 1000;  ///< messages of one folder that cannot be taken
inline constexpr auto kEveryMin = std::chrono::seconds(30);  ///< between two looks: more often is IDLE's work
inline constexpr auto kEveryMax = std::chrono::hours(24 * 7);

/// odmr: a provider that holds mail for domains of this host (RFC 2645); it comes as over our own port, and the account
/// is who answers for it alone.
enum class Protocol : std::uint8_t { pop3, imap, odmr };
enum class Tls : std::uint8_t { implicit, starttls, none };
enum class Certificate : std::uint8_t {
  checked,  ///< vouched for by an authority of the system, and the host's
  any,      ///< not looked at
};
enum class Watching : std::uint8_t { polls, idles };
enum class Pause : std::uint8_t {
  none,
  by_user,
  refused,  ///< the server does not let us in, or cannot do what is asked: a person has to look
};

/// Never used again for another box; what is kept of its messages lies under it.
using BoxId = std::uint64_t;

struct Box {
  BoxId id = 0;
  std::uint64_t account = 0;
  std::string address;  ///< of the account, for trace fields and lists
  std::string name;     ///< what the user calls it, unique in the account
  Protocol protocol = Protocol::imap;
  std::string host;
  std::uint16_t port = 993;
  Tls tls = Tls::implicit;
  Certificate certificate = Certificate::checked;
  std::string user;
  std::string password;    ///< since it has to be said; sealed in the store, never shown, never logged
  std::string sealed;      ///< as it lies there when it does not open: the password is empty then
  std::string token_file;  ///< instead of the password: where an access token is, read at each look
  std::string tickets;     ///< instead of both: a credentials cache of Kerberos; `user` is whose
  /// Without TLS: what a security layer has to do at least. None: the strongest that can be had, or none.
  sasl::Protection layer = sasl::Protection::none;
  std::vector<std::string> folders;  ///< IMAP: by name; empty: INBOX; one "*": all
  /// Where INBOX goes; other folders go below it, or, when it is empty, by their own names.
  std::string into;
  std::chrono::seconds every = std::chrono::minutes(15);
  Watching watching = Watching::polls;
  /// Days after which the server's copy is removed, 0: as soon as ours is durable. None: it is kept. POP3 counts from
  /// when it was fetched, IMAP from when it arrived there.
  std::optional<std::uint32_t> remove_after;
  Pause pause = Pause::none;
};

/// What became of a box so far.
struct Progress {
  WallTime last_run;              ///< when the last one ended; 0: never
  WallTime last_success;          ///< 0: never
  WallTime next;                  ///< 0: now
  std::uint64_t messages = 0;     ///< fetched in all
  std::uint64_t passed_over = 0;  ///< not taken: larger than any message may be here
  std::uint32_t failures = 0;     ///< in a row
  std::string error;              ///< of the last run, in the server's words; empty: it went well
};

/// A message of a POP3 server that was fetched, or passed over.
struct Mark {
  WallTime at;
  bool passed_over = false;
};

/// A message of an IMAP server that it did not give.
struct Owed {
  std::uint32_t uid = 0;
  std::uint32_t refusals = 0;  ///< in a row
  WallTime next;               ///< when it is asked for again
};

/// The public keys (wire::TlsInfo::peer_key) of a server that no authority vouches for.
struct Pin {
  std::string known;    ///< believed; empty: whoever is there first
  std::string refused;  ///< another that was shown since, until somebody has looked; empty: none
};

/// How far a folder of an IMAP server was fetched.
struct FolderState {
  std::uint32_t uid_validity = 0;
  std::uint32_t last = 0;                  ///< all UIDs up to it are here, were passed over, or are owed
  std::vector<std::uint32_t> passed_over;  ///< ascending; they stay at the server
  std::vector<Owed> owed;                  ///< ascending; kPassedOverMax at most
};

}  // namespace angarium::fetch
