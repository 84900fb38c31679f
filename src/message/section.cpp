#include "message/section.h"

#include <algorithm>

#include "message/header.h"

namespace angarium::message {

std::optional<NumberedPart> find_part(const Structure& structure, std::span<const std::uint32_t> numbers) {
  NumberedPart at;
  bool whole_message = true;  // the last number named a message as a whole, whose own parts are numbered next
  for (const std::uint32_t number : numbers) {
    if (number == 0 || at.undivided) return std::nullopt;
    const Part* part = &structure.parts[at.index];
    if (!whole_message && part->kind == PartKind::message) {
      at.index = part->first_child;
      part = &structure.parts[at.index];
      whole_message = true;
    }
    if (part->kind == PartKind::multipart && part->first_child != kNoPart) {
      std::uint32_t child = part->first_child;
      for (std::uint32_t skip = 1; skip < number && child != kNoPart; ++skip)
        child = structure.parts[child].next_sibling;
      if (child == kNoPart) return std::nullopt;
      at.index = child;
    } else if (number != 1) {
      return std::nullopt;
    } else if (part->kind == PartKind::multipart) {
      at.undivided = true;
    } else if (!whole_message) {
      return std::nullopt;
    }
    whole_message = false;
  }
  return at;
}

std::optional<Range> find_section(const Structure& structure, std::span<const std::uint32_t> numbers,
                                  SectionText which) {
  const auto found = find_part(structure, numbers);
  if (!found) return std::nullopt;
  const Part& part = structure.parts[found->index];
  if (numbers.empty()) {
    switch (which) {
      case SectionText::whole: return Range{0, structure.size};
      case SectionText::header: return part.header();
      case SectionText::text: return part.body();
      case SectionText::mime: return std::nullopt;
    }
  }
  if (which == SectionText::whole) return part.body();
  if (which == SectionText::mime) return part.header();
  if (part.kind != PartKind::message) return std::nullopt;
  const Part& enclosed = structure.parts[part.first_child];
  return which == SectionText::header ? enclosed.header() : enclosed.body();
}

std::optional<BinarySection> find_binary(const Structure& structure, std::span<const std::uint32_t> numbers) {
  const auto found = find_part(structure, numbers);
  if (!found) return std::nullopt;
  if (numbers.empty()) return BinarySection{{0, structure.size}, Encoding::binary};
  const Part& part = structure.parts[found->index];
  // Composites have no coding (RFC 2045 §6.4), whatever their header says.
  return BinarySection{part.body(), part.kind == PartKind::leaf ? part.encoding : Encoding::binary};
}

std::string header_subset(std::string_view header, std::span<const std::string> names, FieldChoice choice) {
  std::string subset;
  HeaderReader reader(header);
  while (const auto field = reader.next()) {
    const bool named = field->well_formed() && std::any_of(names.begin(), names.end(),
                                                           [&](const std::string& name) { return field->is(name); });
    if (named == (choice == FieldChoice::named)) subset += field->whole;
  }
  if (reader.position() < header.size()) subset += "\r\n";
  return subset;
}

std::string part_number(const Structure& structure, std::uint32_t index) {
  std::string number;
  const auto prepend = [&number](std::uint32_t n) {
    number = std::to_string(n) + (number.empty() ? "" : ".") + number;
  };
  if (structure.parts[index].kind != PartKind::multipart &&
      (index == 0 || structure.parts[structure.parts[index].parent].kind == PartKind::message))
    prepend(1);
  while (index != 0) {
    const std::uint32_t parent = structure.parts[index].parent;
    const Part& above = structure.parts[parent];
    if (above.kind == PartKind::multipart) {
      std::uint32_t n = 1;
      for (std::uint32_t child = above.first_child; child != index; child = structure.parts[child].next_sibling) ++n;
      prepend(n);
    } else if (parent == 0 || structure.parts[above.parent].kind == PartKind::message) {
      prepend(1);  // the enclosed message is itself the only part of a message
    }
    index = parent;
  }
  return number;
}

}  // namespace angarium::message
