// All that SMTP knows of the house: the port through which a session is answered. Bodies: agents, and memory_backend.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "envelope/delivery_id.h"
#include "envelope/envelope.h"
#include "io/address.h"
#include "io/task.h"
#include "message/dots.h"
#include "protocol/smtp/reply.h"
#include "sasl/types.h"
#include "wire/saslsec/desk.h"

namespace angarium::wire {
class Connection;
}

namespace angarium::protocol::smtp {

// Why the content of a BURL cannot be had (RFC 4468 §6).
/// It does not authorise this client, or authorises nobody.
inline constexpr ErrorKind kUrlRefused{"smtp.url-refused", Fault::user, Lasting::permanent};
/// It is of a kind, or of a server, that nothing is agreed on with.
inline constexpr ErrorKind kUrlForeign{"smtp.url-foreign", Fault::user, Lasting::permanent};
/// It names nothing that is there.
inline constexpr ErrorKind kUrlNothing{"smtp.url-nothing", Fault::user, Lasting::permanent};

/// How the client introduced itself.
enum class Hello : std::uint8_t { none, helo, ehlo, lhlo };
enum class Channel : std::uint8_t { plain, tls };

/// What is known of the client. Lives as long as its session, and changes as the client goes on.
struct Peer {
  io::Endpoint remote;
  io::Endpoint local;
  Hello hello = Hello::none;
  std::string name;  ///< what it called itself; never verified here (RFC 5321 §4.1.4)
  Channel channel = Channel::plain;
  std::string tls;  ///< protocol and cipher in words, for trace fields; empty without TLS
  /// Who proved to be, once AUTH succeeded.
  std::optional<sasl::Identity> identity;
  std::string mechanism;
};

/// The keyword of the Received field's "with" clause (RFC 3848, RFC 6531 §4.3): "SMTP", "ESMTPSA", "UTF8LMTPS", ….
std::string_view with_keyword(const Peer& peer, envelope::Utf8 utf8);

/// How far a transaction had come that is open again (RFC 1845 §3).
struct Checkpoint {
  std::uint64_t offset = 0;      ///< octets of the message that are kept: the client goes on behind them
  std::uint32_t recipients = 0;  ///< that were accepted
};

/// How a session ends.
enum class Ending : std::uint8_t {
  quit,  ///< the client knows what became of all it sent (RFC 1845 §3)
  lost,  ///< it may come back for the transaction that is open, and for the reply to the last one
};

/// What the body turned out to be; known at its end.
struct BodyFacts {
  std::uint64_t octets = 0;   ///< that append() was given; those before a checkpoint count
  message::LineScanner seen;  ///< of what this session received, dots unstuffed, line ends as they came
};

/// What became of a message. SMTP says `reply`; LMTP says one of `each` for every accepted RCPT, in order, or `reply`
/// as often when `each` is empty (RFC 2033 §4.2).
struct Outcome {
  Reply reply;
  std::vector<Reply> each;
};

/// Whether a sink wants more octets now.
enum class Flow : std::uint8_t { more, pause };

/// What a client did that honest ones seldom do, for whoever bans.
enum class Offence : std::uint8_t {
  early_talk,          ///< spoke before the greeting, or sent on where it had to wait
  bad_command,         ///< unknown, malformed or out of sequence
  foreign_protocol,    ///< an HTTP request
  injected_plaintext,  ///< sent plain octets behind STARTTLS (CVE-2011-0411)
  bare_line_end,       ///< CR or LF alone in a message
  failed_auth,
  too_many_errors,
  too_slow,
};

/// The command of a transaction that a reply answers; `data` for all of DATA and BDAT.
enum class Asked : std::uint8_t { mail, rcpt, data };

/// What was said to a command of a transaction that was not done, whoever refused it.
struct Refusal {
  envelope::DeliveryId id;
  Asked asked = Asked::mail;
  std::string_view said;  ///< behind the verb, as the client wrote it; empty for Asked::data
  ReplyView reply;        ///< 4yz or 5yz; without the id
};

/// What a BURL names, on its way.
class UrlContent {
 public:
  virtual ~UrlContent() = default;
  /// Octets in all.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// The next ones, valid until the next call; none: it was all.
  virtual io::Task<Result<std::string_view>> next() = 0;
};

/// One session's counterpart. The session calls one function at a time and awaits what it returns before the next; it
/// may be destroyed while it waits. A reply with code 421 from any function ends the connection after it was sent. An
/// error becomes a reply through reply_to(). Every reply to MAIL, RCPT, DATA and BDAT bears the transaction's delivery
/// id, which the session puts behind the text.
class Session {
 public:
  virtual ~Session() = default;

  // --- Greeting -----------------------------------------------------------------------------------------------------
  /// Before the first octet is sent. 220 (the text after the host name, may be empty), or 421 or 554 to refuse.
  virtual io::Task<Result<Reply>> connected(const Peer& peer) = 0;

  // --- Authentication -----------------------------------------------------------------------------------------------
  /// Who answers what exchanges ask; lives as long as the session.
  virtual wire::saslsec::Desk& credentials() = 0;
  /// An exchange has ended well, and the session is this one's, unless it is refused by an error: as an exchange that
  /// failed.
  virtual io::Task<Result<>> authenticated(const sasl::Identity& identity);
  /// STARTTLS: it is nobody's again (RFC 3207 §4.2).
  virtual void forgotten() {}

  // --- Transaction --------------------------------------------------------------------------------------------------
  /// Opens one of this name. 250, or a refusal that leaves none open.
  virtual io::ValueOrTask<Result<Reply>> mail(const envelope::Sender& sender, envelope::DeliveryId id) = 0;
  /// 250 or 251, or a refusal of this recipient.
  virtual io::ValueOrTask<Result<Reply>> rcpt(const envelope::Recipient& recipient) = 0;
  /// Before the first octet of the body: a positive reply, whose text is not sent, or why the body is not wanted now.
  virtual io::ValueOrTask<Result<Reply>> begin_body() = 0;
  /// The next octets of the body: line ends CR LF, dots unstuffed. They are gone after the call. An error refuses the
  /// message at its end; no more octets come then.
  virtual Result<Flow> append(std::string_view octets) = 0;
  /// After Flow::pause: completes when append() may be called again.
  virtual io::ValueOrTask<Result<>> drained() = 0;
  /// After begin_body(): what a URL names, as this client may have it (RFC 4468). kUrlRefused, kUrlForeign,
  /// kUrlNothing; else whatever stands in the way. Asked only where policy announces BURL.
  virtual io::Task<Result<std::unique_ptr<UrlContent>>> open_url(std::string url);
  /// The body is whole. What is answered with 2yz is durable. Either way the transaction is over.
  virtual io::Task<Result<Outcome>> commit(const BodyFacts& facts) = 0;
  /// The transaction is over without a message: RSET, EHLO, a refused body, a lost connection. Called once for each
  /// transaction that mail() opened and commit() did not end.
  virtual void abort() = 0;
  /// A command of a transaction, open or not, was answered with 4yz or 5yz; for the record, nothing is to be done.
  /// Comes with the reply: behind what made it, also behind abort() and commit().
  virtual void note(const Refusal& /*refusal*/) {}

  /// What is said for an error of the functions above; asked before abort() is called. Those that only the back end
  /// knows are its own to name, the others are reply_for()'s.
  virtual Reply reply_to(const Error& error) { return reply_for(error); }

  // --- Checkpoints (RFC 1845) ---------------------------------------------------------------------------------------
  /// Before mail(), for a sender with a TRANSID: what is left of the transaction of that name, which is open then as
  /// after mail(), rcpt() and begin_body(); append() goes on at its offset. Nothing: none is open, and mail() begins
  /// it. Asked only where policy announces CHECKPOINT.
  virtual io::Task<Result<std::optional<Checkpoint>>> resume(const envelope::Sender& sender, envelope::DeliveryId id);
  /// The session is over, where policy announces CHECKPOINT. With Ending::lost a transaction with a TRANSID may be open
  /// still, amid its body: it is kept as far as it has come. abort() follows.
  virtual io::Task<> ended(Ending ending);

  // --- Directory ----------------------------------------------------------------------------------------------------
  /// `utf8`: whether the reply may hold UTF-8 (RFC 6531 §3.7.4.2).
  virtual io::Task<Result<Reply>> vrfy(std::string_view text, envelope::Utf8 utf8) = 0;
  virtual io::Task<Result<Reply>> expn(std::string_view text, envelope::Utf8 utf8) = 0;

  // --- Queue --------------------------------------------------------------------------------------------------------
  /// RFC 1985 §5.1: starts the queue for a domain, as the client wrote it: 250 to 253, 458 or 459. Asked only where
  /// policy announces ETRN.
  virtual io::Task<Result<Reply>> etrn(std::string_view domain);

  /// RFC 2645 §5.2.1: the client, who logged in, wants the mail for these domains (all of its own where there is none)
  /// over this connection: 250, 450, 451 or 453. After 250 turned() follows. Asked only in Role::odmr.
  virtual io::Task<Result<Reply>> atrn(const std::vector<std::string>& domains);
  /// The client has become the server, and is about to greet: sends what atrn() agreed to.
  virtual io::Task<> turned(wire::Connection& connection);

  // --- Conduct ------------------------------------------------------------------------------------------------------
  virtual void offence(Offence kind) = 0;
};

}  // namespace angarium::protocol::smtp
