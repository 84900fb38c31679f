// The client's half of SMTP, submission and LMTP: sends mail to any server, ours or foreign.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "envelope/envelope.h"
#include "io/task.h"
#include "message/dots.h"
#include "protocol/smtp/extensions.h"
#include "protocol/smtp/reader.h"
#include "protocol/smtp/reply.h"
#include "sasl/client.h"
#include "sasl/mechanism.h"
#include "wire/connection/connection.h"
#include "wire/framing/input.h"
#include "wire/framing/output.h"

namespace angarium::protocol::smtp {

/// The server refused what everything else needs: greeting, EHLO, STARTTLS or AUTH. The text holds its reply.
inline constexpr ErrorKind kRefusedNow{"smtp.refused-now", Fault::dependency, Lasting::temporary};
inline constexpr ErrorKind kRefusedForGood{"smtp.refused-for-good", Fault::dependency, Lasting::permanent};
/// No mechanism of the server's list may be used on this connection; nothing was said.
inline constexpr ErrorKind kNoMechanism{"smtp.no-mechanism", Fault::dependency, Lasting::permanent};
/// The connection ended behind our name, proof or password, and before what came of it: some servers say so that they
/// are wrong.
inline constexpr ErrorKind kHungUpAtLogin{"smtp.hung-up-at-login", Fault::dependency, Lasting::temporary};
/// The server said 421 or 221 or closed while the connection was idle, or at MAIL after an earlier transaction: nothing
/// was sent, and another connection may take the message at once. (Where there was no earlier transaction it is a
/// refusal, or the stream's error.)
inline constexpr ErrorKind kOver{"smtp.connection-over", Fault::dependency, Lasting::temporary};
/// The server cannot take the message as it is: 8-bit, binary, UTF-8, or its size. Nothing was sent; a downgraded
/// message may go. kNeedsBinary comes also in the middle of a message that was said to be text and turns out to have a
/// bare CR or LF: it was cut off before them, and the connection is over.
inline constexpr ErrorKind kNeedsEightBit{"smtp.needs-8bitmime", Fault::dependency, Lasting::permanent};
inline constexpr ErrorKind kNeedsBinary{"smtp.needs-binarymime", Fault::dependency, Lasting::permanent};
inline constexpr ErrorKind kNeedsUtf8{"smtp.needs-smtputf8", Fault::dependency, Lasting::permanent};
inline constexpr ErrorKind kTooBigForServer{"smtp.too-big-for-server", Fault::dependency, Lasting::permanent};
/// The sender forbade this way: REQUIRETLS without TLS or to a server that does not announce it (5.7.30, RFC 8689
/// §4.2.1), or a time of delivery that the server does not promise to keep (RFC 2852 §4.1.4.1). Nothing was sent.
inline constexpr ErrorKind kNeedsRequireTls{"smtp.needs-requiretls", Fault::dependency, Lasting::permanent};
inline constexpr ErrorKind kNeedsDeliverBy{"smtp.needs-deliverby", Fault::dependency, Lasting::permanent};
/// The server sent octets between its agreement to TLS and the handshake: somebody injected them (RFC 3207 §6).
inline constexpr ErrorKind kInjected{"smtp.injected-plaintext", Fault::dependency, Lasting::temporary};
/// The connection ended after the message was sent whole and before its reply: it may have been accepted.
inline constexpr ErrorKind kUnanswered{"smtp.unanswered", Fault::dependency, Lasting::temporary};

/// RFC 5321 §4.5.3.2: how long a reply is awaited.
struct ClientTimes {
  Duration greeting = std::chrono::minutes(5);
  Duration hello = std::chrono::minutes(5);
  Duration mail = std::chrono::minutes(5);
  Duration rcpt = std::chrono::minutes(5);
  Duration data = std::chrono::minutes(2);
  Duration block = std::chrono::minutes(3);  ///< each block of data sent
  Duration end_of_data = std::chrono::minutes(10);
  Duration atrn = std::chrono::minutes(10);  ///< RFC 2645 §5.2.1: at least so long
  Duration quit = std::chrono::seconds(10);  ///< nothing depends on it
};

enum class Dialect : std::uint8_t { smtp, lmtp };
enum class Chunking : std::uint8_t { when_needed, when_possible };

struct ClientOptions {
  std::string name;  ///< for EHLO: a domain or address literal, ASCII (RFC 6531 §3.7.1)
  Dialect dialect = Dialect::smtp;
  Chunking chunking = Chunking::when_needed;
  ClientTimes times;
};

/// The octets of a message, piece by piece.
class MessageSource {
 public:
  virtual ~MessageSource() = default;
  /// The next octets, valid until the next call; empty at the end.
  virtual io::ValueOrTask<Result<std::string_view>> next() = 0;
};

/// A message that lies in memory.
class MessageInMemory final : public MessageSource {
 public:
  /// `octets` outlives the source.
  explicit MessageInMemory(std::string_view octets) : octets_(octets) {}
  io::ValueOrTask<Result<std::string_view>> next() override {
    return Result<std::string_view>(std::exchange(octets_, {}));
  }

 private:
  std::string_view octets_;
};

/// What must be known of a message before it is sent. The client relies on it but for line ends: whatever is said here,
/// a bare CR or LF never leaves but by BDAT under BODY=BINARYMIME.
struct MessageFacts {
  std::uint64_t octets = 0;
  bool eight_bit = false;    ///< holds octets above 127
  bool utf8_header = false;  ///< its header needs SMTPUTF8 (RFC 6532)
  bool binary = false;       ///< holds NUL, bare CR or LF, or lines above 998 octets: only BDAT carries it unharmed
};

/// The facts of octets that were looked at.
MessageFacts facts_of(const message::LineScanner& seen, bool utf8_header);

/// What the server said. Its words may hold any octets: escape_controls() before they are shown.
struct SendReport {
  Reply mail;  ///< 421 when that was said instead
  /// One for each recipient of the envelope, in order: its reply to RCPT where that was a refusal, otherwise what
  /// became of the message: the reply to the end of data or, with LMTP, this recipient's own.
  std::vector<Reply> recipients;
  /// RET, ENVID, NOTIFY and ORCPT went along. If not, success where it was asked for is reported as "relayed" (RFC 3461
  /// §5.2.2).
  bool dsn = false;
  /// RFC 1845: the server had so many octets of the message from a session that was broken off.
  std::uint64_t resumed_at = 0;
  /// BY went along. If not, the same holds for all but NOTIFY=NEVER (RFC 2852 §4.1.4.2).
  bool deliver_by = false;
};

/// One connection to a server. Calls follow one another; after an error, and whenever closed() says so, the connection
/// is of no more use, except after the refusals (kRefused…, of STARTTLS and AUTH too) and the kNeeds… and kTooBig… that
/// came before anything was sent. Belongs to one coroutine at a time. The connection must outlive it.
class Client {
 public:
  Client(wire::Connection& connection, ClientOptions options);

  /// Awaits the greeting and introduces us: EHLO, or HELO where the server knows no EHLO, or LHLO.
  io::Task<Result<>> open();
  /// STARTTLS, then introduces us anew. What was known before is forgotten (RFC 3207 §4.2).
  io::Task<Result<>> start_tls();
  /// Proves who we are by the strongest mechanism both sides have; of `credentials` what the connection says is filled
  /// in here. `plaintext`: a password may cross this connection as it is; `weak`: where the server has nothing sound,
  /// what lets who listens guess the password will do. Under the security layer that was agreed on, if any, goes all
  /// that follows, from our name on (RFC 4954 §4).
  using Weak = sasl::Choice::Weak;
  io::Task<Result<>> authenticate(sasl::ClientContext credentials, sasl::Plaintext plaintext,
                                  Weak weak = Weak::refused);
  /// One transaction. A TRANSID of the sender is said where the server knows CHECKPOINT and the message goes by DATA:
  /// the same one with the same message and recipients goes on where an earlier session broke off (RFC 1845). Errors:
  /// the kNeeds… and kTooBigForServer, kOver, kUnanswered, and those of a lost connection or senseless reply
  /// (kBadReply, kReplyTooLong, io's): then nobody got the message. Refusals are no errors but replies, and stand
  /// though the connection is lost afterwards.
  io::Task<Result<SendReport>> send(const envelope::Envelope& envelope, const MessageFacts& facts,
                                    MessageSource& source);
  /// After an error of send(): what was known of its transaction. Refusals stand; whoever has code 0 had no answer.
  [[nodiscard]] const SendReport& known() const { return known_; }
  /// Any command that has one line and one reply, but QUIT.
  io::Task<Result<Reply>> command(std::string_view line);
  io::Task<Result<>> reset();
  /// RFC 2645 §5.2.1: asks for the mail of all domains that are ours. After 2yz this client is over and the connection
  /// has turned round: whoever has it now greets. kBadReply: the server spoke on.
  io::Task<Result<Reply>> atrn();
  /// Says goodbye and closes; how the server takes it does not matter.
  io::Task<> quit();

  /// The one it was made with, or what lies over it since a login: the client's own.
  [[nodiscard]] wire::Connection& connection() { return *connection_; }
  [[nodiscard]] const Extensions& extensions() const { return extensions_; }
  [[nodiscard]] const Reply& greeting() const { return greeting_; }
  /// The server said 421 or 221, talks nonsense, or the connection failed.
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  struct Sending;

  io::Task<Result<>> hello();
  io::Task<Result<Reply>> read_reply(Duration wait);
  /// As read_reply(); 3yz is none here: kBadReply.
  io::Task<Result<Reply>> read_final(Duration wait);
  io::Task<Result<Reply>> converse(std::string_view line, Duration wait);
  io::Task<Result<Reply>> ask(std::string_view line, Duration wait);
  io::Task<Result<>> flush(Duration wait);
  void write_line(std::string_view line);
  /// Gives the connection up.
  void lose();
  /// Whether the server is where it was left: it may have ended an idle connection.
  io::Task<Result<>> still_there();

  Result<> check_possible(const Sending& sending) const;
  std::string mail_line(const Sending& sending) const;
  std::string rcpt_line(const Sending& sending, const envelope::Recipient& recipient) const;
  io::Task<Result<>> transact(Sending& sending, MessageSource& source);
  io::Task<Result<>> say_mail(Sending& sending);
  Result<> note_mail(Sending& sending, Result<Reply> reply);
  /// RFC 1845 §3: MAIL alone, since its reply may be that the transaction goes on.
  io::Task<Result<>> say_named_mail(Sending& sending);
  io::Task<Result<>> ask_recipients(Sending& sending, std::size_t from, std::size_t to);
  io::Task<Result<>> send_envelope(Sending& sending);
  io::Task<Result<>> read_recipients(Sending& sending, std::size_t from, std::size_t to);
  /// What ends a group whose recipients were all refused, and DATA not.
  io::Task<> send_nothing(Sending& sending);
  io::Task<Result<>> send_data(Sending& sending, MessageSource& source);
  io::Task<Result<std::string_view>> next_piece(MessageSource& source);
  io::Task<Result<>> send_dotted(Sending& sending, MessageSource& source);
  /// Takes away what the server has already; the rest of the last piece.
  io::Task<Result<std::string_view>> skip(Sending& sending, MessageSource& source);
  io::Task<Result<>> send_chunks(Sending& sending, MessageSource& source);
  io::Task<Result<>> send_chunk(std::string_view chunk);
  /// RSET; a server that does not take it is left.
  io::Task<> clear_transaction();
  /// The server took no more of the message: it may have said why.
  io::Task<Result<>> broken_off(Sending& sending, Error why);
  io::Task<Result<>> read_outcome(Sending& sending);

  wire::Connection* connection_;
  std::unique_ptr<wire::Connection> secured_;  ///< what it points to under a security layer
  ClientOptions options_;
  wire::Input input_;
  wire::Output output_;
  Extensions extensions_;
  Reply greeting_;
  Reply farewell_;  ///< the server's 421: the answer to all that follows
  SendReport known_;
  bool authenticated_ = false;
  bool used_ = false;  ///< a transaction was ended here
  bool closed_ = false;
  bool goodbye_ = false;  ///< the server said 221, unasked
};

}  // namespace angarium::protocol::smtp
