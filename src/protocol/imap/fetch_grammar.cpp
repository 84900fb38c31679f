// fetch-att, section-spec and the modifiers of FETCH (RFC 9051 §9, RFC 3516 §7, RFC 7162 §7, RFC 8474 §7).
#include "base/text.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/parser.h"

namespace angarium::protocol::imap {
namespace {

struct Item {
  std::string_view name;
  std::uint32_t bits;
};

constexpr Item kItems[] = {
    {"ENVELOPE", kFetchEnvelope}, {"FLAGS", kFetchFlags},       {"INTERNALDATE", kFetchInternalDate},
    {"RFC822.SIZE", kFetchSize},  {"UID", kFetchUid},           {"BODYSTRUCTURE", kFetchBodyStructure},
    {"BODY", kFetchBody},         {"MODSEQ", kFetchModseq},     {"EMAILID", kFetchEmailId},
    {"THREADID", kFetchThreadId}, {"SAVEDATE", kFetchSaveDate},
};

constexpr Item kMacros[] = {
    {"ALL", kFetchFlags | kFetchInternalDate | kFetchSize | kFetchEnvelope},
    {"FULL", kFetchFlags | kFetchInternalDate | kFetchSize | kFetchEnvelope | kFetchBody},
    {"FAST", kFetchFlags | kFetchInternalDate | kFetchSize},
};

using Form = SectionItem::Form;
using Peek = SectionItem::Peek;

struct SectionName {
  std::string_view name;
  Form form;
  Peek peek;
};

constexpr SectionName kSections[] = {
    {"BODY", Form::body, Peek::no},
    {"BODY.PEEK", Form::body, Peek::yes},
    {"BINARY", Form::binary, Peek::no},
    {"BINARY.PEEK", Form::binary, Peek::yes},
    {"BINARY.SIZE", Form::binary_size, Peek::yes},
};

// RFC 3501 §6.4.5; RFC 9051 dropped them, and a server of both keeps them.
constexpr SectionName kWhole[] = {
    {"RFC822", Form::rfc822, Peek::no},
    {"RFC822.HEADER", Form::rfc822_header, Peek::yes},
    {"RFC822.TEXT", Form::rfc822_text, Peek::no},
};

}  // namespace

Result<std::vector<std::string>> Parser::header_list() {
  TRY(require('('));
  std::vector<std::string> fields;
  do {
    if (fields.size() >= kHeaderFieldsMax) return fail(kSyntax, "Too many field names");
    auto name = TRY(astring());
    if (name.empty() || name.find_first_of(" :\r\n"sv) != std::string::npos) return expected("header field name");
    fields.push_back(std::move(name));
  } while (present(' '));
  TRY(require(')'));
  return fields;
}

Result<Section> Parser::section(SectionItem::Form form) {
  TRY(require('['));
  Section section;
  if (present(']')) return section;
  // section-part = nz-number *("." nz-number)
  bool text_may_follow = true;
  while (is_digit(peek())) {
    if (section.part.size() >= kSectionDepthMax) return fail(kSyntax, "Section has too many parts");
    section.part.push_back(TRY(nz_number()));
    text_may_follow = present('.');
    if (!text_may_follow) break;
  }
  if (text_may_follow) {
    if (form != Form::body) return expected("part number");
    const auto name = TRY(word());
    if (name == "HEADER") {
      section.text = Section::Text::header;
    } else if (name == "HEADER.FIELDS" || name == "HEADER.FIELDS.NOT") {
      section.text = name == "HEADER.FIELDS" ? Section::Text::header_fields : Section::Text::header_fields_not;
      TRY(space());
      section.fields = TRY(header_list());
    } else if (name == "TEXT") {
      section.text = Section::Text::text;
    } else if (name == "MIME" && !section.part.empty()) {
      section.text = Section::Text::mime;
    } else {
      return expected("HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME");
    }
  }
  TRY(require(']'));
  return section;
}

Result<Partial> Parser::partial() {
  // partial = "<" number64 "." nz-number64 ">"
  Partial partial;
  partial.offset = TRY(number64());
  TRY(require('.'));
  partial.count = TRY(number64());
  if (partial.count == 0) return expected("count above zero");
  TRY(require('>'));
  return partial;
}

Result<void> Parser::fetch_attribute(FetchProgram& into) {
  const auto name = TRY(word());
  if (peek() == '[') {
    for (const auto& section_name : kSections) {
      if (name != section_name.name) continue;
      if (into.sections.size() >= kFetchSectionsMax) return fail(kSyntax, "Too many sections");
      SectionItem item{.form = section_name.form, .peek = section_name.peek};
      item.section = TRY(section(item.form));
      if (item.form != Form::binary_size && present('<')) item.partial = TRY(partial());
      into.sections.push_back(std::move(item));
      return {};
    }
    return expected("fetch item");
  }
  for (const auto& whole : kWhole) {
    if (name != whole.name) continue;
    if (into.sections.size() >= kFetchSectionsMax) return fail(kSyntax, "Too many sections");
    into.sections.push_back({.form = whole.form, .peek = whole.peek});
    return {};
  }
  for (const auto& item : kItems) {
    if (name != item.name) continue;
    into.items |= item.bits;
    return {};
  }
  if (name == "PREVIEW") {
    // "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"] (RFC 8970 §6)
    const bool lazy = present(" (LAZY");
    into.items |= lazy ? kFetchPreviewLazy : kFetchPreview;
    if (!lazy) return {};
    while (present(" LAZY")) continue;
    return require(')');
  }
  return expected("fetch item");
}

Result<void> Parser::fetch_modifiers(FetchProgram& into) {
  // fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")" (RFC 4466 §2.4)
  TRY(require('('));
  do {
    const auto name = TRY(word());
    if (name == "CHANGEDSINCE" && !into.changed_since) {
      TRY(space());
      into.changed_since = TRY(mod_sequence_value());
    } else if (name == "VANISHED" && !into.vanished) {
      into.vanished = true;
    } else if (name == "PARTIAL" && !into.partial) {
      TRY(space());
      into.partial = TRY(partial_range());
    } else {
      return expected("FETCH modifier");
    }
  } while (present(' '));
  return require(')');
}

Result<FetchProgram> Parser::unasked_attributes() {
  FetchProgram program;
  TRY(require('('));
  do {
    TRY(fetch_attribute(program));
  } while (present(' '));
  TRY(require(')'));
  // RFC 5465 §5.2: clients should not ask for what sets it.
  for (auto& item : program.sections) item.peek = Peek::yes;
  return program;
}

Result<FetchProgram> Parser::fetch_attributes() {
  FetchProgram program;
  if (present('(')) {
    do {
      TRY(fetch_attribute(program));
    } while (present(' '));
    TRY(require(')'));
  } else {
    const auto start = position();
    const auto name = TRY(word());
    bool macro = false;
    for (const auto& item : kMacros) {
      if (name != item.name) continue;
      program.items = item.bits;
      macro = true;
    }
    if (!macro) {
      move_to(start);
      TRY(fetch_attribute(program));
    }
  }
  if (present(' ')) TRY(fetch_modifiers(program));
  // RFC 7162 §3.1.4.1: CHANGEDSINCE implies the MODSEQ item. §3.2.6: VANISHED needs CHANGEDSINCE.
  if (program.changed_since) program.items |= kFetchModseq;
  if (program.vanished && !program.changed_since) return expected("CHANGEDSINCE beside VANISHED");
  return program;
}

}  // namespace angarium::protocol::imap
