#include "message/content.h"

#include <algorithm>

#include "base/text.h"
#include "message/charset.h"
#include "message/coding.h"
#include "message/html_text.h"
#include "message/lexical.h"
#include "message/octet_find.h"
#include "message/structure_fields.h"

namespace angarium::message {

namespace {

/// Octets decoded at a time.
constexpr std::size_t kDecodeStep = std::size_t{16} * 1024;
/// Octets of an HTML text that are searched for a <meta> charset: browsers look at 1024.
constexpr std::size_t kMetaMax = 1024;

std::string meta_charset(std::string_view html) {
  constexpr std::string_view kWord = "charset";
  for (std::size_t at = 0; at < html.size(); ++at) {
    if (!starts_with_ignore_case(html.substr(at), kWord)) continue;
    std::size_t begin = at + kWord.size();
    while (begin < html.size() &&
           (is_space(html[begin]) || html[begin] == '=' || html[begin] == '"' || html[begin] == '\''))
      ++begin;
    std::size_t end = begin;
    while (end < html.size() && (is_alnum(html[end]) || html[end] == '-' || html[end] == '_')) ++end;
    if (end > begin) return std::string(html.substr(begin, end - begin));
  }
  return {};
}

bool is_attachment(const Part& part, std::string_view message) {
  const std::string_view value = part.field(PartField::disposition).of(message);
  return starts_with_ignore_case(value.substr(skip_cfws(value, 0)), "attachment");
}

/// Blanks and line ends as one blank each, cut to `max` characters.
std::string one_line(std::string_view text, std::size_t max) {
  std::string line;
  std::size_t characters = 0;
  bool blank = false;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (is_space(c) || is_control(c) || text.substr(at).starts_with("\xC2\xA0")) {
      blank = !line.empty();
      at += c == '\xC2' ? 2 : 1;
      continue;
    }
    std::size_t size = 1;
    while (at + size < text.size() && (static_cast<unsigned char>(text[at + size]) & 0xC0) == 0x80) ++size;
    if (characters + (blank ? 2 : 1) > max) break;
    if (blank) line += ' ';
    line += text.substr(at, size);
    characters += blank ? 2 : 1;
    blank = false;
    at += size;
  }
  return line;
}

/// What the writer wrote: no quoted lines, no line that introduces them, nothing from the signature on.
std::string without_quotes(std::string_view text) {
  std::string own;
  std::size_t last_line = 0;  // where the last line that is not empty begins in `own`
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line == "-- ") break;  // RFC 3676 §4.3
    if (starts_with_ignore_case(line, "-----original message-----")) break;
    if (line.starts_with('>')) {
      // "On …, … wrote:" belongs to the quotation.
      std::size_t end = own.size();
      while (end > last_line && is_space(own[end - 1])) --end;
      if (end > last_line && own[end - 1] == ':') own.resize(last_line);
      continue;
    }
    if (!trim(line).empty()) last_line = own.size();
    own += line;
    own += '\n';
  }
  return own;
}

/// The text to show among a part and its descendants. Depth is bounded by kDepthMax.
std::uint32_t text_part(const Structure& s, std::string_view message, std::uint32_t index) {
  const Part& part = s.parts[index];
  if (index != 0 && is_attachment(part, message)) return kNoPart;
  if (part.kind == PartKind::message) return index == 0 ? text_part(s, message, part.first_child) : kNoPart;
  if (part.kind == PartKind::leaf) return s.is_type(part, message, "text") ? index : kNoPart;
  std::uint32_t best = kNoPart;
  for (std::uint32_t child = part.first_child; child != kNoPart; child = s.parts[child].next_sibling) {
    const std::uint32_t found = text_part(s, message, child);
    if (found == kNoPart) continue;
    if (s.is_type(s.parts[found], message, "text", "plain")) return found;
    if (best == kNoPart) best = found;
    if (!s.is_type(part, message, "multipart", "alternative")) break;
  }
  return best;
}

}  // namespace

std::string decoded_content(const Part& part, std::string_view message) {
  return decode_transfer(part.encoding, part.body().of(message));
}

std::string part_charset(const Structure& structure, const Part& part, std::string_view message) {
  std::string_view name;
  std::string value;
  ParameterReader reader(part.field(PartField::type).of(message));
  while (reader.next(name, value))
    if (equals_ignore_case(name, "charset")) return value;
  if (!structure.is_type(part, message, "text", "html")) return {};
  TransferDecoder decoder(part.encoding);
  std::string beginning;
  decoder.feed(part.body().of(message).substr(0, 3 * kMetaMax), beginning);
  return meta_charset(std::string_view(beginning).substr(0, kMetaMax));
}

std::string_view part_text(const Structure& structure, const Part& part, std::string_view message, std::size_t max,
                           std::string& room) {
  const std::string charset = part_charset(structure, part, message);
  std::string_view body = part.body().of(message);
  if (is_identity(part.encoding) && keeps_ascii(charset)) {
    const std::string_view wanted = body.substr(0, max);
    if (ascii_prefix(wanted) == wanted.size()) return wanted;
  }
  TransferDecoder decoder(part.encoding);
  Utf8Decoder utf8(charset);
  std::string octets;
  room.clear();
  while (!body.empty() && room.size() < max) {
    octets.clear();
    decoder.feed(body.substr(0, kDecodeStep), octets);
    body.remove_prefix(std::min(body.size(), kDecodeStep));
    utf8.feed(octets, room);
  }
  octets.clear();
  decoder.finish(octets);
  utf8.feed(octets, room);
  utf8.finish(room);
  if (room.size() > max) {
    while (max > 0 && (static_cast<unsigned char>(room[max]) & 0xC0) == 0x80) --max;  // not within a character
    room.resize(max);
  }
  return room;
}

std::string part_text(const Structure& structure, const Part& part, std::string_view message, std::size_t max) {
  std::string room;
  const std::string_view text = part_text(structure, part, message, max, room);
  return text.data() == room.data() ? std::move(room) : std::string(text);
}

std::uint32_t main_text_part(const Structure& structure, std::string_view message) {
  return text_part(structure, message, 0);
}

std::string preview(const Structure& structure, std::string_view message) {
  const std::uint32_t index = main_text_part(structure, message);
  if (index == kNoPart) return {};
  const Part& part = structure.parts[index];
  const std::string source = part_text(structure, part, message, kPreviewSourceMax);
  const bool html = structure.is_type(part, message, "text", "html");
  // Enough octets for the characters wanted, with blanks between them.
  constexpr std::size_t kEnough = kPreviewMax * 64;
  const std::string own = html ? html_to_text(source, kEnough, HtmlQuotes::skip) : without_quotes(source);
  if (std::string line = one_line(own, kPreviewMax); !line.empty()) return line;
  return one_line(html ? html_to_text(source, kEnough) : source, kPreviewMax);
}

}  // namespace angarium::message
