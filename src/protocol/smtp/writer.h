// Writing replies and commands, without I/O. Both ends use it.
#pragma once

#include <string>
#include <string_view>

#include "protocol/smtp/reply.h"

namespace angarium::protocol::smtp {

/// Octets of a reply line with its CR LF (RFC 5321 §4.5.3.1.5).
inline constexpr std::size_t kReplyLineOctets = 512;

/// Whether a reply may hold UTF-8: only where the client said so (RFC 6531 §3.7.4).
enum class ReplyCharset { ascii, utf8 };

/// Appends the reply as it stands on the line: code, enhanced code and text in each of its lines, folded at
/// kReplyLineOctets, octets that may not stand in a textstring written as '?' (RFC 5321 §4.2).
void write_reply(std::string& out, const ReplyView& reply, ReplyCharset charset = ReplyCharset::ascii);

}  // namespace angarium::protocol::smtp
