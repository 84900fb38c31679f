#include "message/flowed.h"

#include "base/text.h"

namespace angarium::message {

namespace {

constexpr std::string_view kSignature = "-- ";

/// Takes the first line off, without its end.
std::string_view take_line(std::string_view& text) {
  std::string_view line = take_until(text, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// RFC 3676 §4.4: what would read as a quotation, or be taken for an mbox line, gets a blank before it.
void put_line(std::string& out, std::string_view line, bool may_be_quoted) {
  if (line.starts_with(' ') || line.starts_with("From ") || (!may_be_quoted && line.starts_with('>'))) out += ' ';
  out += line;
}

/// Octets of the first `characters` characters.
std::size_t octets_of(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  while (at < text.size() && characters > 0) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    --characters;
  }
  return at;
}

}  // namespace

std::string to_flowed(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (line == kSignature) {
      out += "-- \r\n";
      continue;
    }
    while (line.ends_with(' ')) line.remove_suffix(1);  // a blank at the end would be a soft line break
    const bool quoted = line.starts_with('>');
    bool first = true;
    while (!quoted) {
      // One less for the blank that a line may need before it.
      const std::size_t width = octets_of(line, kFlowedWidth - 1);
      if (width == line.size()) break;
      std::size_t blank = line.rfind(' ', width - 1);
      if (blank == std::string_view::npos || blank == 0) blank = line.find(' ', width);
      if (blank == std::string_view::npos) break;
      put_line(out, line.substr(0, blank + 1), false);
      out += "\r\n";
      line.remove_prefix(blank + 1);
      first = false;
    }
    // What is left over after a break may look like a signature.
    if (!first && line == "--") out += ' ';
    put_line(out, line, quoted);
    out += "\r\n";
  }
  return out;
}

std::string from_flowed(std::string_view text, DelSp delsp) {
  std::string out;
  std::size_t depth_before = 0;
  bool flows = false;  // the line before ended in a soft break
  while (!text.empty()) {
    std::string_view line = take_line(text);
    std::size_t depth = 0;
    while (depth < line.size() && line[depth] == '>') ++depth;
    line.remove_prefix(depth);
    if (line.starts_with(' ')) line.remove_prefix(1);  // RFC 3676 §4.4
    const bool signature = line == kSignature;
    // RFC 3676 §4.5: a paragraph ends where the depth changes, and before a signature.
    if (flows && (depth != depth_before || signature)) {
      out += '\n';
      flows = false;
    }
    if (!flows && depth > 0) out += std::string(depth, '>') + " ";
    flows = line.ends_with(' ') && !signature;
    if (flows && delsp == DelSp::yes) line.remove_suffix(1);
    out += line;
    if (!flows) out += '\n';
    depth_before = depth;
  }
  if (flows) out += '\n';
  return out;
}

}  // namespace angarium::message
