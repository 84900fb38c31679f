// BODY and BODYSTRUCTURE (RFC 9051 §7.5.2 and the body rules of §9).
#include <algorithm>

#include "base/text.h"
#include "message/ascii_form.h"
#include "message/encoded_word.h"
#include "message/header.h"
#include "message/imap_text.h"
#include "message/lexical.h"
#include "message/parameters.h"
#include "message/structure_fields.h"

namespace angarium::message {

namespace {

/// RFC 5987-like escape of a UTF-8 parameter value for clients that read ASCII (RFC 2231 §4).
std::string extended_value(std::string_view utf8) {
  constexpr std::string_view kHexDigits = "0123456789ABCDEF";
  std::string out = "utf-8''";
  for (const char c : utf8) {
    if (is_ascii(c) && is_of(c, kAttributeChar)) {
      out += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    out += '%';
    out += kHexDigits[octet >> 4];
    out += kHexDigits[octet & 15];
  }
  return out;
}

/// Without comments and blanks outside of them: a list of language tags.
std::vector<std::string_view> language_tags(std::string_view value) {
  std::vector<std::string_view> tags;
  for (std::size_t at = skip_cfws(value, 0); at < value.size(); at = skip_cfws(value, at)) {
    std::size_t end = at;
    while (end < value.size() && is_of(value[end], kToken)) ++end;
    if (end > at) tags.push_back(value.substr(at, end - at));
    at = std::max(end, at + 1);
  }
  return tags;
}

class BodyWriter {
 public:
  BodyWriter(const Structure& structure, std::string_view message, BodyForm body_form, ImapForm form)
      : structure_(structure), message_(message), extended_(body_form == BodyForm::structure), form_(form) {
    // What BODY[n] of an enclosed message gives has its headers in ASCII; no other body holds a header that counts.
    if (form == ImapForm::ascii &&
        std::ranges::any_of(structure.parts, [](const Part& part) { return part.kind == PartKind::message; }))
      ascii_ = AsciiForm(structure, message);
  }

  /// Recurses as deep as the structure, kDepthMax.
  void body(std::uint32_t index) {
    const Part& part = structure_.parts[index];
    if (part.kind == PartKind::multipart) return multipart(part);
    out_ += '(';
    single(part);
    out_ += ')';
  }
  std::string take() { return std::move(out_); }

 private:
  void string(std::string_view value) { append_imap_string(out_, value, form_); }
  void number(std::uint64_t value) { out_ += std::to_string(value); }

  void multipart(const Part& part) {
    out_ += '(';
    for (std::uint32_t child = part.first_child; child != kNoPart; child = structure_.parts[child].next_sibling)
      body(child);
    if (part.first_child == kNoPart) {  // at least one is required: 1*body
      out_ += R"(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL ")";
      out_ += is_identity(part.encoding) ? to_upper(encoding_name(part.encoding)) : "7BIT";
      out_ += "\" ";
      number(part.body().size);
      out_ += ' ';
      number(part.lines);
      out_ += extended_ ? " NIL NIL NIL NIL)" : ")";
    }
    out_ += ' ';
    string(part.subtype.size != 0 ? part.subtype.of(message_) : "MIXED");
    if (extended_) {
      out_ += ' ';
      parameters(part.field(PartField::type).of(message_), false);
      extension(part);
    }
    out_ += ')';
  }

  void single(const Part& part) {
    const bool text = structure_.is_type(part, message_, "text");
    // Of message/global only readers with UTF-8 know that a message is in it (RFC 9051 §9, media-message; RFC 3501 §9).
    const bool enclosed = structure_.is_type(part, message_, "message", "rfc822") ||
                          (form_ == ImapForm::utf8 && structure_.is_type(part, message_, "message", "global"));
    if (part.type.size == 0) {
      out_ += enclosed ? R"("MESSAGE" "RFC822")" : R"("TEXT" "PLAIN")";
    } else if (structure_.is_type(part, message_, "multipart")) {
      out_ += R"("APPLICATION" "OCTET-STREAM")";  // too deep to be opened: octets, for it is shown without parts
    } else {
      string(part.type.of(message_));
      out_ += ' ';
      string(part.subtype.of(message_));
    }
    out_ += ' ';
    const bool plain = text && structure_.is_type(part, message_, "text", "plain");
    parameters(part.type.size != 0 ? part.field(PartField::type).of(message_) : std::string_view(), plain);
    out_ += ' ';
    field(part, PartField::id);
    out_ += ' ';
    field(part, PartField::description);
    out_ += ' ';
    encoding(part);
    out_ += ' ';
    number(ascii_.shown(part.body()).size);
    if (enclosed) {
      out_ += ' ';
      enclosed_message(part);
    }
    if (enclosed || text) {
      out_ += ' ';
      number(ascii_.shown_lines(part.body(), part.lines));
    }
    if (!extended_) return;
    out_ += ' ';
    field(part, PartField::md5);
    extension(part);
  }

  void enclosed_message(const Part& part) {
    if (part.kind == PartKind::message) {
      out_ += envelope_text(structure_, message_, form_, part.first_child);
      out_ += ' ';
      return body(part.first_child);
    }
    // Encoded or too deep: nothing is known of it, but the grammar wants an envelope and a body.
    out_ += R"((NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0)";
    out_ += extended_ ? " NIL NIL NIL NIL)" : ")";
  }

  void encoding(const Part& part) {
    std::string_view name = encoding_name(part.encoding);
    if (part.encoding == Encoding::unknown || part.encoding == Encoding::uuencode) {
      const std::string_view value = part.field(PartField::encoding).of(message_);
      const std::size_t begin = skip_cfws(value, 0);
      std::size_t end = begin;
      while (end < value.size() && is_of(value[end], kToken)) ++end;
      name = value.substr(begin, end - begin);
    }
    string(to_upper(name));
  }

  /// An unstructured field or one that is shown like one.
  void field(const Part& part, PartField which) {
    if (!part.has(which)) {
      out_ += "NIL";
      return;
    }
    std::string scratch;
    const std::string_view value = unfolded(part.field(which).of(message_), scratch);
    if (form_ == ImapForm::ascii && !all_ascii(value) && valid_utf8(value)) return string(encode_text(value));
    string(value);
  }

  void parameter(std::string_view name, std::string_view value) {
    out_ += parameters_open_ ? ' ' : '(';
    parameters_open_ = true;
    string(name);
    out_ += ' ';
    string(value);
  }

  /// body-fld-param of a Content-Type or Content-Disposition value.
  void parameters(std::string_view value, bool default_charset) {
    parameters_open_ = false;
    bool charset = false;
    if (form_ == ImapForm::utf8) {  // RFC 9051 §7.5.2: continuations joined, extended ones decoded under "name*"
      // Both kinds of value are a word, parameters after it.
      const auto read = parse_word_with_parameters(value);
      for (const Parameter& each : read ? read->parameters : std::vector<Parameter>()) {
        charset = charset || each.name == "charset";
        parameter(each.extended ? each.name + "*" : each.name, each.extended ? each.value : each.raw);
      }
    } else {
      charset = raw_parameters(value);
    }
    if (default_charset && !charset) parameter("CHARSET", "US-ASCII");  // RFC 2045 §5.2
    out_ += parameters_open_ ? ")" : "NIL";
  }

  /// Parameters as they stand, but for UTF-8, which becomes an extended value. Whether there was a charset.
  bool raw_parameters(std::string_view value) {
    bool charset = false;
    std::string_view name;
    std::string text;
    ParameterReader reader(value);
    while (reader.next(name, text)) {
      if (!all_ascii(name)) continue;  // RFC 6858 §2.2
      charset = charset || equals_ignore_case(name, "charset") || starts_with_ignore_case(name, "charset*");
      if (all_ascii(text) || !valid_utf8(text))
        parameter(name, text);
      else
        parameter(std::string(name) + (name.ends_with('*') ? "" : "*"), extended_value(text));
    }
    return charset;
  }

  /// body-fld-dsp, body-fld-lang and body-fld-loc.
  void extension(const Part& part) {
    out_ += ' ';
    disposition(part.field(PartField::disposition).of(message_));
    out_ += ' ';
    language(part.field(PartField::language).of(message_));
    out_ += ' ';
    if (!part.has(PartField::location)) {
      out_ += "NIL";
      return;
    }
    std::string location(part.field(PartField::location).of(message_));
    std::erase_if(location, is_space);  // RFC 2557 §4.4.2: blanks come from folding
    string(location);
  }

  void disposition(std::string_view value) {
    const std::size_t begin = skip_cfws(value, 0);
    std::size_t end = begin;
    while (end < value.size() && is_of(value[end], kToken)) ++end;
    if (begin == end) {
      out_ += "NIL";
      return;
    }
    out_ += '(';
    string(value.substr(begin, end - begin));
    out_ += ' ';
    parameters(value, false);
    out_ += ')';
  }

  void language(std::string_view value) {
    const auto tags = language_tags(value);
    if (tags.empty()) {
      out_ += "NIL";
      return;
    }
    if (tags.size() == 1) return string(tags.front());
    for (const std::string_view tag : tags) {
      out_ += tag.data() == tags.front().data() ? '(' : ' ';
      string(tag);
    }
    out_ += ')';
  }

  const Structure& structure_;
  std::string_view message_;
  bool extended_;
  ImapForm form_;
  AsciiForm ascii_;
  std::string out_;
  bool parameters_open_ = false;  // "(" was written
};

}  // namespace

std::string body_text(const Structure& structure, std::string_view message, BodyForm body_form, ImapForm form) {
  BodyWriter writer(structure, message, body_form, form);
  writer.body(0);
  return writer.take();
}

}  // namespace angarium::message
