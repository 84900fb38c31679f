#include "protocol/smtp/writer.h"

#include <array>
#include <charconv>

#include "base/text.h"

namespace angarium::protocol::smtp {
namespace {

/// "250-2.1.5 " in front of each line; the third octet after it is set for the last line.
struct Head {
  std::array<char, 16> octets{};
  std::size_t size = 0;

  explicit Head(const ReplyView& reply) {
    number(reply.code);
    octets[size++] = '-';
    if (!reply.enhanced.present()) return;
    number(reply.enhanced.status);
    octets[size++] = '.';
    number(reply.enhanced.subject);
    octets[size++] = '.';
    number(reply.enhanced.detail);
    octets[size++] = ' ';
  }
  /// Codes have three digits, subjects and details at most three (RFC 3463 §2): 3 + 1 + 1 + 1 + 3 + 1 + 3 + 1 octets.
  void number(unsigned value) {
    const auto written = std::to_chars(octets.data() + size, octets.data() + octets.size(), value % 1000);
    size = static_cast<std::size_t>(written.ptr - octets.data());
  }
  void last() { octets[3] = ' '; }
  [[nodiscard]] std::string_view view() const { return {octets.data(), size}; }
};

/// The longest part of the line that fits, cut after a space if there is one, and never within a UTF-8 sequence.
std::size_t fitting(std::string_view line, std::size_t room) {
  if (line.size() <= room) return line.size();
  const std::size_t space = line.rfind(' ', room - 1);
  if (space != std::string_view::npos && space > 0) return space + 1;
  while (room > 1 && (static_cast<unsigned char>(line[room]) & 0xC0) == 0x80) --room;
  return room;
}

void append_text(std::string& out, std::string_view text, ReplyCharset charset) {
  const bool utf8 = charset == ReplyCharset::utf8 && valid_utf8(text);
  const std::size_t start = out.size();
  out += text;
  for (std::size_t i = start; i < out.size(); ++i) {
    char& c = out[i];
    // textstring = 1*(%d09 / %d32-126), RFC 5321 §4.2
    if ((is_control(c) && c != '\t') || (!is_ascii(c) && !utf8)) c = '?';
  }
}

}  // namespace

void write_reply(std::string& out, const ReplyView& reply, ReplyCharset charset) {
  Head head(reply);
  const std::size_t room = kReplyLineOctets - head.size - 2;
  std::string_view text = reply.text;
  for (;;) {
    const std::size_t newline = text.find('\n');
    const std::string_view line = text.substr(0, newline);
    const std::size_t taken = fitting(line, room);
    const bool line_done = taken == line.size();
    const bool last = line_done && newline == std::string_view::npos;
    if (last) head.last();
    out += head.view();
    append_text(out, line.substr(0, taken), charset);
    out += "\r\n";
    if (last) return;
    text.remove_prefix(taken + (line_done ? 1 : 0));
  }
}

}  // namespace angarium::protocol::smtp
