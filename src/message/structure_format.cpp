// The stored form of a structure, and its words.
//
//   version   1 octet, 1
//   size      varint: octets of the message
//   count     varint: parts, at least 1
//   then each part in order (a part before its children):
//     up         varint: index minus the parent's index; 0 for the first part only
//     header     varint: header_begin minus the parent's body_begin (minus 0 for the first)
//     body       varint: body_begin - header_begin
//     length     varint: body_end - body_begin
//     lines      varint
//     flags      1 octet: kind in bits 0-1, encoding in bits 2-4, eight_bit_header in bit 5, type given in bit 6
//     defects    varint
//     mask       1 octet: bit n: field n is there
//     fields     for each bit: varint begin - header_begin, varint size
//     type       if given: varint begin - header_begin, varint size, and the same for the subtype
//
// Varints are LEB128, least significant group first, at most 10 octets.
#include <algorithm>

#include "base/text.h"
#include "message/lexical.h"
#include "message/structure.h"

namespace angarium::message {

namespace {

constexpr char kVersion = 1;
/// Octets one part takes at least: no count beyond size / this is believed.
constexpr std::size_t kPartOctetsMin = 8;

void put(std::string& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
  out += static_cast<char>(value);
}

void put(std::string& out, const Range& range, std::uint64_t base) {
  put(out, range.begin - base);
  put(out, range.size);
}

void put_part(std::string& out, const Structure& structure, std::size_t index) {
  const Part& part = structure.parts[index];
  const bool root = part.parent == kNoPart;
  put(out, root ? 0 : index - part.parent);
  put(out, part.header_begin - (root ? 0 : structure.parts[part.parent].body_begin));
  put(out, part.body_begin - part.header_begin);
  put(out, part.body_end - part.body_begin);
  put(out, part.lines);
  const bool typed = part.type.size != 0;
  out += static_cast<char>(static_cast<unsigned>(part.kind) | static_cast<unsigned>(part.encoding) << 2 |
                           (part.eight_bit_header ? 1U << 5 : 0U) | (typed ? 1U << 6 : 0U));
  put(out, part.defects);
  unsigned mask = 0;
  for (std::size_t i = 0; i < kPartFields; ++i) mask |= part.fields[i].begin != 0 ? 1U << i : 0U;
  out += static_cast<char>(mask);
  for (const Range& field : part.fields)
    if (field.begin != 0) put(out, field, part.header_begin);
  if (!typed) return;
  put(out, part.type, part.header_begin);
  put(out, part.subtype, part.header_begin);
}

/// Takes values off the front; once something is missing or too large, everything after is 0 and good() false.
class Reader {
 public:
  explicit Reader(std::string_view octets) : octets_(octets) {}
  std::uint64_t number(std::uint64_t max) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto octet = static_cast<unsigned char>(this->octet());
      if (shift == 63 && octet > 1) break;
      value |= static_cast<std::uint64_t>(octet & 127) << shift;
      if (octet < 128) {
        if (value > max) break;
        return value;
      }
    }
    good_ = false;
    return 0;
  }
  char octet() {
    if (octets_.empty()) {
      good_ = false;
      return 0;
    }
    const char first = octets_.front();
    octets_.remove_prefix(1);
    return first;
  }
  /// A range within [base, end).
  Range range(std::uint64_t base, std::uint64_t end) {
    const std::uint64_t begin = base + number(end - base);
    return {begin, number(end - begin)};
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::size_t left() const { return octets_.size(); }

 private:
  std::string_view octets_;
  bool good_ = true;
};

/// Reads the numbers of one part and checks them against `parent` (null for the first part).
bool get_part(Reader& reader, Part& part, const Part* parent, std::uint64_t size) {
  const std::uint64_t base = parent == nullptr ? 0 : parent->body_begin;
  const std::uint64_t end = parent == nullptr ? size : parent->body_end;
  part.header_begin = base + reader.number(end - base);
  part.body_begin = part.header_begin + reader.number(end - part.header_begin);
  part.body_end = part.body_begin + reader.number(end - part.body_begin);
  part.lines = reader.number(part.body_end - part.body_begin);
  const auto flags = static_cast<unsigned char>(reader.octet());
  if ((flags & 3) > static_cast<unsigned>(PartKind::message) ||
      (flags >> 2 & 7) > static_cast<unsigned>(Encoding::unknown) || flags >> 7 != 0)
    return false;
  part.kind = static_cast<PartKind>(flags & 3);
  part.encoding = static_cast<Encoding>(flags >> 2 & 7);
  part.eight_bit_header = (flags >> 5 & 1) != 0;
  part.defects = static_cast<std::uint16_t>(reader.number((1U << kDefects) - 1));
  const auto mask = static_cast<unsigned char>(reader.octet());
  for (std::size_t i = 0; i < kPartFields; ++i) {
    if ((mask >> i & 1) == 0) continue;
    part.fields[i] = reader.range(part.header_begin, part.body_begin);
    if (part.fields[i].begin == 0) return false;
  }
  if ((flags >> 6 & 1) != 0) {
    part.type = reader.range(part.header_begin, part.body_begin);
    part.subtype = reader.range(part.header_begin, part.body_begin);
    if (part.type.size == 0 || part.subtype.size == 0) return false;
  }
  return reader.good();
}

}  // namespace

std::string serialize(const Structure& structure) {
  std::string out(1, kVersion);
  put(out, structure.size);
  put(out, structure.parts.size());
  for (std::size_t i = 0; i < structure.parts.size(); ++i) put_part(out, structure, i);
  return out;
}

std::optional<Structure> deserialize(std::string_view octets) {
  Reader reader(octets);
  if (reader.octet() != kVersion) return std::nullopt;
  Structure structure;
  structure.size = reader.number(std::numeric_limits<std::int64_t>::max());
  const std::uint64_t count = reader.number(kPartsMax);
  if (!reader.good() || count == 0 || count > reader.left() / kPartOctetsMin) return std::nullopt;
  structure.parts.reserve(count);
  std::vector<std::uint32_t> path;        // the open ancestors
  std::vector<std::uint32_t> last_child;  // of each of them
  for (std::uint32_t index = 0; index < count; ++index) {
    const std::uint64_t up = reader.number(index);
    if ((up == 0) != (index == 0)) return std::nullopt;
    Part part;
    const Part* parent = nullptr;
    if (index != 0) {
      part.parent = static_cast<std::uint32_t>(index - up);
      while (!path.empty() && path.back() > part.parent) path.pop_back(), last_child.pop_back();
      if (path.empty() || path.back() != part.parent) return std::nullopt;
      parent = &structure.parts[part.parent];
      if (parent->kind == PartKind::leaf || path.size() > kDepthMax) return std::nullopt;
    }
    if (!get_part(reader, part, parent, structure.size)) return std::nullopt;
    if (parent != nullptr) {
      const bool first = last_child.back() == kNoPart;
      if (!first &&
          (parent->kind == PartKind::message || part.header_begin < structure.parts[last_child.back()].body_end))
        return std::nullopt;
      (first ? structure.parts[part.parent].first_child : structure.parts[last_child.back()].next_sibling) = index;
      last_child.back() = index;
    }
    structure.parts.push_back(part);
    path.push_back(index);
    last_child.push_back(kNoPart);
  }
  for (const Part& part : structure.parts)
    if (part.kind == PartKind::message && part.first_child == kNoPart) return std::nullopt;
  if (!reader.good() || reader.left() != 0) return std::nullopt;
  return structure;
}

std::string_view encoding_name(Encoding encoding) {
  switch (encoding) {
    case Encoding::seven_bit: return "7bit";
    case Encoding::eight_bit: return "8bit";
    case Encoding::binary: return "binary";
    case Encoding::quoted_printable: return "quoted-printable";
    case Encoding::base64: return "base64";
    case Encoding::uuencode: return "x-uuencode";
    case Encoding::unknown: break;
  }
  return {};
}

Encoding parse_encoding(std::string_view value) {
  const std::size_t begin = skip_cfws(value, 0);
  std::size_t end = begin;
  while (end < value.size() && is_of(value[end], kToken)) ++end;
  const std::string_view word = value.substr(begin, end - begin);
  if (word.empty()) return Encoding::seven_bit;  // RFC 2045 §6.1: the default
  for (int i = 0; i < static_cast<int>(Encoding::unknown); ++i)
    if (equals_ignore_case(word, encoding_name(static_cast<Encoding>(i)))) return static_cast<Encoding>(i);
  // Names in use beside the registered ones.
  if (equals_ignore_case(word, "uuencode") || equals_ignore_case(word, "x-uue") || equals_ignore_case(word, "x-uu"))
    return Encoding::uuencode;
  return Encoding::unknown;
}

std::string_view defect_name(Defect defect) {
  constexpr std::string_view kNames[kDefects] = {"malformed field",  "oversize field",      "duplicate field",
                                                 "bad content type", "unknown encoding",    "encoded composite",
                                                 "no boundary",      "boundary never came", "unterminated",
                                                 "too deep",         "too many parts"};
  return kNames[static_cast<std::size_t>(defect)];
}

bool Structure::digest_child(const Part& part, std::string_view message) const {
  if (part.parent == kNoPart) return false;
  const Part& parent = parts[part.parent];
  return parent.kind == PartKind::multipart && equals_ignore_case(parent.subtype.of(message), "digest");
}

std::string Structure::type(const Part& part, std::string_view message) const {
  if (part.type.size != 0) return to_lower(part.type.of(message));
  return digest_child(part, message) ? "message" : "text";
}

std::string Structure::subtype(const Part& part, std::string_view message) const {
  if (part.subtype.size != 0) return to_lower(part.subtype.of(message));
  return digest_child(part, message) ? "rfc822" : "plain";
}

bool Structure::is_type(const Part& part, std::string_view message, std::string_view type_name,
                        std::string_view subtype_name) const {
  return equals_ignore_case(type(part, message), type_name) &&
         (subtype_name.empty() || equals_ignore_case(subtype(part, message), subtype_name));
}

std::uint16_t Structure::defects() const {
  unsigned all = 0;
  for (const Part& part : parts) all |= part.defects;
  return static_cast<std::uint16_t>(all);
}

}  // namespace angarium::message
