// The part of FETCH that reads messages: BODY[…], BINARY[…], BINARY.SIZE[…], RFC822… (RFC 9051 §6.4.5, RFC 3516 §4).
#include <algorithm>

#include "message/section.h"
#include "protocol/imap/decoded_part.h"
#include "protocol/imap/fetcher.h"
#include "protocol/imap/section_range.h"

namespace angarium::protocol::imap {
namespace {

using Form = SectionItem::Form;
using Text = Section::Text;

/// "BODY[HEADER]<0>" as it stands in the response.
std::string label_of(const SectionItem& item) {
  switch (item.form) {
    case Form::rfc822: return "RFC822 ";
    case Form::rfc822_header: return "RFC822.HEADER ";
    case Form::rfc822_text: return "RFC822.TEXT ";
    case Form::body:
    case Form::binary:
    case Form::binary_size: break;
  }
  std::string label = item.form == Form::body ? "BODY[" : item.form == Form::binary ? "BINARY[" : "BINARY.SIZE[";
  append_section(label, item.section);
  label += ']';
  // RFC 9051 §7.5.2: only the origin is told.
  if (item.partial) label += '<' + std::to_string(item.partial->offset) + '>';
  return label += ' ';
}

message::SectionText section_text(const SectionItem& item) {
  if (item.form == Form::rfc822_header) return message::SectionText::header;
  if (item.form == Form::rfc822_text) return message::SectionText::text;
  return section_text(item.section);
}

bool is_whole(const SectionItem& item) {
  return item.form == Form::rfc822 || (item.form != Form::rfc822_header && item.form != Form::rfc822_text &&
                                       item.section.part.empty() && item.section.text == Text::all);
}

/// Whether a range of an ASCII form holds a header that was put into ASCII.
bool has_other_header(const message::Structure& structure, message::Range range) {
  return std::ranges::any_of(structure.parts, [&](const message::Part& part) {
    return part.eight_bit_header && part.header_begin < range.end() && part.body_begin > range.begin;
  });
}

/// A decoded part up to this size is kept from counting to telling.
constexpr std::size_t kDecodedKept = kBodyChunk;

io::Task<Result<void>> append_octets(Source source, message::Range range, std::string& into) {
  while (range.size > 0) {
    const auto piece = CO_TRY(co_await source.read(range));
    if (piece.octets.empty()) break;
    into += piece.octets;
    range.begin += piece.octets.size();
    range.size -= piece.octets.size();
  }
  co_return Result<void>{};
}

}  // namespace

void Fetcher::tell_nothing(std::string_view label) {
  item(label);
  session_.text() += "NIL";
}

void Fetcher::tell_text(std::string_view label, std::string_view text, bool binary) {
  item(label);
  auto& out = session_.text();
  out += binary ? "~{" : "{";
  append_number(out, text.size());
  out += "}\r\n";
  out += text;
}

io::Task<Result<const message::Structure*>> Fetcher::structure(const Entry& entry) {
  if (structure_ == nullptr || structure_of_ != entry.uid) {
    structure_ = CO_TRY(co_await session_.selected->mailbox().structure(entry, form_));
    structure_of_ = entry.uid;
  }
  co_return structure_.get();
}

io::Task<Result<void>> Fetcher::tell_sections(const Target& target) {
  for (const auto& section : program_.sections) {
    auto told = co_await tell_section(target, section);
    if (told) {
      CO_TRY(co_await session_.room());
      continue;
    }
    if (told.error().is(kSessionOver)) co_return told;
    if (told.error().is(kUnknownCte)) {
      // RFC 3516 §4.2: the tagged NO says so; the item is left out, the other messages are answered.
      unknown_encoding_ = true;
      continue;
    }
    if (!told.error().is(kExpungeIssued)) {
      // NIL would say that the message has no such text: the item is left out.
      failed(std::move(told).error());
      continue;
    }
    // RFC 2180 §4.1.3: NIL for what is no longer there; the tagged NO says why.
    gone_ = true;
    tell_nothing(label_of(section));
  }
  co_return Result<void>{};
}

void Fetcher::note_downgraded(const Entry& entry) {
  if (downgraded_.count() < kDowngradedTold) downgraded_.add(entry.uid);
}

io::Task<Result<void>> Fetcher::tell_section(const Target& target, const SectionItem& wanted) {
  const auto& entry = target.entry;
  const auto label = label_of(wanted);
  const bool other_headers = entry.ascii_form && form_ == message::ImapForm::ascii;
  if (is_whole(wanted)) {
    // RFC822.SIZE was counted when the message came, perhaps by another version: a literal has the form's own size.
    const std::uint64_t size =
        other_headers ? (CO_TRY(co_await structure(entry)))->size : entry.octets(message::ImapForm::utf8);
    if (wanted.form == Form::binary_size) {
      item(label);
      append_number(session_.text(), size);
      co_return Result<void>{};
    }
    if (other_headers) note_downgraded(entry);
    co_return co_await tell_range(entry, label, cut(size, wanted.partial));
  }
  const auto* known = CO_TRY(co_await structure(entry));
  if (wanted.form == Form::binary || wanted.form == Form::binary_size) {
    const auto part = message::find_part(*known, wanted.section.part);
    const auto range = message::find_section(*known, wanted.section.part, message::SectionText::whole);
    if (!part || !range) {
      // No such part: nothing to decode (RFC 9051 §6.4.5 leaves NIL for BINARY, a number for its size).
      item(label);
      session_.text() += wanted.form == Form::binary ? "NIL" : "0";
      co_return Result<void>{};
    }
    if (other_headers && has_other_header(*known, *range)) note_downgraded(entry);
    co_return co_await tell_binary(entry, wanted, known->parts[part->index], *range, label);
  }
  const auto range = message::find_section(*known, wanted.section.part, section_text(wanted));
  if (!range) {
    tell_nothing(label);
    co_return Result<void>{};
  }
  if (other_headers && has_other_header(*known, *range)) note_downgraded(entry);
  if (wanted.section.text == Text::header_fields || wanted.section.text == Text::header_fields_not)
    co_return co_await tell_fields(entry, wanted, *range, label);
  auto stretch = cut(range->size, wanted.partial);
  stretch.begin += range->begin;
  co_return co_await tell_range(entry, label, stretch);
}

io::Task<Result<void>> Fetcher::tell_range(const Entry& entry, std::string_view label, message::Range range) {
  const Source source{session_.selected->mailbox(), entry, form_};
  auto first = CO_TRY(co_await source.first(range));
  item(label);
  auto& out = session_.text();
  out += '{';
  append_number(out, range.size);
  out += "}\r\n";
  const auto send = [&](Octets piece) {
    range.begin += piece.octets.size();
    range.size -= piece.octets.size();
    session_.output.append(std::move(piece.owner), piece.octets);
  };
  for (auto& piece : first) send(std::move(piece));
  CO_TRY(co_await session_.room());
  while (range.size > 0) {
    auto next = co_await source.read(range);
    if (!next || next->octets.empty()) {
      if (!next) session_.note(next.error());
      co_return fail(kSessionOver, "a message broke off within its literal");
    }
    send(*std::move(next));
    CO_TRY(co_await session_.room());
  }
  co_return Result<void>{};
}

io::Task<Result<void>> Fetcher::tell_fields(const Entry& entry, const SectionItem& wanted, message::Range header,
                                            std::string_view label) {
  std::string octets;
  header.size = std::min(header.size, kHeaderSubsetMax);
  octets.reserve(header.size);
  CO_TRY(co_await append_octets({session_.selected->mailbox(), entry, form_}, header, octets));
  const auto choice =
      wanted.section.text == Text::header_fields ? message::FieldChoice::named : message::FieldChoice::others;
  const auto subset = message::header_subset(octets, wanted.section.fields, choice);
  const auto stretch = cut(subset.size(), wanted.partial);
  tell_text(label, std::string_view(subset).substr(stretch.begin, stretch.size), false);
  co_return Result<void>{};
}

io::Task<Result<void>> Fetcher::tell_binary(const Entry& entry, const SectionItem& wanted, const message::Part& part,
                                            message::Range range, std::string_view label) {
  if (part.encoding == message::Encoding::unknown)
    co_return fail(kUnknownCte, "The part's transfer encoding is not known");
  const Source source{session_.selected->mailbox(), entry, form_};
  const auto encoding = part.kind == message::PartKind::leaf ? part.encoding : message::Encoding::binary;
  // Twice over a large part: once for the size that the announcement needs, once for the octets.
  std::uint64_t total = 0;
  std::string kept;
  bool zero_octets = false;
  DecodedPart first(source, range, encoding);
  while (!first.at_end()) {
    const auto piece = CO_TRY(co_await first.next());
    zero_octets |= piece.find('\0') != std::string_view::npos;
    if (total == kept.size() && kept.size() + piece.size() <= kDecodedKept) kept += piece;
    total += piece.size();
  }
  if (wanted.form == Form::binary_size) {
    item(label);
    append_number(session_.text(), total);
    co_return Result<void>{};
  }
  const auto stretch = cut(total, wanted.partial);
  if (total == kept.size()) {
    tell_text(label, std::string_view(kept).substr(stretch.begin, stretch.size), zero_octets);
    co_return Result<void>{};
  }
  item(label);
  session_.text() += (zero_octets ? "~{" : "{") + std::to_string(stretch.size) + "}\r\n";
  std::uint64_t position = 0;
  DecodedPart second(source, range, encoding);
  while (!second.at_end() && position < stretch.end()) {
    const auto piece = co_await second.next();
    if (!piece) {
      session_.note(piece.error());
      co_return fail(kSessionOver, "a message broke off within its literal");
    }
    // The overlap of what is here with what was asked for.
    const auto begin = std::max(position, stretch.begin);
    const auto end = std::min(position + piece->size(), stretch.end());
    if (begin < end) session_.text() += piece->substr(begin - position, end - begin);
    position += piece->size();
    CO_TRY(co_await session_.room());
  }
  co_return Result<void>{};
}

}  // namespace angarium::protocol::imap
