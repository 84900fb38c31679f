// Cuts the octets of a client into commands: lines with their literals. Sans-IO and incremental; linear in the input.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/imap/limits.h"

namespace angarium::protocol::imap {

/// The announcement at the end of a line: "{310}", "{310+}", "~{310}" (RFC 9051 §4.3, RFC 7888, RFC 3516).
struct LiteralHead {
  enum class Sync { waits, flows };  ///< whether the client waits for "+" before it sends the octets
  enum class Form { text, binary };  ///< binary: literal8
  std::uint64_t size = 0;
  Sync sync = Sync::waits;
  Form form = Form::text;
  friend bool operator==(const LiteralHead&, const LiteralHead&) = default;
};

/// Finds an announcement at the end of a line without its CRLF. Sizes above 2^63-1 are none.
bool literal_at_end(std::string_view line, LiteralHead& head);

/// Collects one command at a time. feed() takes octets until something happened:
///   line      a whole command stands in text()
///   literal   a line ended in the announcement head(); text() holds all before and the announcement itself. The
///             caller then calls collect() (the octets go into text()), streamed() after it has taken size octets from
///             the stream itself, or discard() (what belongs to the command is dropped, then `discarded` comes)
///   discarded a command was dropped whole, because the caller said discard() or because it passed its limit
///             (overflowed()); text() holds its beginning, enough for the tag
/// After line or discarded the caller calls next(). A line ends with CRLF; a bare LF is taken for it, as people type
/// commands by hand. In text() literals stand as they came: "{5}\r\nhello".
class CommandReader {
 public:
  enum class Event { need_more, line, literal, discarded };

  explicit CommandReader(std::size_t command_max = kUnauthenticatedCommandMax) : command_max_(command_max) {}

  /// Consumes from the front of `input`; what is left was not looked at.
  Event feed(std::string_view& input);

  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] const LiteralHead& head() const { return head_; }
  /// Whether the last event was a literal that nobody has taken yet.
  [[nodiscard]] bool announced() const { return announced_; }
  /// Whether nothing of a command has arrived.
  [[nodiscard]] bool empty() const { return state_ == State::line && text_.empty(); }

  [[nodiscard]] bool overflowed() const { return overflowed_; }
  /// True when the announced octets fit the command's limit.
  [[nodiscard]] bool fits() const { return head_.size <= command_max_ && text_.size() + head_.size <= command_max_; }
  void collect();
  /// The announced octets went elsewhere; text() begins anew with what follows them.
  void streamed();
  void discard();
  void next();

  void set_limit(std::size_t command_max) { command_max_ = command_max; }
  /// Gives back the memory of a long command; called when the session goes idle.
  void release();

 private:
  enum class State { line, literal, discard_line, discard_literal, waiting };
  Event feed_line(std::string_view& input);
  Event feed_discard(std::string_view& input);
  Event overflow(std::string_view& input);

  std::string text_;
  std::size_t line_start_ = 0;  ///< where in text_ the current line begins, behind the last literal
  std::size_t command_max_;
  LiteralHead head_;
  std::uint64_t pending_ = 0;  ///< octets of a literal still to come
  std::string tail_;           ///< of a dropped line: enough to see an announcement
  State state_ = State::line;
  bool overflowed_ = false;
  bool announced_ = false;
};

}  // namespace angarium::protocol::imap
