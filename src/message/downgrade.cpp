#include "message/downgrade.h"

#include <algorithm>

#include "base/text.h"
#include "message/coding.h"
#include "message/dots.h"
#include "message/header.h"

namespace angarium::message {

namespace {

/// A text with more octets above 127 than one in six is shorter in base64.
Encoding shorter_coding(std::string_view text) {
  const auto high =
      static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !is_ascii(c); }));
  return high * 6 > text.size() ? Encoding::base64 : Encoding::quoted_printable;
}

class SevenBitWriter {
 public:
  SevenBitWriter(const Structure& structure, std::string_view message) : structure_(structure), message_(message) {}

  SevenBitMessage write() {
    part(0);
    result_.eight_bit_header =
        std::any_of(structure_.parts.begin(), structure_.parts.end(), [](const Part& p) { return p.eight_bit_header; });
    return std::move(result_);
  }

 private:
  void copy(std::uint64_t begin, std::uint64_t end) { result_.octets += message_.substr(begin, end - begin); }

  /// Header and body. Recurses as deep as the structure, kDepthMax.
  void part(std::uint32_t index) {
    const Part& part = structure_.parts[index];
    const std::string_view body = part.body().of(message_);
    const bool told = part.encoding == Encoding::eight_bit || part.encoding == Encoding::binary;
    if (seven_bit_clean(body) && !told) return copy(part.header_begin, part.body_end);
    if (must_stay(part)) {
      if (!seven_bit_clean(body)) result_.left.push_back(index);
      return copy(part.header_begin, part.body_end);
    }
    if (part.kind == PartKind::multipart) {
      header(part, Encoding::seven_bit);
      return children(part);
    }
    if (part.kind == PartKind::message && !structure_.is_type(part, message_, "message", "global")) {
      header(part, Encoding::seven_bit);
      return this->part(part.first_child);
    }
    leaf(part, body);
  }

  [[nodiscard]] bool must_stay(const Part& part) const {
    if (structure_.is_type(part, message_, "multipart", "signed")) return true;
    if (structure_.is_type(part, message_, "message", "partial")) return true;
    if (structure_.is_type(part, message_, "message", "external-body")) return true;
    // Not opened, so nothing within can be encoded, and the whole may not be.
    if (part.kind == PartKind::leaf && structure_.is_type(part, message_, "message", "rfc822")) return true;
    return part.kind == PartKind::multipart ? part.first_child == kNoPart
                                            : structure_.is_type(part, message_, "multipart");
  }

  void children(const Part& part) {
    std::uint64_t at = part.body_begin;
    for (std::uint32_t child = part.first_child; child != kNoPart; child = structure_.parts[child].next_sibling) {
      between(at, structure_.parts[child].header_begin);
      this->part(child);
      at = structure_.parts[child].body_end;
    }
    between(at, part.body_end);
  }

  /// Preamble, delimiters, epilogue.
  void between(std::uint64_t begin, std::uint64_t end) {
    const std::size_t from = result_.octets.size();
    copy(begin, end);
    for (std::size_t i = from; i < result_.octets.size(); ++i)
      if (!is_ascii(result_.octets[i]) || result_.octets[i] == '\0') result_.octets[i] = '?';
  }

  void leaf(const Part& part, std::string_view body) {
    if (seven_bit_clean(body)) {  // only told to be more
      header(part, Encoding::seven_bit);
      result_.octets += body;
      return;
    }
    // A coding with junk in it is undone first: what its readers see is what stays.
    const bool coded = !is_identity(part.encoding) && part.encoding != Encoding::unknown;
    const std::string content = coded ? decode_transfer(part.encoding, body) : std::string(body);
    const bool text = structure_.is_type(part, message_, "text");
    const Encoding coding = text ? shorter_coding(content) : Encoding::base64;
    header(part, coding);
    if (coding == Encoding::base64) {
      Base64Encoder encoder;
      encoder.feed(content, result_.octets);
      encoder.finish(result_.octets);
    } else {
      QuotedPrintableEncoder encoder(LineEnds::text);
      encoder.feed(content, result_.octets);
      encoder.finish(result_.octets);
    }
  }

  void header(const Part& part, Encoding coding) {
    bool versioned = part.parent != kNoPart && structure_.parts[part.parent].kind == PartKind::multipart;
    bool typed = false;
    std::string& out = result_.octets;
    HeaderReader reader(part.header().of(message_));
    while (const auto field = reader.next()) {
      if (field->is("Content-Transfer-Encoding")) continue;
      versioned = versioned || field->is("MIME-Version");
      typed = typed || field->is("Content-Type");
      out += field->whole;
      if (!field->whole.ends_with('\n')) out += "\r\n";
    }
    if (!versioned) out += "MIME-Version: 1.0\r\n";
    // RFC 1428 §3: the charset of a text that does not tell it.
    if (!typed && coding != Encoding::seven_bit) out += "Content-Type: text/plain; charset=unknown-8bit\r\n";
    out += "Content-Transfer-Encoding: ";
    out += encoding_name(coding);
    out += "\r\n\r\n";
  }

  const Structure& structure_;
  std::string_view message_;
  SevenBitMessage result_;
};

}  // namespace

bool seven_bit_clean(std::string_view octets) {
  LineScanner lines;
  lines.feed(octets);
  return lines.nul() == 0 && lines.eight_bit() == 0 && lines.longest_line() <= kLineMax;
}

SevenBitMessage to_seven_bit(const Structure& structure, std::string_view message) {
  return SevenBitWriter(structure, message).write();
}

}  // namespace angarium::message
