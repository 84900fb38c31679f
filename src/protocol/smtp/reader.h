// Reading lines and replies, without I/O. Both ends use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/smtp/reply.h"

namespace angarium::protocol::smtp {

/// What stands at the front of the input.
struct Line {
  enum class Kind : std::uint8_t {
    incomplete,  ///< nothing yet: read more and ask again with at least the octets that were not taken
    complete,    ///< a line ended by CR LF
    bare,        ///< a line ended by LF alone, or with a CR amid it: not a line (RFC 5321 §2.3.8)
    too_long,    ///< a line above the limit was skipped to its end
    endless,     ///< kLineEndless octets came without an end: nobody speaks SMTP here
  };
  Kind kind = Kind::incomplete;
  std::string_view text;  ///< without the line end; a view into the input
  std::size_t taken = 0;  ///< octets to remove from the front of the input
};

/// How much of a line above its limit is skipped in hope of its end. A guard against a peer who sends a file.
inline constexpr std::size_t kLineEndless = 1 << 20;

/// Finds lines in a growing input. Linear however the input is cut; holds no octets itself.
class LineReader {
 public:
  /// `limit`: octets of a line with its line end.
  Line next(std::string_view input, std::size_t limit);
  /// Forgets what was scanned: the input was dropped, or read by somebody else.
  void restart() { scanned_ = skipped_ = 0; }

 private:
  Line skip(std::string_view input);

  std::size_t scanned_ = 0;  ///< octets at the front of the input that hold no LF
  std::size_t skipped_ = 0;  ///< octets of a line above the limit that were taken already
};

/// A command line in its parts: the verb up to the first space, and what follows that space, without spaces and tabs
/// at the end (RFC 5321 §4.1.1 lets servers tolerate them).
struct CommandLine {
  std::string_view verb;
  std::string_view arguments;
};
CommandLine split_command(std::string_view line);

/// The server's reply broke the grammar of RFC 5321 §4.2.
inline constexpr ErrorKind kBadReply{"smtp.bad-reply", Fault::dependency, Lasting::temporary};
/// A reply above the limits below.
inline constexpr ErrorKind kReplyTooLong{"smtp.reply-too-long", Fault::dependency, Lasting::temporary};

/// A reply line may have 512 octets (RFC 5321 §4.5.3.1.5); servers exceed that, and a SASL challenge may have 12,288
/// (RFC 4954 §4).
inline constexpr std::size_t kReplyLineMax = 12'288 + 6;
/// Lines of a reply, and their octets in all: an EHLO reply has some thirty, EXPN of a large list more.
inline constexpr std::size_t kReplyLinesMax = 1024;
inline constexpr std::size_t kReplyOctetsMax = 64 * 1024;

/// Puts a reply together from its lines. Tolerates what servers do wrong and RFC 5321 §4.2 asks clients to bear:
/// a code without text, or without the space; lines ended by LF alone.
class ReplyReader {
 public:
  enum class Progress { more, done };
  /// Takes octets off the front of `input` until a whole reply was read.
  Result<Progress> read(std::string_view& input);
  /// The reply that was read; the reader is ready for the next one. Enhanced codes are taken from the text of 2yz,
  /// 4yz and 5yz where every line bears the same one.
  Reply take();

 private:
  Result<Progress> line(std::string_view text);

  std::string partial_;  ///< a line that is not yet complete
  Reply reply_;
  std::size_t lines_ = 0;
};

/// The enhanced code at the front of a reply's text, and nothing else; absent if there is none that fits `code`.
EnhancedCode parse_enhanced(std::string_view text, std::uint16_t code);

}  // namespace angarium::protocol::smtp
