// The client's half: speaks to any IMAP server, ours or foreign. Drives the tests of the server's half, fetching from
// other servers, the terminal client and the self-check.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/event.h"
#include "io/task.h"
#include "protocol/imap/parser.h"
#include "protocol/imap/reader.h"
#include "protocol/imap/response.h"
#include "protocol/imap/types.h"
#include "sasl/client.h"
#include "sasl/mechanism.h"
#include "wire/connection/connection.h"
#include "wire/framing/input.h"
#include "wire/framing/output.h"

namespace angarium::protocol::imap {

/// The server answered NO; the text is its.
inline constexpr ErrorKind kServerRefused{"imap.server-refused", Fault::user, Lasting::permanent};
/// The server answered NO with a code that says to try later (UNAVAILABLE, INUSE, LIMIT, …).
inline constexpr ErrorKind kServerBusy{"imap.server-busy", Fault::dependency, Lasting::temporary};
/// The server answered BAD to a command; the text is its. What comes with the command mostly is the reason.
inline constexpr ErrorKind kServerBad{"imap.server-bad", Fault::dependency, Lasting::permanent};
/// What the server sent is no IMAP, or not what was asked for.
inline constexpr ErrorKind kServerBroke{"imap.server-broke", Fault::dependency, Lasting::permanent};
/// The server said BYE; the text is its.
inline constexpr ErrorKind kServerBye{"imap.server-bye", Fault::dependency, Lasting::temporary};
/// Octets stood between the server's agreement to TLS and the handshake: somebody injected them (RFC 9051 §11.1).
inline constexpr ErrorKind kInjected{"imap.injected-plaintext", Fault::dependency, Lasting::temporary};
/// Nothing that both sides have would log in safely.
inline constexpr ErrorKind kNoMechanism{"imap.no-mechanism", Fault::dependency, Lasting::permanent};

/// Responses to one command: a FETCH of the largest mailboxes needs a million or two.
inline constexpr std::size_t kResponsesMax = 4'000'000;
/// Rows of one LIST: more mailboxes than any account has.
inline constexpr std::size_t kListRowsMax = 100'000;
/// Octets of all names of one LIST: a server of 100,000 mailboxes has names of 160 octets on average there.
inline constexpr std::size_t kListOctetsMax = 16 * 1024 * 1024;
/// Challenges of one authentication: SCRAM has two, LOGIN three.
inline constexpr std::size_t kChallengesMax = 16;
/// A response that is under way must bring so many octets within the timeout.
inline constexpr std::size_t kPaceOctets = 64 * 1024;
/// After BYE the server has so long to answer or to close.
inline constexpr Duration kByeTimeout = std::chrono::seconds(10);
/// A message that is larger is not sent before the server wants it: it may refuse it, and would have to read it all.
inline constexpr std::uint64_t kUnaskedMax = 256 * 1024;
/// IDLE is ended and begun anew at least so often: servers may log us out after 30 minutes (RFC 2177 §3).
inline constexpr Duration kIdleRenewal = std::chrono::minutes(29);

struct ClientOptions {
  Duration timeout = std::chrono::minutes(5);  ///< for each response, or kPaceOctets of it
  /// Literals of FETCH responses from this size on go to the sink, if there is one.
  std::uint64_t stream_from = 64 * 1024;
};

/// Takes large contents of FETCH responses piece by piece.
class ContentSink {
 public:
  virtual ~ContentSink() = default;
  /// A literal of `size` octets begins; `before` is the response up to it, such as "* 3 FETCH (UID 9 BODY[] ". What
  /// else belongs to the message, its UID too, may come before or after it.
  virtual Result<void> begin(std::string_view before, std::uint64_t size) = 0;
  /// The octets are gone when the task ends; nothing more is read before it does.
  virtual io::ValueOrTask<Result<void>> append(std::string_view octets) = 0;
  virtual io::ValueOrTask<Result<void>> end() = 0;
};

/// The octets of a message to append, piece by piece.
class ContentSource {
 public:
  virtual ~ContentSource() = default;
  /// The next octets, valid until the next call; empty at the end.
  virtual io::ValueOrTask<Result<std::string_view>> next() = 0;
};

/// What is to be known of a message before it is appended.
struct ContentFacts {
  std::uint64_t octets = 0;
  bool eight_bit_header = false;
  bool nul = false;  ///< octets of zero: only literal8 holds them (RFC 3516 §4.4)
};

/// A message to append; its content outlives the command.
struct Letter {
  FlagList flags;
  std::optional<WallTime> date;
  int zone_minutes = 0;  ///< that the date is told in, east of Greenwich
  ContentFacts facts;
  ContentSource* content = nullptr;
};

/// What the caller wants to see of the untagged responses to its command.
using OnResponse = std::function<void(const Response&)>;

struct SelectResult {
  std::uint32_t exists = 0;
  std::uint32_t uid_validity = 0;  ///< 0: not told, UIDs mean nothing in another session
  std::uint32_t uid_next = 0;      ///< 0: not told
  std::uint64_t highest_modseq = 0;
  bool uids_not_sticky = false;  ///< RFC 4315 §2: UIDNOTSTICKY
  bool read_only = false;
  std::string mailbox_id;
};

/// One connection to a server, one command at a time. On its loop. kServerRefused, kServerBusy, kServerBad and
/// kNoMechanism leave it usable; after any other error (also one of a sink or source) it is of no more use. Names of
/// mailboxes are UTF-8; those that list() told are found again however the server wrote them. Other strings go out as
/// they are.
class Client {
 public:
  /// The connection outlives it.
  explicit Client(wire::Connection& connection, ClientOptions options = {});

  /// Reads the greeting. True: PREAUTH; nobody asked who we are, and TLS cannot be started any more (RFC 9051 §11.1).
  io::Task<Result<bool>> greet();
  /// Asks where they are not known; told ones are kept until TLS or login changes them.
  io::Task<Result<const CapabilityResponse*>> capabilities();
  /// Forgets what the server told before. kInjected; kServerRefused without STARTTLS and after PREAUTH.
  io::Task<Result<void>> start_tls();
  /// By the strongest mechanism both sides have, else by LOGIN; of `credentials` what the connection says is filled in
  /// here. `plaintext`: a password may cross this connection as it is; over TLS it always may. kServerRefused: the
  /// server does not let us in. Under the security layer that was agreed on, if any, goes all that follows.
  /// `weak`: where it has nothing sound, what lets who listens guess the password will do.
  io::Task<Result<void>> log_in(sasl::ClientContext credentials, sasl::Plaintext plaintext,
                                sasl::Choice::Weak weak = sasl::Choice::Weak::refused);
  /// LOGIN, which the caller knows to be safe here; never where the server forbids it.
  io::Task<Result<void>> login(std::string user, std::string password);
  /// The exchange is one of sasl/'s; the mechanism its name. With SASL-IR where the server has it.
  io::Task<Result<void>> authenticate(std::string mechanism, std::unique_ptr<sasl::ClientExchange> exchange);
  io::Task<Result<std::vector<std::string>>> enable(std::string names);
  /// Says goodbye; that the server closes instead of answering does not matter.
  io::Task<Result<void>> logout();

  io::Task<Result<SelectResult>> select(std::string mailbox, Access access, OnResponse others = {});
  /// With special uses where the server knows them (RFC 6154).
  io::Task<Result<std::vector<ListResponse>>> list(std::string reference, std::string pattern);
  /// Names that are subscribed to, in the way list() tells them.
  io::Task<Result<std::vector<ListResponse>>> subscriptions(std::string reference, std::string pattern);
  /// Nothing of it where the server does not know the command.
  io::Task<Result<NamespaceResponse>> namespaces();
  io::Task<Result<StatusItemsResponse>> status(std::string mailbox, std::string items);
  /// `use`: such as "\\Sent", where the server has CREATE-SPECIAL-USE (RFC 6154 §3); empty: none.
  io::Task<Result<void>> create(std::string mailbox, std::string use = {});
  io::Task<Result<void>> subscribe(std::string mailbox);
  /// UIDs the message got, where the server says so.
  io::Task<Result<std::optional<UidCode>>> append(std::string mailbox, FlagList flags, std::optional<WallTime> date,
                                                  std::string_view message);
  io::Task<Result<std::optional<UidCode>>> append(std::string mailbox, FlagList flags, std::optional<WallTime> date,
                                                  ContentFacts facts, ContentSource& message);
  /// All of them or none; several only where the server has MULTIAPPEND (RFC 3502).
  io::Task<Result<std::optional<UidCode>>> append(std::string mailbox, std::vector<Letter> letters);
  /// `set` and `items` as they stand in the command.
  io::Task<Result<void>> uid_fetch(std::string set, std::string items, OnResponse each, ContentSink* sink = nullptr);
  io::Task<Result<void>> uid_store(std::string set, std::string change);
  /// Where the server has no MOVE the messages are copied, marked and expunged (RFC 6851 §3.3); without UIDPLUS they
  /// stay there, marked \Deleted.
  io::Task<Result<std::optional<UidCode>>> uid_copy(std::string set, std::string mailbox, CopyMode mode);
  io::Task<Result<NumberSet>> uid_search(std::string program);
  /// Needs UIDPLUS or IMAP4rev2.
  io::Task<Result<void>> uid_expunge(std::string set);
  /// All that is marked \Deleted, whoever marked it.
  io::Task<Result<void>> expunge();
  /// Any command without its tag; the tagged response. Literals stand in it as append_imap_string() writes them, after
  /// "{5}" and CRLF, and are sent when the server wants them (RFC 7888).
  io::Task<Result<StatusResponse>> command(std::string text, OnResponse each = {}, ContentSink* sink = nullptr);
  /// IDLE until the event is set, a response made `each` return true, the time is over, or the server ends it; then
  /// DONE.
  io::Task<Result<void>> idle(std::function<bool(const Response&)> each, io::Event& stop,
                              Duration at_most = kIdleRenewal);

  /// Untagged responses that belong to no command's result, such as EXISTS; may be empty.
  OnResponse on_news;

 private:
  struct Awaited;
  io::Task<Result<void>> send(std::string_view text);
  /// The tagged response, where the server gives one before the command's last literal.
  io::Task<Result<std::optional<StatusResponse>>> say(const std::string& tag, std::string_view text);
  /// Whether a literal of this size may be sent unasked.
  [[nodiscard]] bool unasked(std::uint64_t size) const;
  io::Task<Result<void>> flush();
  io::Task<Result<Response>> receive();
  io::Task<Result<Response>> receive(Awaited awaited);
  io::Task<Result<Response>> receive_line(Awaited awaited);
  io::Task<Result<void>> take_literal(ContentSink* sink, std::string& before);
  io::Task<Result<void>> stream_literal(ContentSink& sink, std::uint64_t size);
  void start_deadline(std::optional<Moment> until = {});
  void keep_pace(std::size_t octets);
  io::Task<Result<StatusResponse>> finish(const std::string& tag, OnResponse each, ContentSink* sink);
  io::Task<Result<StatusResponse>> conclude(StatusResponse response);
  /// Sends a command that ends in a literal announcement; true when the server wants the octets.
  io::Task<Result<std::optional<StatusResponse>>> wait_to_continue(const std::string& tag);
  io::Task<Result<void>> converse(const std::string& tag, sasl::ClientExchange& exchange,
                                  std::optional<std::string> initial);
  io::Task<Result<void>> idle_on(const std::string& tag, std::function<bool(const Response&)>& each, io::Event& stop,
                                 Moment until, std::optional<StatusResponse>& ended);
  io::Task<Result<void>> send_content(ContentFacts facts, ContentSource& source);
  /// The tagged response, where the server gives one before it wants the letter.
  io::Task<Result<std::optional<StatusResponse>>> send_letter(const std::string& tag, std::string before,
                                                              const Letter& letter);
  [[nodiscard]] bool has_uidplus() const;
  io::Task<Result<std::vector<ListResponse>>> rows(std::string text);
  void remember(const Response& response);
  std::string next_tag();
  [[nodiscard]] std::string mailbox(std::string_view name) const;

  wire::Connection* connection_;
  std::unique_ptr<wire::Connection> secured_;  ///< what it points to under a security layer
  ClientOptions options_;
  wire::Input input_;
  wire::Output output_;
  CommandReader reader_{kResponseMax};
  std::optional<CapabilityResponse> capabilities_;
  NameForm names_ = NameForm::modified_utf7;
  /// Names that the server writes otherwise than we would: by ours.
  std::unordered_map<std::string, std::string> irregular_;
  std::optional<Error> bye_;
  std::size_t unpaced_ = 0;  ///< octets since the deadline was set
  std::uint32_t tags_ = 0;
  bool utf8_accept_ = false;
  bool preauthenticated_ = false;
};

/// What a response is awaited with.
struct Client::Awaited {
  ContentSink* sink = nullptr;
  io::Event* also = nullptr;      ///< ends the wait with kCancelled
  std::optional<Moment> until{};  ///< instead of the timeout
};

}  // namespace angarium::protocol::imap
