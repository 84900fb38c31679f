#include "message/attachment.h"

#include <algorithm>

#include "base/text.h"
#include "message/coding.h"
#include "message/content.h"
#include "message/parameters.h"
#include "message/uuencode.h"

namespace angarium::message {

namespace {

/// Octets of a file name that are kept: what file systems allow.
constexpr std::size_t kFileNameMax = 255;
/// Octets of a text part that are searched for uuencoded blocks.
constexpr std::size_t kUuSearchMax = std::size_t{64} << 20;

/// Octets of the UTF-8 character at the front; 1 where there is none.
std::size_t character_octets(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t size = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return valid_utf8(text.substr(0, size)) ? std::min(size, text.size()) : 1;
}

/// What a terminal obeys, or turns the direction of text: C0, DEL, C1 (U+0080-009F), U+200E, U+200F, U+202A-202E,
/// U+2066-2069. Of one character.
bool is_obeyed(std::string_view character) {
  if (character.size() == 1) return is_control(character.front());
  if (character.size() == 2) return character >= "\xC2\x80" && character <= "\xC2\x9F";
  return character == "\xE2\x80\x8E" || character == "\xE2\x80\x8F" ||
         (character >= "\xE2\x80\xAA" && character <= "\xE2\x80\xAE") ||
         (character >= "\xE2\x81\xA6" && character <= "\xE2\x81\xA9");
}

/// What remains of a name that a stranger chose: the last component, UTF-8, nothing that a terminal obeys.
std::string safe_file_name(std::string_view name) {
  if (const std::size_t slash = name.find_last_of("/\\"); slash != std::string_view::npos)
    name.remove_prefix(slash + 1);
  std::string safe;
  while (!name.empty()) {
    const std::string_view one = name.substr(0, character_octets(name));
    if (valid_utf8(one) && !is_obeyed(one)) safe += one;
    name.remove_prefix(one.size());
  }
  if (safe == "." || safe == "..") return {};
  if (safe.size() > kFileNameMax) {
    std::size_t size = kFileNameMax;
    while (size > 0 && (static_cast<unsigned char>(safe[size]) & 0xC0) == 0x80) --size;
    safe.resize(size);
  }
  return safe;
}

void add_uuencoded(std::vector<Attachment>& found, const Part& part, std::uint32_t index, std::string_view message) {
  // Nearly no text has one: "begin " is looked for before anything is decoded.
  if (part.body().size > kUuSearchMax) return;
  if (is_identity(part.encoding) && part.body().of(message).find("begin ") == std::string_view::npos) return;
  const std::string text = decoded_content(part, message);
  for (const UuBlock& block : find_uuencoded(text)) {
    Attachment& each = found.emplace_back();
    each.part = index;
    each.name = safe_file_name(block.name);
    each.type = "application/octet-stream";
    each.uu_begin = block.begin;
    each.uu_size = block.end - block.begin;
    each.size = decode_transfer(Encoding::uuencode, std::string_view(text).substr(block.begin, each.uu_size)).size();
  }
}

}  // namespace

std::string part_file_name(const Part& part, std::string_view message) {
  if (part.has(PartField::disposition)) {
    const auto disposition = parse_word_with_parameters(part.field(PartField::disposition).of(message));
    if (disposition)
      if (const auto name = disposition->value("filename")) return safe_file_name(*name);
  }
  if (part.has(PartField::type)) {
    const auto type = parse_content_type(part.field(PartField::type).of(message));
    if (type)
      if (const auto name = type->value("name")) return safe_file_name(*name);
  }
  return {};
}

std::vector<Attachment> find_attachments(const Structure& structure, std::string_view message) {
  std::vector<Attachment> found;
  std::uint64_t passed = 0;  // the end of the last enclosed message: what is in it belongs to it
  for (std::uint32_t index = 0; index < structure.parts.size(); ++index) {
    const Part& part = structure.parts[index];
    if (part.header_begin < passed || part.kind == PartKind::multipart) continue;
    const bool enclosed = part.kind == PartKind::message;
    if (enclosed) passed = part.body_end;
    const auto disposition = parse_word_with_parameters(part.field(PartField::disposition).of(message));
    const bool attached = disposition && disposition->word == "attachment";
    std::string name = part_file_name(part, message);
    const bool text = structure.is_type(part, message, "text");
    if (text && !attached && name.empty()) {
      if (structure.is_type(part, message, "text", "plain")) add_uuencoded(found, part, index, message);
      continue;
    }
    Attachment& each = found.emplace_back();
    each.part = index;
    each.name = std::move(name);
    each.type = structure.type(part, message) + "/" + structure.subtype(part, message);
    each.size = decoded_size(part.encoding, part.body().of(message));
    each.is_inline = !attached && (part.has(PartField::id) || (disposition && disposition->word == "inline"));
  }
  return found;
}

}  // namespace angarium::message
