// What is said to the IMAP server an import comes from.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/event.h"
#include "protocol/imap/client.h"
#include "transfer/remote.h"

namespace angarium::transfer {

/// Octets of messages that are read ahead.
inline constexpr std::size_t kAheadOctets = 1u << 20;
/// What lies ahead when the server cannot be paused, for it sends no literal: more is the server's breaking.
inline constexpr std::size_t kAheadMax = 8u << 20;
/// Octets of a message that comes as no literal, at most: a quoted string holds no line end (RFC 9051 §4.3), so that no
/// honest server gives more than a line so.
inline constexpr std::size_t kQuotedMax = 64u << 10;
/// Messages of one folder: a guard against a server that lists without end.
inline constexpr std::size_t kRemoteMessagesMax = 5'000'000;
/// Octets of a set of UIDs in one command; RFC 7162 §4 asks servers for lines of 8,192.
inline constexpr std::size_t kRemoteSetMax = 4000;

/// What comes of messages that were asked for, in the server's order.
struct RemoteEvent {
  enum class Kind : std::uint8_t {
    begin,       ///< of a message: what is told of it before its octets
    octets,      ///< the next ones
    end,         ///< of the message: all that is told of it
    unreadable,  ///< a message that the server does not give; `octets` are its words
    over,        ///< of all that was asked for
    failed,      ///< nothing more is to be had; `error` says why
  };
  Kind kind = Kind::over;
  std::string octets;
  protocol::imap::FetchResponse told;
  std::optional<Error> error;
};

/// A message there.
struct RemoteMessage {
  std::uint32_t uid = 0;
  std::uint64_t octets = 0;
};

/// A folder that is selected.
struct RemoteFolder {
  std::uint32_t uid_validity = 0;       ///< 0: UIDs mean nothing in another session
  std::vector<RemoteMessage> messages;  ///< by ascending UID
};

/// All calls block and run the loop. One thread.
class RemoteSession {
 public:
  RemoteSession(io::Loop& loop, std::unique_ptr<wire::Connection> connection, RemoteOptions options);
  RemoteSession(const RemoteSession&) = delete;
  RemoteSession& operator=(const RemoteSession&) = delete;
  ~RemoteSession();

  Result<> enter();
  [[nodiscard]] protocol::imap::Client& client() { return client_; }
  Result<Found> find();
  /// kPlace: the server refuses this folder.
  Result<RemoteFolder> select(const std::string& name);

  /// Asks for messages of the folder that is selected: `wanted` of `all`, both by ascending UID; then take() gives what
  /// comes, up to `over` or `failed`. What is not there any more does not come.
  void fetch(const std::vector<RemoteMessage>& all, std::vector<std::uint32_t> wanted);
  RemoteEvent take();
  [[nodiscard]] bool fetching() const { return fetching_; }

  /// "imap:anna@mail.example.org/lists"
  [[nodiscard]] std::string path_of(const std::string& name) const;

 private:
  class Sink;
  /// Messages that one command asks for.
  struct Asked {
    std::string set;
    std::vector<std::uint32_t> uids;
    std::vector<bool> came;
  };

  io::Task<Result<>> log_in();
  Result<> check_peer() const;
  io::Task<Result<Found>> list();
  io::Task<Result<RemoteFolder>> examine(std::string name);
  static std::vector<Asked> sets_of(const std::vector<RemoteMessage>& all, const std::vector<std::uint32_t>& wanted);
  io::Task<> produce(std::vector<Asked> all);
  io::Task<Result<>> ask(Asked& asked);
  io::Task<Result<>> ask_each(const Asked& asked);
  void take_response(const protocol::imap::FetchResponse& told, Asked& asked);
  void push(RemoteEvent event);
  void break_with(std::string_view reason);
  io::Task<> pause();

  io::Loop& loop_;
  std::unique_ptr<wire::Connection> connection_;
  RemoteOptions options_;
  protocol::imap::Client client_;
  std::deque<RemoteEvent> events_;
  std::size_t ahead_ = 0;     ///< octets of the events, with what is told
  bool begun_ = false;        ///< a message has begun whose response is not whole
  std::optional<Error> bad_;  ///< what the server did that ends it
  bool fetching_ = false;
  bool paused_ = false;
  bool leaving_ = false;
  io::Event room_;
};

}  // namespace angarium::transfer
