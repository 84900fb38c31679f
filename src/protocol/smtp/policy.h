// What one listener lets its clients do: role, limits, times. Data only; shared by all sessions, never changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace angarium::protocol::smtp {

/// As what the server is spoken to.
enum class Role : std::uint8_t {
  mx,          ///< port 25: anyone may bring mail
  submission,  ///< ports 587 and 465: users bring their own (RFC 6409)
  odmr,        ///< port 366: customers fetch the mail for their domains over this connection (RFC 2645)
  lmtp,        ///< a queue hands over for final delivery, one reply a recipient (RFC 2033); never on port 25
};

enum class TlsUse : std::uint8_t {
  none,      ///< no certificate: STARTTLS is not known
  offered,   ///< STARTTLS announced
  required,  ///< 530 to everything that matters before it (RFC 3207 §4)
};

enum class AuthUse : std::uint8_t {
  none,      ///< AUTH is not known
  offered,   ///< announced where a mechanism may be used
  required,  ///< 530 to MAIL and what follows without it (RFC 6409 §4.3)
};

/// Whether a password may cross a connection as it is, without TLS.
enum class PlaintextAuth : std::uint8_t { never, loopback, always };

/// What becomes of CR and LF that do not stand together in a message (RFC 5321 §2.3.8). Either way no such octet is
/// ever taken for a line end of the protocol.
enum class LineEnds : std::uint8_t {
  refuse,     ///< 554 5.6.0 after the end of data
  normalise,  ///< each becomes CR LF before anyone sees it
};

enum class Announce : std::uint8_t { no, yes };

/// MT-PRIORITY (RFC 6710). Who asks for more than he may gets what he may (§4.1), and is told so (250 2.3.6).
struct Priorities {
  Announce announce = Announce::no;
  int highest = 0;        ///< for whoever did not log in: never above 0 unless the network is trusted; at least -9
  int authenticated = 0;  ///< for whoever did; at most 9
};

/// DELIVERBY (RFC 2852).
struct DeliverByPolicy {
  Announce announce = Announce::no;
  std::uint32_t min_s = 0;  ///< with by-mode R, less is refused (555); announced unless 0; at most 999,999,999
};

struct Limits {
  /// Octets of a message, announced with SIZE. RFC 5321 §4.5.3.1.7 asks for 64 KiB at least.
  std::uint64_t message_octets = 50 * 1024 * 1024;
  /// RFC 5321 §4.5.3.1.8 asks for 100 at least.
  std::uint32_t recipients = 1000;
  /// Of a command line with its CR LF: 512 (RFC 5321 §4.5.3.1.4) and what extensions add: SIZE 26, BODY 17, AUTH= 500,
  /// SMTPUTF8 10 (RFC 6531 §3.1), DSN 613, MT-PRIORITY 15, BY 17, HOLDFOR 34, TRANSID 88; paths of 1024 octets.
  std::uint32_t command_octets = 4096;
  /// Of a line in an authentication exchange with its CR LF (RFC 4954 §4).
  std::uint32_t auth_octets = 12'288 + 2;
  /// Of an AUTH command with its CR LF: clients send a token or a ticket as the initial response, whatever its length.
  /// A mechanism's name has 20 octets at most (RFC 4422 §3.1).
  [[nodiscard]] std::uint32_t auth_command_octets() const { return auth_octets + std::uint32_t{sizeof("AUTH ") + 20}; }
  /// Refused commands, since the last accepted message, before 421 4.7.0.
  std::uint32_t errors = 20;
  /// Refused recipients, since the last accepted message: a list has dead ones, a harvester nothing else.
  std::uint32_t refusals = 100;
  /// Commands other than RCPT and BDAT, and chunks without octets, since the last accepted message or since the start:
  /// who sends more brings no mail.
  std::uint32_t idle_commands = 200;
  /// Messages a connection; LIMITS MAILMAX (RFC 9422 §4.1).
  std::uint32_t messages = 1000;
  /// Failed AUTHs before 421. RFC 4954 §9 asks for 3 at least.
  std::uint32_t auth_failures = 5;
};

/// RFC 5321 §4.5.3.2.
struct Times {
  Duration command = std::chrono::minutes(5);     ///< §4.5.3.2.7: from our reply to the end of the next command line
  Duration data_block = std::chrono::minutes(3);  ///< §4.5.3.2.5: without a single octet of data
  /// A body must come at `data_rate` octets a second once this time is over, so that a byte a second ends.
  Duration data_grace = std::chrono::minutes(10);
  std::uint32_t data_rate = 256;
  /// Before a failed AUTH is answered, so that guessing takes time.
  Duration auth_failure = Duration::zero();
};

/// What a client gets that speaks before the greeting (RFC 5321 §3.1 makes it wait).
enum class EarlyTalk : std::uint8_t { allow, refuse };

/// Whether a client waits for the reply to a command that must be the last of a group (RFC 2920 §3.1).
enum class Synchrony : std::uint8_t {
  needed,      ///< octets behind such a command end the session (554)
  not_needed,  ///< users of this host, whose input may be a file. Refused DATA ends the session: its text follows
};

struct Policy {
  Role role = Role::mx;
  std::string hostname;  ///< in greeting and replies; an ASCII domain or address literal (RFC 6531 §3.7.1)
  std::string software = "Angarium";

  TlsUse tls = TlsUse::none;
  AuthUse auth = AuthUse::none;
  PlaintextAuth plaintext = PlaintextAuth::loopback;
  /// Switched on for the site, upper case; what a connection is offered follows from this, TLS and bindings.
  std::vector<std::string> mechanisms;

  /// For paths without a domain, as users of this host write them; may be empty. Without it they are refused (501).
  std::optional<std::string> default_domain;

  LineEnds line_ends = LineEnds::refuse;
  /// RFC 3461. Parameters are taken and handed on in any case where this is yes; where it is no they are unknown (555).
  Announce dsn = Announce::no;
  Announce expn = Announce::no;
  /// CHECKPOINT (RFC 1845). SMTP only, and only where octets are handed on as they come: the client counts them, too.
  Announce checkpoint = Announce::no;
  Announce burl = Announce::no;  ///< RFC 4468; submission only
  Announce etrn = Announce::no;  ///< RFC 1985; who may use it for what is the back end's to say
  Priorities priorities;
  DeliverByPolicy deliver_by;
  /// FUTURERELEASE (RFC 4865): the longest time a message is held back, in seconds, at most 999,999,999; 0: not known.
  /// Submission only (§4.2).
  std::uint32_t future_release_s = 0;

  Synchrony synchrony = Synchrony::needed;
  EarlyTalk early_talk = EarlyTalk::allow;
  /// Where early talk is refused: how long the greeting waits for it.
  Duration greeting_delay{0};

  Limits limits;
  Times times;

  [[nodiscard]] bool lmtp() const { return role == Role::lmtp; }
  [[nodiscard]] bool checkpoints() const {
    return checkpoint == Announce::yes && role != Role::lmtp && line_ends == LineEnds::refuse;
  }
  [[nodiscard]] bool burls() const { return burl == Announce::yes && role == Role::submission; }
  [[nodiscard]] bool future_release() const { return role == Role::submission && future_release_s != 0; }
};

}  // namespace angarium::protocol::smtp
