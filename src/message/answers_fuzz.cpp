// Everything that is answered from a structure and a message: no answer leaves the message, no text breaks its grammar,
// and what is composed or downgraded is read back.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/random.h"
#include "base/text.h"
#include "message/ascii_form.h"
#include "message/attachment.h"
#include "message/compose.h"
#include "message/content.h"
#include "message/dots.h"
#include "message/downgrade.h"
#include "message/flowed.h"
#include "message/imap_text.h"
#include "message/section.h"
#include "message/seven_bit.h"

using namespace angarium;
using namespace angarium::message;

namespace {

/// Parentheses balance outside of strings, and literals have the octets they announce.
bool well_formed(std::string_view text) {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')' && --depth < 0) return false;
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\r' || text[i] == '\n' || text[i] == '\0') return false;
        if (text[i] == '\\') ++i;
      }
      if (i >= text.size()) return false;
    } else if (text[i] == '{') {
      const std::size_t end = text.find("}\r\n", i);
      if (end == std::string_view::npos) return false;
      const auto size = parse_number<std::uint64_t>(text.substr(i + 1, end - i - 1));
      if (!size || *size > text.size() - end - 3) return false;
      i = end + 2 + *size;
    } else if (text[i] == '\r' || text[i] == '\n') {
      return false;
    }
  }
  return depth == 0;
}

void check_sections(const Structure& structure, std::string_view message) {
  for (std::uint32_t i = 0; i < structure.parts.size(); ++i) {
    std::vector<std::uint32_t> numbers;
    const std::string text = part_number(structure, i);
    for (std::string_view rest = text; !rest.empty();)
      numbers.push_back(*parse_number<std::uint32_t>(take_until(rest, '.')));
    if (structure.parts[i].kind == PartKind::leaf &&
        (!find_part(structure, numbers) || find_part(structure, numbers)->index != i))
      std::abort();
    for (const SectionText which : {SectionText::whole, SectionText::header, SectionText::text, SectionText::mime}) {
      const auto range = find_section(structure, numbers, which);
      if (range && range->end() > message.size()) std::abort();
    }
  }
}

/// The form has the size it says, its parts lie within each other as the message's do, and bodies stay.
void check_ascii_form(const Structure& structure, std::string_view message) {
  const AsciiForm form(structure, message);
  const std::string shown = ascii_headers(structure, message);
  const Structure made = form.structure(structure);
  if (shown.size() != message.size() + static_cast<std::uint64_t>(form.growth()) || made.size != shown.size())
    std::abort();
  if (ascii_headers(structure, message) != shown || form.identity() != (shown == message)) std::abort();
  for (std::size_t i = 0; i < made.parts.size(); ++i) {
    const Part& part = made.parts[i];
    if (part.header_begin > part.body_begin || part.body_begin > part.body_end || part.body_end > shown.size())
      std::abort();
    if (part.kind == PartKind::leaf && part.body().of(shown) != structure.parts[i].body().of(message)) std::abort();
    const Part& before = structure.parts[i];
    const auto more =
        std::ranges::count(part.body().of(shown), '\n') - std::ranges::count(before.body().of(message), '\n');
    if (part.lines != before.lines + static_cast<std::uint64_t>(more)) std::abort();
  }
}

/// Cuts make no difference to the conversion, and nothing is lost but what is told.
void check_seven_bit(const Structure& structure, std::string_view message) {
  struct Pieces final : MessageReader {
    explicit Pieces(std::string_view octets) : whole(octets) {}
    Result<std::string_view> read(std::uint64_t at, std::size_t most) override {
      return whole.read(at, std::min<std::size_t>(most, 1 + at % 7));
    }
    MessageInString whole;
  } pieces(message);
  const SevenBitMessage made = to_seven_bit(structure, message);
  auto writer = SevenBitWriter::make(pieces, BareLineEnds::pass);
  std::string octets;
  while (*writer->next(octets)) {
  }
  if (octets != made.octets || writer->left() != made.left) std::abort();
  octets.clear();
  writer->rewind();
  while (*writer->next(octets)) {
  }
  if (octets != made.octets) std::abort();
  const bool whole = made.left.empty() && !made.eight_bit_header;
  LineScanner lines;
  lines.feed(made.octets);
  if (whole && lines.eight_bit() != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const Structure structure = parse_structure(message);
  for (const ImapForm form : {ImapForm::ascii, ImapForm::utf8}) {
    if (!well_formed(envelope_text(structure, message, form))) std::abort();
    if (!well_formed(body_text(structure, message, BodyForm::structure, form))) std::abort();
    if (!well_formed(body_text(structure, message, BodyForm::body, form))) std::abort();
  }
  check_sections(structure, message);
  if (!valid_utf8(preview(structure, message))) std::abort();
  for (const Attachment& each : find_attachments(structure, message))
    if (each.part >= structure.parts.size() || each.name.find('/') != std::string::npos) std::abort();
  check_seven_bit(structure, message);
  check_ascii_form(structure, message);

  SeededRandom random(size);
  OutgoingPart text;
  text.body = message;
  OutgoingPart file;
  file.kind = OutgoingPart::Kind::octets;
  file.body = message;
  file.file_name = message.substr(0, 100);
  OutgoingPart both;
  both.kind = OutgoingPart::Kind::multipart;
  both.children = {text, file};
  const auto made = compose({{"Subject", std::string(message.substr(0, 200))}}, both, random);
  if (!made || !seven_bit_clean(*made)) std::abort();
  const Structure again = parse_structure(*made);
  if (again.parts.size() != 3 || again.defects() != 0 || decoded_content(again.parts[2], *made) != message)
    std::abort();
  (void)from_flowed(to_flowed(message));
  return 0;
}
