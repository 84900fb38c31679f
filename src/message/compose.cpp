#include "message/compose.h"

#include <algorithm>

#include "base/text.h"
#include "message/coding.h"
#include "message/dots.h"
#include "message/downgrade.h"
#include "message/encoded_word.h"
#include "message/header.h"
#include "message/lexical.h"
#include "message/parameters.h"

namespace angarium::message {

namespace {

std::string with_right_line_ends(std::string_view text) {
  LineEndNormalizer normalizer;
  std::string out;
  while (!text.empty()) out += normalizer.take(text);
  return out += normalizer.finish();
}

bool is_media_type(std::string_view type) {
  const std::size_t slash = type.find('/');
  return slash != std::string_view::npos && all_of(type.substr(0, slash), kToken) &&
         all_of(type.substr(slash + 1), kToken);
}

class Composer {
 public:
  Composer(Random& random, Transfer transfer) : random_(random), transfer_(transfer) {}

  Result<> field(const OutgoingField& field) {
    if (field.kind == OutgoingField::Kind::structured) return append_field(out_, field.name, field.value);
    return append_field(out_, field.name, encode_text(field.value, field.name.size() + 2));
  }

  /// Recurses as deep as the parts, at most kDepthMax.
  Result<> part(const OutgoingPart& part, std::size_t depth) {
    switch (part.kind) {
      case OutgoingPart::Kind::text: return text(part);
      case OutgoingPart::Kind::octets: return octets(part);
      case OutgoingPart::Kind::message: return enclosed(part);
      case OutgoingPart::Kind::multipart: return multipart(part, depth);
    }
    return fail(kBadPart, "a part of no kind");
  }

  std::string& out() { return out_; }

 private:
  /// The Content fields and the empty line. `type` is the media type with the parameters that its kind adds.
  Result<> header(const OutgoingPart& part, std::string type, Encoding coding) {
    for (const auto& [name, value] : part.parameters) {
      if (!all_of(name, kToken)) return fail(kBadPart, "no parameter name: " + escape_controls(name));
      append_parameter(type, name, value);
    }
    TRY(append_field(out_, "Content-Type", type));
    if (!part.disposition.empty() || !part.file_name.empty()) {
      std::string disposition = part.disposition.empty() ? "attachment" : part.disposition;
      if (!all_of(disposition, kToken)) return fail(kBadPart, "no disposition: " + escape_controls(disposition));
      if (!part.file_name.empty()) append_parameter(disposition, "filename", part.file_name);
      TRY(append_field(out_, "Content-Disposition", disposition));
    }
    if (!part.content_id.empty()) TRY(append_field(out_, "Content-ID", "<" + part.content_id + ">"));
    if (!part.description.empty()) TRY(field({"Content-Description", part.description}));
    if (coding != Encoding::seven_bit) TRY(append_field(out_, "Content-Transfer-Encoding", encoding_name(coding)));
    out_ += "\r\n";
    return {};
  }

  Result<> text(const OutgoingPart& part) {
    std::string type = "text/" + part.subtype;
    if (!is_media_type(type)) return fail(kBadPart, "no text type: " + escape_controls(part.subtype));
    append_parameter(type, "charset", all_ascii(part.body) ? "us-ascii" : "utf-8");
    const std::string text = with_right_line_ends(part.body);
    const Encoding coding = text_coding(text, transfer_);
    TRY(header(part, std::move(type), coding));
    if (coding == Encoding::quoted_printable) {
      QuotedPrintableEncoder encoder(LineEnds::text);
      encoder.feed(text, out_);
      encoder.finish(out_);
    } else if (coding == Encoding::base64) {
      Base64Encoder encoder;
      encoder.feed(text, out_);
      encoder.finish(out_);
    } else {
      out_ += text;
    }
    return {};
  }

  Result<> octets(const OutgoingPart& part) {
    if (!is_media_type(part.type) || starts_with_ignore_case(part.type, "multipart/") ||
        starts_with_ignore_case(part.type, "message/"))
      return fail(kBadPart, "no media type of a file: " + escape_controls(part.type));
    TRY(header(part, part.type, Encoding::base64));
    Base64Encoder encoder;
    encoder.feed(part.body, out_);
    encoder.finish(out_);
    return {};
  }

  Result<> enclosed(const OutgoingPart& part) {
    // RFC 2046 §5.2.1: no coding but the identities, so the 8-bit bodies within are encoded one by one.
    std::string body = with_right_line_ends(part.body);
    LineScanner lines;
    lines.feed(body);
    const bool clean = seven_bit_clean(body);
    const bool passes =
        clean || (transfer_ == Transfer::eight_bit && lines.nul() == 0 && lines.longest_line() <= kLineMax);
    if (!passes) body = to_seven_bit(parse_structure(body), body).octets;
    if (!passes && !seven_bit_clean(body)) return fail(kBadPart, "an enclosed message that cannot be made 7-bit");
    TRY(header(part, "message/rfc822", passes && !clean ? Encoding::eight_bit : Encoding::seven_bit));
    out_ += body;
    return {};
  }

  Result<> multipart(const OutgoingPart& part, std::size_t depth) {
    if (part.children.empty()) return fail(kBadPart, "a multipart without parts");
    if (depth >= kDepthMax) return fail(kBadPart, "multiparts within multiparts without end");
    std::string type = "multipart/" + part.subtype;
    if (!is_media_type(type)) return fail(kBadPart, "no multipart type: " + escape_controls(part.subtype));
    // "=_" stands in no quoted-printable or base64 text (RFC 2045 §6.7), and 144 random bits in no other.
    const std::string boundary = "=_" + to_hex(random_.octets(18));
    append_parameter(type, "boundary", boundary);
    TRY(header(part, std::move(type), transfer_ == Transfer::eight_bit ? Encoding::eight_bit : Encoding::seven_bit));
    for (const OutgoingPart& child : part.children) {
      out_ += "--" + boundary + "\r\n";
      TRY(this->part(child, depth + 1));
      out_ += "\r\n";
    }
    out_ += "--" + boundary + "--\r\n";
    return {};
  }

  Random& random_;
  Transfer transfer_;
  std::string out_;
};

}  // namespace

Encoding text_coding(std::string_view text, Transfer transfer) {
  LineScanner lines;
  lines.feed(text);
  const bool from = text.starts_with("From ") || text.find("\nFrom ") != std::string_view::npos;
  const bool lines_fit = lines.nul() == 0 && lines.longest_line() <= kLineMax && lines.clean_line_ends() && !from;
  if (lines_fit && lines.eight_bit() == 0) return Encoding::seven_bit;
  if (lines_fit && transfer == Transfer::eight_bit) return Encoding::eight_bit;
  // Each octet above 127 takes three in quoted-printable; base64 takes four for three of all.
  return lines.eight_bit() * 6 > text.size() ? Encoding::base64 : Encoding::quoted_printable;
}

Result<std::string> compose(const std::vector<OutgoingField>& fields, const OutgoingPart& content, Random& random,
                            Transfer transfer) {
  Composer composer(random, transfer);
  for (const OutgoingField& field : fields) TRY(composer.field(field));
  composer.out() += "MIME-Version: 1.0\r\n";
  TRY(composer.part(content, 0));
  if (!composer.out().ends_with("\r\n")) composer.out() += "\r\n";
  return std::move(composer.out());
}

}  // namespace angarium::message
