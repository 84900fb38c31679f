// One session of the server from within: what its commands share. Only this room's server and commands know it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "envelope/envelope.h"
#include "io/task.h"
#include "protocol/smtp/backend.h"
#include "protocol/smtp/body.h"
#include "protocol/smtp/policy.h"
#include "protocol/smtp/server.h"
#include "protocol/smtp/state.h"
#include "protocol/smtp/writer.h"
#include "wire/connection/connection.h"
#include "wire/framing/input.h"
#include "wire/framing/output.h"

namespace angarium::sasl {
struct Mechanism;
}

namespace angarium::protocol::smtp {

/// What is open between MAIL and the end of data.
struct Transaction {
  envelope::Body body = envelope::Body::seven_bit;
  envelope::Utf8 utf8 = envelope::Utf8::refuse;
  std::uint32_t accepted = 0;  ///< recipients with a positive reply
  bool named = false;          ///< MAIL said TRANSID
  /// It goes on where another session broke off: octets of the message that are there (RFC 1845 §3).
  std::optional<std::uint64_t> offset;
};

/// Counts towards the limits of Policy.
struct Conduct {
  std::uint32_t errors = 0;         ///< since the last accepted message
  std::uint32_t refusals = 0;       ///< refused recipients, since the last accepted message
  std::uint32_t excess = 0;         ///< recipients behind the limit, since the last accepted message
  std::uint32_t idle_commands = 0;  ///< since the last accepted message
  std::uint32_t messages = 0;       ///< transactions opened
  std::uint32_t auth_failures = 0;
};

/// Belongs to one serve() and lives in its frame.
class Conversation {
 public:
  Conversation(wire::Connection& connection, Session& session, const Policy& policy, io::Event* stop);
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;
  /// Aborts what is open.
  ~Conversation() { end_transaction(); }

  [[nodiscard]] const Policy& policy() const { return policy_; }
  [[nodiscard]] Session& session() { return session_; }
  [[nodiscard]] wire::Connection& connection() { return *connection_; }
  [[nodiscard]] const wire::Connection& connection() const { return *connection_; }
  [[nodiscard]] wire::Input& input() { return input_; }
  [[nodiscard]] Peer& peer() { return peer_; }
  [[nodiscard]] const Peer& peer() const { return peer_; }
  [[nodiscard]] Conduct& conduct() { return conduct_; }

  [[nodiscard]] Phase phase() const { return phase_; }
  void set_phase(Phase phase) { phase_ = phase; }

  // --- Transaction
  [[nodiscard]] Transaction& transaction() { return transaction_; }
  /// The backend opened one.
  void open_transaction(Transaction transaction);
  /// The backend ended it: after commit().
  void transaction_done();
  /// Tells the backend to abort the transaction, if one is open there.
  void abort_transaction();
  /// Back to where MAIL is legal; aborts what is open.
  void end_transaction();

  /// The body on its way, between the first octet asked for and the end of the message.
  [[nodiscard]] std::optional<BodyIntake>& body() { return body_; }
  void begin_body();
  /// One that is read only to be dropped; the transaction, if any, stays open.
  void begin_dropped_body(Reply why);
  void forget_body() { body_.reset(); }

  // --- Client
  /// After STARTTLS: everything the client said before is forgotten (RFC 3207 §4.2).
  void forget_peer();
  /// All octets from now on go through the layer that AUTH agreed on, and all that was not proved by it is forgotten
  /// (RFC 4954 §4). What waits must have been sent.
  void secure(std::unique_ptr<sasl::SecurityLayer> layer);
  /// Everything but QUIT will be refused: the greeting was 554.
  void turn_away() { turned_away_ = true; }
  [[nodiscard]] bool turned_away() const { return turned_away_; }
  /// The client may take its time for the next line.
  void expect_command();

  /// The latest HOLDUNTIL, as the last reply to EHLO said (RFC 4865 §4.2).
  [[nodiscard]] WallTime latest_release() const { return latest_release_; }
  void set_latest_release(WallTime latest) { latest_release_ = latest; }

  // --- Delivery id
  /// Until command_done() all replies answer this command. Those of a transaction, the four that are named here, bear
  /// the id; one that comes outside of a transaction has an id of its own.
  void begin_command(Verb verb, std::string_view arguments);
  void command_done() { asked_.reset(); }
  [[nodiscard]] envelope::DeliveryId delivery_id() const { return id_; }

  // --- Replies
  /// Puts the reply behind those that wait. 421 closes after it.
  void reply(const ReplyView& view, ReplyCharset charset = ReplyCharset::ascii);
  /// The same for a reply that is an error of the client's and counts as one.
  void refuse(const ReplyView& view);
  /// A line that does not end as RFC 5321 §2.3.8 says, or holds a CR. What stands behind a bare LF is no command of its
  /// own, and where the line ends nobody can tell: the session is over.
  void refuse_line_end(wire::LineEnd end);
  /// 221 and 421 bear the host's name before the text (RFC 5321 §4.2.3); closes.
  void farewell(const ReplyView& view);
  /// What the backend answered, or the reply for its error.
  [[nodiscard]] Reply settle(Result<Reply> answer);
  /// Sends what waits. An error means that the connection is gone.
  io::ValueOrTask<Result<>> flush() { return output_.flush(*connection_); }
  [[nodiscard]] wire::Output& output() { return output_; }

  /// Whether the replies to the command at hand may wait for others (RFC 2920 §3.2).
  void hold_replies(Sent sent) { sent_ = sent; }
  [[nodiscard]] Sent sent() const { return sent_; }

  /// The client said QUIT.
  void quit() { ending_ = Ending::quit; }
  [[nodiscard]] Ending ending() const { return ending_; }

  /// After what waits was sent, the client becomes the server (RFC 2645 §5.3).
  void turn() {
    turned_ = true;
    close();
  }
  [[nodiscard]] bool turned() const { return turned_; }

  /// After what waits was sent, the session ends.
  void close() { closing_ = true; }
  [[nodiscard]] bool closing() const { return closing_; }
  [[nodiscard]] io::Event* stop() { return stop_; }

  /// Reads from the connection how it is encrypted.
  void note_tls();
  /// A password may cross this connection as it is.
  [[nodiscard]] bool plaintext_allowed() const;
  /// What this connection may use now; strongest first.
  [[nodiscard]] std::vector<const sasl::Mechanism*> mechanisms() const;
  /// Those that the site has switched on.
  [[nodiscard]] std::vector<std::string_view> enabled_mechanisms() const {
    return {policy_.mechanisms.begin(), policy_.mechanisms.end()};
  }

 private:
  /// What is written in the place of this reply: it with the delivery id, where it bears one, in `text`.
  ReplyView named(const ReplyView& view, std::string& text);

  wire::Connection* connection_;
  std::unique_ptr<wire::Connection> secured_{};  ///< stands on the one that serve() was given
  Session& session_;
  const Policy& policy_;
  io::Event* stop_;
  Peer peer_;
  wire::Input input_;
  wire::Output output_;
  Conduct conduct_;
  Transaction transaction_;
  std::optional<BodyIntake> body_;
  WallTime latest_release_;
  Phase phase_ = Phase::connected;
  bool open_ = false;  ///< the backend has a transaction
  envelope::DeliveryId id_;
  bool id_used_ = true;         ///< its transaction is over
  std::optional<Asked> asked_;  ///< what the replies of now answer, if they bear the id
  std::string said_;
  Sent sent_ = Sent::at_once;
  Ending ending_ = Ending::lost;
  bool turned_ = false;
  bool turned_away_ = false;
  bool closing_ = false;
};

/// The next line of at most `limit` octets with its CR LF, after what waits was sent. No value: the session is over, by
/// its deadline or by `stop`, and the reply is written. Errors: wire::kLineTooLong, and those of a lost connection.
io::ValueOrTask<Result<std::optional<wire::Line>>> read_line(Conversation& conversation, std::size_t limit);

}  // namespace angarium::protocol::smtp
