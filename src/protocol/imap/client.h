// The client's half: speaks to any IMAP server, ours or foreign. Drives the tests of the server's half, fetching from
// other servers, the terminal client and the self-check.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
#include "wire/connection/connection.h"
#include "wire/framing/input.h"
#include "wire/framing/output.h"

namespace angarium::protocol::imap {

/// The server answered NO; the text is its.
inline constexpr ErrorKind kServerRefused{"imap.server-refused", Fault::user, Lasting::permanent};
/// The server answered NO with a code that says to try later (UNAVAILABLE, INUSE, LIMIT, …).
inline constexpr ErrorKind kServerBusy{"imap.server-busy", Fault::dependency, Lasting::temporary};
/// The server answered BAD, said BYE, or what it sent is no IMAP.
inline constexpr ErrorKind kServerBroke{"imap.server-broke", Fault::dependency, Lasting::permanent};

struct ClientOptions {
  Duration timeout = std::chrono::minutes(5);  ///< for each response
  /// Literals of FETCH responses from this size on go to the sink, if there is one.
  std::uint64_t stream_from = 64 * 1024;
};

/// Takes large bodies piece by piece.
class ContentSink {
 public:
  virtual ~ContentSink() = default;
  /// A literal of `size` octets begins; `before` is the response up to it.
  virtual Result<void> begin(std::string_view before, std::uint64_t size) = 0;
  virtual Result<void> append(std::string_view octets) = 0;
  virtual Result<void> end() = 0;
};

/// What the caller wants to see of the untagged responses to its command.
using OnResponse = std::function<void(const Response&)>;

struct SelectResult {
  std::uint32_t exists = 0;
  std::uint32_t uid_validity = 0;
  std::uint32_t uid_next = 0;
  std::uint64_t highest_modseq = 0;
  bool read_only = false;
  std::string mailbox_id;
};

/// One connection to a server, one command at a time. On its loop. After an error of kind kServerBroke or of the stream
/// it is of no more use. Strings given are UTF-8 or octets as the server shall get them.
class Client {
 public:
  /// The connection outlives it.
  explicit Client(wire::Connection& connection, ClientOptions options = {});

  /// Reads the greeting. True: PREAUTH.
  io::Task<Result<bool>> greet();
  /// Asks where they are not known; told ones are kept until TLS or login changes them.
  io::Task<Result<const CapabilityResponse*>> capabilities();
  io::Task<Result<void>> start_tls();
  io::Task<Result<void>> login(std::string user, std::string password);
  /// The exchange is one of sasl/'s; the mechanism its name. With SASL-IR where the server has it.
  io::Task<Result<void>> authenticate(std::string mechanism, std::unique_ptr<sasl::ClientExchange> exchange);
  io::Task<Result<std::vector<std::string>>> enable(std::string names);
  io::Task<Result<void>> logout();

  io::Task<Result<SelectResult>> select(std::string mailbox, Access access, OnResponse others = {});
  io::Task<Result<std::vector<ListResponse>>> list(std::string reference, std::string pattern);
  io::Task<Result<StatusItemsResponse>> status(std::string mailbox, std::string items);
  io::Task<Result<void>> create(std::string mailbox);
  /// UIDs the message got, where the server says so.
  io::Task<Result<std::optional<UidCode>>> append(std::string mailbox, FlagList flags, std::optional<WallTime> date,
                                                  std::string_view message);
  /// `set` and `items` as they stand in the command.
  io::Task<Result<void>> uid_fetch(std::string set, std::string items, OnResponse each, ContentSink* sink = nullptr);
  io::Task<Result<void>> uid_store(std::string set, std::string change);
  io::Task<Result<std::optional<UidCode>>> uid_copy(std::string set, std::string mailbox, CopyMode mode);
  io::Task<Result<NumberSet>> uid_search(std::string program);
  io::Task<Result<void>> uid_expunge(std::string set);
  /// Any command without its tag; the tagged response. Literals stand in it as append_imap_string() writes them, after
  /// "{5}" and CRLF, and are sent when the server wants them (RFC 7888).
  io::Task<Result<StatusResponse>> command(std::string text, OnResponse each = {}, ContentSink* sink = nullptr);
  /// IDLE until the event is set, a response made `each` return true, or the time is over; then DONE.
  io::Task<Result<void>> idle(std::function<bool(const Response&)> each, io::Event& stop, Duration at_most);

  /// Untagged responses that belong to no command's result, such as EXISTS; may be empty.
  OnResponse on_news;

 private:
  io::Task<Result<void>> send(std::string_view text);
  /// The tagged response, where the server gives one before the command's last literal.
  io::Task<Result<std::optional<StatusResponse>>> say(const std::string& tag, std::string text);
  /// Whether a literal of this size may be sent unasked.
  [[nodiscard]] bool unasked(std::uint64_t size) const;
  io::Task<Result<void>> flush();
  io::Task<Result<Response>> receive(ContentSink* sink = nullptr, io::Event* also = nullptr);
  io::Task<Result<void>> take_literal(ContentSink* sink, std::string& before);
  io::Task<Result<StatusResponse>> finish(const std::string& tag, OnResponse each, ContentSink* sink);
  io::Task<Result<StatusResponse>> conclude(StatusResponse response);
  /// Sends a command that ends in a literal announcement; true when the server wants the octets.
  io::Task<Result<std::optional<StatusResponse>>> wait_to_continue(const std::string& tag);
  void remember(const Response& response);
  std::string next_tag();
  [[nodiscard]] std::string mailbox(std::string_view name) const;

  wire::Connection& connection_;
  ClientOptions options_;
  wire::Input input_;
  wire::Output output_;
  CommandReader reader_{kResponseMax};
  std::optional<CapabilityResponse> capabilities_;
  NameForm names_ = NameForm::modified_utf7;
  bool utf8_accept_ = false;
  std::uint32_t tags_ = 0;
};

}  // namespace angarium::protocol::imap
