#include "protocol/smtp/reader.h"

#include <algorithm>

#include "base/text.h"

namespace angarium::protocol::smtp {

CommandLine split_command(std::string_view line) {
  while (!line.empty() && is_wsp(line.back())) line.remove_suffix(1);
  CommandLine command{take_until(line, ' '), line};
  return command;
}

namespace {

/// 1*3DIGIT at the front, as RFC 2034 §4 writes subject and detail.
bool take_number(std::string_view& text, std::uint16_t& number) {
  std::size_t digits = 0;
  while (digits < text.size() && digits < 3 && is_digit(text[digits])) ++digits;
  const auto value = parse_number<std::uint16_t>(text.substr(0, digits));
  if (!value) return false;
  number = *value;
  text.remove_prefix(digits);
  return true;
}

bool take_dot(std::string_view& text) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return true;
}

/// The code and, in `text`, what stands behind it.
EnhancedCode take_enhanced(std::string_view& text, std::uint16_t code) {
  std::string_view rest = text;
  EnhancedCode found;
  if (rest.size() < 5 || rest[0] != static_cast<char>('0' + code / 100) || code < 200 || code / 100 == 3) return {};
  found.status = static_cast<std::uint8_t>(code / 100);
  rest.remove_prefix(1);
  if (!take_dot(rest) || !take_number(rest, found.subject)) return {};
  if (!take_dot(rest) || !take_number(rest, found.detail)) return {};
  if (!rest.empty() && rest.front() != ' ') return {};
  if (!rest.empty()) rest.remove_prefix(1);
  text = rest;
  return found;
}

}  // namespace

EnhancedCode parse_enhanced(std::string_view text, std::uint16_t code) { return take_enhanced(text, code); }

Result<ReplyReader::Progress> ReplyReader::line(std::string_view text) {
  const auto code = parse_number<std::uint16_t>(text.substr(0, 3));
  const bool shaped =
      code && *code >= 200 && *code < 600 && text.size() >= 3 && (text.size() == 3 || text[3] == ' ' || text[3] == '-');
  if (!shaped) return fail(kBadReply, "not an SMTP reply: \"" + escape_controls(text, 80) + "\"");
  if (lines_ > 0 && *code != reply_.code) return fail(kBadReply, "the lines of one reply bear different codes");
  if (++lines_ > kReplyLinesMax || reply_.text.size() + text.size() > kReplyOctetsMax)
    return fail(kReplyTooLong, "the server's reply has too many lines or octets");
  const bool last = text.size() == 3 || text[3] == ' ';
  const std::string_view all_words = text.substr(std::min<std::size_t>(4, text.size()));
  std::string_view words = all_words;
  const EnhancedCode enhanced = take_enhanced(words, *code);
  if (lines_ == 1) {
    reply_.enhanced = enhanced;
  } else {
    // A code that only some lines bear is text (RFC 2034 §4).
    if (enhanced != reply_.enhanced) words = all_words;
    reply_.text += '\n';
  }
  reply_.code = *code;
  reply_.text += words;
  return last ? Progress::done : Progress::more;
}

Reply ReplyReader::take() {
  lines_ = 0;
  Reply reply = std::move(reply_);
  reply_ = Reply();
  return reply;
}

}  // namespace angarium::protocol::smtp
