// IMAP section specifiers (RFC 9051 §6.4.5.1) and part numbers, answered from a structure: nothing is parsed again.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "message/structure.h"

namespace angarium::message {

/// What of a part is meant; the word after the part numbers.
enum class SectionText : std::uint8_t {
  whole,   ///< BODY[] or BODY[1.2]: the message, or the part's body
  header,  ///< HEADER, and what HEADER.FIELDS chooses from
  text,    ///< TEXT
  mime,    ///< MIME: the part's own header; needs a part number
};

/// A part as part numbers name it.
struct NumberedPart {
  std::uint32_t index = 0;  ///< in Structure::parts
  /// A multipart without parts stands in for its only part, a text/plain that is its whole body: IMAP knows no
  /// multipart without parts, and its octets must be within reach.
  bool undivided = false;
};

/// The part that part numbers (each from 1) lead to; none: the message itself. Part 1 of a message that is no multipart
/// is its body, and so is part n.1 of an enclosed message. Nothing when there is no such part.
std::optional<NumberedPart> find_part(const Structure& structure, std::span<const std::uint32_t> numbers);

/// The octets of a section. Nothing when there is no such part, when HEADER or TEXT is asked of a part that is no
/// enclosed message, or MIME without a part number.
std::optional<Range> find_section(const Structure& structure, std::span<const std::uint32_t> numbers,
                                  SectionText which);

/// Octets and the coding that BINARY undoes.
struct BinarySection {
  Range range;
  Encoding encoding = Encoding::binary;
};
/// What BINARY[1.2] is made of (RFC 9051 §6.4.5, RFC 3516 §4.2): TransferDecoder gives its octets, decoded_size() their
/// number. A multipart, an enclosed message and the message itself come as they are. When the coding is `unknown` the
/// answer is NO [UNKNOWN-CTE]. Nothing when there is no such part.
std::optional<BinarySection> find_binary(const Structure& structure, std::span<const std::uint32_t> numbers);

/// Which fields a subset keeps.
enum class FieldChoice : std::uint8_t { named, others };
/// HEADER.FIELDS and HEADER.FIELDS.NOT: the chosen fields of a header as they stand, in their order, and its empty line
/// if it has one (RFC 9051 §6.4.5.1). `header` are the octets of SectionText::header. Lines that are no fields count as
/// others.
std::string header_subset(std::string_view header, std::span<const std::string> names, FieldChoice choice);

/// The part numbers of a part, "1.2", as IMAP counts; empty for the message itself unless it is no multipart, whose
/// body is part "1".
std::string part_number(const Structure& structure, std::uint32_t index);

}  // namespace angarium::message
