// One POP3 session on the server: what the commands under command/ work with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/event.h"
#include "io/task.h"
#include "protocol/pop3/backend.h"
#include "protocol/pop3/reader.h"
#include "protocol/pop3/server.h"
#include "protocol/pop3/state.h"
#include "protocol/pop3/types.h"
#include "wire/connection/connection.h"
#include "wire/framing/input.h"
#include "wire/framing/output.h"

namespace angarium::protocol::pop3 {

/// TRANSACTION: the open maildrop and what this session did to it. Numbers are the client's, from 1.
class OpenMaildrop {
 public:
  explicit OpenMaildrop(std::unique_ptr<Maildrop> maildrop);

  [[nodiscard]] Maildrop& body() { return *maildrop_; }
  /// Messages, and their octets, that are not marked.
  [[nodiscard]] std::size_t left() const { return left_; }
  [[nodiscard]] std::uint64_t octets_left() const { return octets_left_; }
  [[nodiscard]] std::size_t count() const { return deleted_.size(); }
  [[nodiscard]] bool deleted(std::size_t index) const { return deleted_[index]; }
  /// The index of a message that is there and not marked; kNoMessage.
  Result<std::size_t> find(Number number) const;
  /// The message that the parameters name, and they name nothing else.
  Result<std::size_t> only(Parameters parameters) const;
  void mark(std::size_t index);
  void unmark_all();
  [[nodiscard]] std::vector<std::size_t> marked() const;
  void accessed(std::size_t index);
  [[nodiscard]] std::size_t last_accessed() const { return last_accessed_; }

 private:
  std::unique_ptr<Maildrop> maildrop_;
  std::vector<bool> deleted_;
  std::size_t left_ = 0;
  std::uint64_t octets_left_ = 0;
  std::size_t last_accessed_ = 0;
};

/// Belongs to the coroutine of serve().
class Session {
 public:
  Session(wire::Connection& connection_of, Authenticator& authenticator_of, const ServerOptions& options_of,
          io::Event* stop);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// From the greeting to the end.
  io::Task<Result<>> run();

  // --- For the commands --------------------------------------------------------------------------------------------
  void ok(std::string_view text) { write_ok_line(text); }
  void refuse(Code code, std::string_view text);
  void refuse(const Error& error);
  /// A command that breaks the grammar or is out of place: refused and counted.
  void refuse_bad(std::string_view text);

  /// The next line of the client, once everything written so far is sent. kAborted: `stop` was set.
  io::Task<Result<std::string_view>> next_line(std::size_t limit);
  /// Waits while too much is unsent, with a fresh deadline.
  io::ValueOrTask<Result<>> room();

  /// The user has proved to be: opens the maildrop and says +OK, or -ERR.
  io::Task<Result<>> enter(Login login);
  /// Says -ERR after the delay that failures cost.
  io::Task<Result<>> login_failed(const Error& error);

  [[nodiscard]] bool plaintext_allowed() const;
  [[nodiscard]] std::vector<const sasl::Mechanism*> offered_mechanisms();

  /// Sends a message's octets dot-stuffed and the final dot: all of them, or the header and `lines` lines.
  io::Task<Result<>> send_message(std::size_t index, Purpose purpose, std::optional<std::uint64_t> lines);

  /// All octets from now on go through the layer that AUTH agreed on.
  io::Task<Result<>> secure(std::unique_ptr<sasl::SecurityLayer> layer);
  [[nodiscard]] wire::Connection& connection() { return *connection_; }

  /// Ends the session after the answer was sent.
  void close() { state = State::update; }

  Authenticator& authenticator;
  const ServerOptions& options;
  wire::Input input{};
  wire::Output output{};
  State state = State::authorization;
  std::optional<OpenMaildrop> maildrop{};  ///< in TRANSACTION
  std::string timestamp{};                 ///< of the greeting; empty without APOP
  std::optional<std::string> user{};       ///< between USER and PASS
  Presentation presentation = Presentation::downgraded;

 private:
  void write_ok_line(std::string_view text);
  io::Task<Result<>> greet();
  io::Task<Result<>> commands();
  Answer dispatch(std::string_view line);
  void count_command();

  wire::Connection* connection_;
  std::unique_ptr<wire::Connection> secured_{};  ///< stands on the one that serve() was given
  io::Event* stop_;
  unsigned bad_commands_ = 0;
  unsigned commands_ = 0;
  unsigned failures_ = 0;
};

}  // namespace angarium::protocol::pop3
