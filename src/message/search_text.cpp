#include "message/search_text.h"

#include <algorithm>

#include "base/text.h"
#include "message/attachment.h"
#include "message/charset.h"
#include "message/content.h"
#include "message/encoded_word.h"
#include "message/html_text.h"
#include "message/octet_find.h"

namespace angarium::message {
namespace {

using Extent = TextVisitor::Extent;

/// Octets of a character in UTF-8, at most.
constexpr std::size_t kCharacterMax = 4;

/// Octets of a text that is looked for without folding what it is looked for in, at most: what begins and ends alike is
/// compared octet by octet there.
constexpr std::size_t kDirectMax = 64;

/// What is looked into: texts, and reports about mail (message/delivery-status and its like), which are text as well.
/// Not messages that are leaves because they are encoded, in pieces or too deep: what is attached to them is noise.
bool has_text(const Structure& structure, const Part& part, std::string_view octets) {
  if (part.kind != PartKind::leaf) return false;
  if (structure.is_type(part, octets, "text")) return true;
  return structure.is_type(part, octets, "message") && !structure.is_type(part, octets, "message", "rfc822") &&
         !structure.is_type(part, octets, "message", "global") &&
         !structure.is_type(part, octets, "message", "partial");
}

bool visit_fields(std::string_view header, TextPlace place, TextVisitor& visitor) {
  for (const Field& field : Header(header))
    if (visitor.field(place, field)) return true;
  return false;
}

/// `room`: for the text.
bool visit_part(std::string_view octets, const Structure& structure, const Part& part, TextPlaces wanted,
                TextVisitor& visitor, std::size_t max, std::string& room) {
  const bool root = &part == &structure.root();
  const bool enclosed = part.parent != kNoPart && structure.parts[part.parent].kind == PartKind::message;
  // An enclosed message's header is text of its body; the root's was visited.
  const TextPlace place = enclosed ? TextPlace::body : TextPlace::mime;
  if (!root && (wanted & place_bit(place)) != 0 && visit_fields(part.header().of(octets), place, visitor)) return true;
  if ((wanted & place_bit(TextPlace::mime)) != 0) {
    const std::string name = part_file_name(part, octets);
    if (!name.empty() && visitor.text(TextPlace::mime, name, Extent::whole)) return true;
  }
  if ((wanted & place_bit(TextPlace::body)) == 0) return false;
  if (!has_text(structure, part, octets)) return false;
  const std::string_view text = part_text(structure, part, octets, max, room);
  // What was ended is shorter by less than a character.
  const Extent extent = text.size() + kCharacterMax < max ? Extent::whole : Extent::partial;
  const bool html = structure.is_type(part, octets, "text", "html");
  return html ? visitor.text(TextPlace::body, html_to_text(text, max), extent)
              : visitor.text(TextPlace::body, text, extent);
}

}  // namespace

TextPlace place_of_field(std::string_view name) {
  if (equals_ignore_case(name, "Subject")) return TextPlace::subject;
  if (equals_ignore_case(name, "From")) return TextPlace::from;
  if (equals_ignore_case(name, "To")) return TextPlace::to;
  if (equals_ignore_case(name, "Cc")) return TextPlace::cc;
  if (equals_ignore_case(name, "Bcc")) return TextPlace::bcc;
  return TextPlace::header;
}

bool visit_texts(std::string_view octets, const Structure* structure, TextPlaces wanted, TextVisitor& visitor,
                 std::size_t max) {
  if ((wanted & kHeaderPlaces) != 0) {
    for (const Field& field : Header(structure == nullptr ? octets : structure->root().header().of(octets))) {
      const TextPlace place = place_of_field(field.name);
      if ((wanted & place_bit(place)) != 0 && visitor.field(place, field)) return true;
    }
  }
  if (structure == nullptr || (wanted & ~kHeaderPlaces) == 0) return false;
  std::string room;
  for (const Part& part : structure->parts)
    if (visit_part(octets, *structure, part, wanted, visitor, max, room)) return true;
  return false;
}

std::uint64_t texts_end(std::string_view octets, const Structure& structure) {
  std::uint64_t end = 0;
  for (const Part& part : structure.parts) {
    // The type of a part whose header is not there yet is told when it is.
    end = std::max({end, part.body_begin, has_text(structure, part, octets) ? part.body_end : 0});
  }
  return end;
}

class TextSearch::Look final : public TextVisitor {
 public:
  explicit Look(const TextSearch& search) : search_(search) {}

  bool field(TextPlace, const Field& field) override {
    if (!search_.name_.empty() && !field.is(search_.name_)) return false;
    const bool with_name = (search_.places_ & place_bit(TextPlace::body)) != 0;
    const std::string text = decode_text(unfolded(field.value));
    if (!with_name) return holds(text);
    named_.assign(field.name).append(": ").append(text);
    return holds(named_);
  }
  bool text(TextPlace, std::string_view utf8, Extent) override { return holds(utf8); }

 private:
  /// With a space where a line was folded before a tab: who looks for a phrase does not know where lines were folded.
  std::string_view unfolded(std::string_view value) {
    if (!value.contains("\n\t")) return value;
    value_ = value;
    for (std::size_t at = 0; (at = value_.find("\n\t", at)) != std::string::npos;) value_[at + 1] = ' ';
    return value_;
  }
  bool holds(std::string_view utf8) {
    if (search_.direct_ && ascii_prefix(utf8) == utf8.size()) return contains_upper(utf8, search_.folded_);
    folded_.clear();
    append_collated(folded_, utf8, search_.collation_);
    return folded_.contains(search_.folded_);
  }

  const TextSearch& search_;
  std::string value_;
  std::string named_;
  std::string folded_;
};

TextSearch::TextSearch(TextPlaces places, std::string_view utf8, std::string_view name, Collation collation)
    : places_(places), name_(name), collation_(collation) {
  append_collated(folded_, utf8, collation);
  direct_ = collation != Collation::octet && folded_.size() <= kDirectMax;
}

bool TextSearch::found_in(std::string_view octets, const Structure* structure) const {
  Look look(*this);
  return visit_texts(octets, structure, places_, look);
}

}  // namespace angarium::message
