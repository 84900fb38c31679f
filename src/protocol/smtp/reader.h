// Reading command lines and replies, without I/O. The lines themselves are found by wire/framing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/smtp/reply.h"

namespace angarium::protocol::smtp {

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
/// (RFC 4954 §4). Without CR LF.
inline constexpr std::size_t kReplyLineMax = 12'288 + 4;
/// Lines of a reply, and their octets in all: an EHLO reply has some thirty, EXPN of a large list more.
inline constexpr std::size_t kReplyLinesMax = 1024;
inline constexpr std::size_t kReplyOctetsMax = 64 * 1024;

/// Puts a reply together from its lines. Tolerates what servers do wrong and RFC 5321 §4.2 asks clients to bear:
/// a code without text, or without the space.
class ReplyReader {
 public:
  enum class Progress { more, done };
  /// The next line, without its end.
  Result<Progress> line(std::string_view text);
  /// The reply that was read; the reader is ready for the next one. Enhanced codes are taken from the text of 2yz,
  /// 4yz and 5yz where every line bears the same one.
  Reply take();

 private:
  Reply reply_;
  std::size_t lines_ = 0;
};

/// The enhanced code at the front of a reply's text, and nothing else; absent if there is none that fits `code`.
EnhancedCode parse_enhanced(std::string_view text, std::uint16_t code);

}  // namespace angarium::protocol::smtp
