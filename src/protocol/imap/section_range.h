// How a written section becomes octets of a message: for FETCH and for URLs.
#pragma once

#include <algorithm>
#include <optional>

#include "message/section.h"
#include "protocol/imap/types.h"

namespace angarium::protocol::imap {

/// Fields beyond so many octets of a header are not looked for: a header must be in memory to be chosen from.
inline constexpr std::uint64_t kHeaderSubsetMax = 4 * 1024 * 1024;

inline message::SectionText section_text(const Section& section) {
  switch (section.text) {
    case Section::Text::all: break;
    case Section::Text::header:
    case Section::Text::header_fields:
    case Section::Text::header_fields_not: return message::SectionText::header;
    case Section::Text::text: return message::SectionText::text;
    case Section::Text::mime: return message::SectionText::mime;
  }
  return message::SectionText::whole;
}

/// What is left of `size` octets, from where on.
inline message::Range cut(std::uint64_t size, const std::optional<Partial>& partial) {
  if (!partial) return {0, size};
  const auto begin = std::min(partial->offset, size);
  return {begin, std::min(partial->count, size - begin)};
}

}  // namespace angarium::protocol::imap
