// One connection's session: what command handlers work with. server.h is the door for everyone else.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/event.h"
#include "io/task.h"
#include "protocol/imap/backend.h"
#include "protocol/imap/reader.h"
#include "protocol/imap/selected.h"
#include "protocol/imap/server.h"
#include "protocol/imap/state.h"
#include "protocol/imap/writer.h"
#include "sasl/mechanism.h"
#include "wire/connection/connection.h"
#include "wire/framing/input.h"
#include "wire/framing/output.h"

namespace angarium::wire::deflate {
class Deflated;
}

namespace angarium::protocol::imap {

/// Extensions that a client switches on (RFC 5161), as bits.
enum Enabled : std::uint8_t {
  kCondstore = 1,
  kQresync = 2,
  kUtf8Accept = 4,
  kImap4rev2 = 8,
  kUidOnly = 16,
  kMetadata = 64
};

class Notifications;
class Progress;

/// The connection can't go on: its error has been told, or nobody is there to be told.
inline constexpr ErrorKind kSessionOver{"imap.session-over", Fault::dependency, Lasting::permanent};

/// Owned by Server::run's frame. One loop.
class Session {
 public:
  Session(wire::Connection& connection, Authenticator& authenticator, const ServerOptions& options);
  ~Session();

  Authenticator& authenticator;
  const ServerOptions& options;
  wire::Input input;
  wire::Output output;
  CommandReader reader;
  /// Set when the selected mailbox has news or the server is told to stop.
  io::Event wake;

  State state = kNotAuthenticated;
  std::uint8_t enabled = 0;
  std::shared_ptr<Account> account;
  /// Of the active comparator (RFC 5255 §4.7).
  message::Collation collation = message::Collation::unicode_casemap;
  std::unique_ptr<Selected> selected;
  /// Since the first NOTIFY (RFC 5465).
  std::unique_ptr<Notifications> notifications;
  std::unique_ptr<AnnotationWatch> annotations;  ///< with kMetadata
  int failed_logins = 0;
  int bad_commands = 0;
  /// Says BYE and ends at the next chance.
  bool stopping = false;
  /// Nobody is there any more: what was sent last did not go, or all is read.
  bool hung_up = false;
  /// Of the command at work, while it may tell of itself (progress.h).
  Progress* progress = nullptr;
  /// What the connection does once the tagged reply is written.
  enum class After { go_on, start_tls, secure, compress, bare, end };
  After after = After::go_on;
  /// COMPRESS was agreed to.
  bool compressed = false;

  /// As it is now: with every layer that was put on it.
  [[nodiscard]] wire::Connection& connection() const { return *connection_; }
  /// A layer on the connection as it is: all that is said from now on goes through it.
  void put_on(std::unique_ptr<wire::Connection> layer);
  /// Compression on top of what there is, by a client that waits for nothing it has said before.
  void compress();
  /// Back to the connection as it was at the beginning, with its TLS. What came through layers and was not asked for
  /// yet came too early; what came behind the end of compression alone may be in the clear already.
  io::Task<Result<void>> take_layers_off();

  /// What AUTHENTICATE agreed on, for After::secure.
  std::unique_ptr<sasl::SecurityLayer> layer;

  // ---- output
  /// The buffer to append responses to; see wire::Output::text().
  std::string& text() { return output.text(); }
  void untagged(Status status, std::string_view words, std::string_view code = {});
  void bye(std::string_view words);
  /// Logs what is not the client's fault.
  void note(const Error& error) const;
  [[nodiscard]] bool has(Enabled what) const { return (enabled & what) != 0; }
  [[nodiscard]] NameForm names() const {
    return has(kUtf8Accept) || has(kImap4rev2) ? NameForm::utf8 : NameForm::modified_utf7;
  }
  [[nodiscard]] message::ImapForm strings() const {
    return names() == NameForm::utf8 ? message::ImapForm::utf8 : message::ImapForm::ascii;
  }
  /// Lets a slow client catch up: returns when less than the connection's mark is unsent.
  io::Task<Result<void>> room();
  io::Task<Result<void>> flush();

  // ---- input
  /// The next event of the reader other than need_more; sends what is unsent before it waits.
  enum class Between : std::uint8_t { parts, commands };
  io::Task<Result<CommandReader::Event>> next_event(Between between = Between::parts);
  /// Waits for octets or for `wake`; says BYE when neither comes before the deadline.
  io::Task<Result<io::Ready>> more(Moment deadline);
  /// Whether nobody waits for the command at work: the session is about to end, or its client has hung up. One that
  /// closes its side of the connection behind further commands (LOGOUT) waits for all of them. For what takes long, not
  /// before it has read anything: who sends a single command and closes its side hears a quick answer.
  bool abandoned();
  /// Until when the client must have sent its next command: what it sends of one does not put it off.
  [[nodiscard]] Moment patience() const;
  /// The client's answer to "+ text": one line without literals, of at most the reader's limit.
  io::Task<Result<std::string>> ask(std::string_view text);
  /// After a refusal: what still belongs to the command is read and dropped, as far as the client sends it unasked.
  io::Task<Result<void>> drop_literals();

  // ---- mailbox news (updates.cpp)
  /// Tells what changed since it was last told, and what that means for contexts.
  io::ValueOrTask<Result<void>> tell_news(CommandRow::Expunges expunges, Addressing addressing);
  /// The same, and all else that NOTIFY asks for: at the end of commands and in IDLE.
  io::ValueOrTask<Result<void>> tell_events(CommandRow::Expunges expunges, Addressing addressing);
  /// The same in the midst of a command: without expunges, and contexts later; `quiet`: UIDs whose FETCH the caller
  /// writes itself.
  void tell_changes(const NumberSet& quiet);
  /// The same before a command that must not do a part of its work; nothing where NOTIFY leaves the mailbox out.
  void look_again();
  /// Which annotations others changed, to who enabled METADATA (RFC 5464 §4.4.2).
  void tell_annotations();
  /// That the selected mailbox has another key for URLs (RFC 4467 §7, RESETKEY).
  void tell_url_keys();
  /// FLAGS and PERMANENTFLAGS; SELECT and new keywords.
  void tell_flags();
  void tell_exists();
  /// "* n FETCH (FLAGS (…) …)" by what is enabled.
  void tell_message(const Target& target, Addressing addressing);
  void append_flag_list(std::string& out, const Entry& entry) const;
  /// "* n FETCH (", or "* uid UIDFETCH (" (RFC 9586 §3.3).
  void open_fetch(const Target& target);
  /// RFC 7162 §3.1: the first command that knows of MODSEQ enables CONDSTORE and is told HIGHESTMODSEQ.
  void enable_condstore();
  /// Leaves the mailbox without a word.
  void leave();

  // ---- login
  void begin_account(std::shared_ptr<Account> opened);
  /// RFC 8437 §4.1: all that a client made of the session is gone, but for TLS, layers and what was counted against it.
  void end_account();
  [[nodiscard]] std::string capabilities() const;
  /// The mechanisms that this connection may use now.
  [[nodiscard]] std::vector<const sasl::Mechanism*> mechanisms() const;
  /// All octets from now on go through `layer`. What waits must have been sent.
  void secure();

 private:
  /// The newest view; nullopt: the mailbox is gone, and has been left.
  std::optional<News> adopt_news();
  [[nodiscard]] bool tells_flag_changes() const;
  void tell_adopted(News news, CommandRow::Expunges expunges, Addressing addressing, const NumberSet* quiet);
  io::Task<Result<void>> tell_with_more(CommandRow::Expunges expunges, Addressing addressing);
  io::Task<Result<void>> show(NumberSet uids, FetchProgram wanted);
  io::Task<Result<void>> tell_notified(CommandRow::Expunges expunges, Addressing addressing);
  io::Task<Result<void>> tell_between_commands();
  /// The new messages that NOTIFY has shown, and that were not yet.
  NumberSet take_new();
  void drop_flush();

  wire::Connection* connection_;
  wire::Connection* const bare_;
  std::vector<std::unique_ptr<wire::Connection>> layers_;  ///< each stands on the one before
  wire::deflate::Deflated* deflated_ = nullptr;            ///< one of them
  std::size_t flush_octets_ = 0;                           ///< of a compression that ended, which may still come
  Moment login_by_;                                        ///< absolute, so that an octet a second buys nothing
};

}  // namespace angarium::protocol::imap
