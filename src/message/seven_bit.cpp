#include "message/seven_bit.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "message/dots.h"
#include "message/header.h"

namespace angarium::message {

namespace {

std::uint64_t count_high(std::string_view octets) {
  return static_cast<std::uint64_t>(std::ranges::count_if(octets, [](char c) { return !is_ascii(c); }));
}

bool is_clean(const LineScanner& lines, BareLineEnds bare) {
  return lines.nul() == 0 && lines.eight_bit() == 0 && lines.longest_line() <= kLineMax &&
         (bare == BareLineEnds::pass || lines.clean_line_ends());
}

/// Its content stands behind a coding.
bool is_coded(const Part& part) { return !is_identity(part.encoding) && part.encoding != Encoding::unknown; }

}  // namespace

Result<SevenBitWriter> SevenBitWriter::make(MessageReader& reader, BareLineEnds bare) {
  StructureParser parser;
  for (std::uint64_t at = 0;;) {
    const std::string_view octets = TRY(reader.read(at, kPiece));
    if (octets.empty()) break;
    parser.feed(octets);
    at += octets.size();
  }
  return make(parser.finish(), reader, bare);
}

Result<SevenBitWriter> SevenBitWriter::make(Structure structure, MessageReader& reader, BareLineEnds bare) {
  SevenBitWriter writer(std::move(structure), reader, bare);
  writer.looked_.resize(writer.structure_.parts.size());
  writer.divide(0);
  TRY(writer.look());
  writer.plan(0);
  writer.segments_ = {};
  writer.rewind();
  return writer;
}

// --- looking --------------------------------------------------------------------------------------------------------

void SevenBitWriter::segment(Segment::Kind kind, std::uint32_t part, std::uint64_t begin, std::uint64_t end) {
  if (begin < end) segments_.push_back({.kind = kind, .part = part, .begin = begin, .end = end});
}

/// The octets of a part in order. Recurses as deep as the structure, kDepthMax.
void SevenBitWriter::divide(std::uint32_t index) {
  const Part& part = structure_.parts[index];
  using Kind = Segment::Kind;
  if (part.kind == PartKind::leaf && part.type.size == 0) looked_[index].sort = Sort::text;
  looked_[index].begin = segments_.size();
  segment(Kind::header, index, part.header_begin, part.body_begin);
  looked_[index].body_begin = segments_.size();
  if (part.kind == PartKind::message) {
    divide(part.first_child);
  } else if (part.kind == PartKind::multipart) {
    std::uint64_t at = part.body_begin;
    for (std::uint32_t child = part.first_child; child != kNoPart; child = structure_.parts[child].next_sibling) {
      segment(Kind::between, index, at, structure_.parts[child].header_begin);
      divide(child);
      at = structure_.parts[child].body_end;
    }
    segment(Kind::between, index, at, part.body_end);
  } else {
    segment(Kind::body, index, part.body_begin, part.body_end);
  }
  looked_[index].end = segments_.size();
}

Result<> SevenBitWriter::look() {
  for (std::uint32_t i = 0; i < structure_.parts.size(); ++i) eight_bit_header_ |= structure_.parts[i].eight_bit_header;
  for (Segment& each : segments_) {
    if (each.kind == Segment::Kind::header) TRY(look_at_type(each.part));
    LineScanner lines;
    for (std::uint64_t at = each.begin; at < each.end;) {
      const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, each.end - at));
      const std::string_view octets = TRY(reader_->read(at, most));
      if (octets.empty()) break;
      lines.feed(octets);
      at += octets.size();
    }
    each.clean = is_clean(lines, bare_);
    if (each.kind == Segment::Kind::body && !each.clean && looked_[each.part].sort == Sort::text)
      TRY(look_at_content(each.part));
  }
  return {};
}

Result<std::string> SevenBitWriter::text_of(Range range) {
  std::string text;
  while (text.size() < range.size) {
    const auto octets =
        TRY(reader_->read(range.begin + text.size(), static_cast<std::size_t>(range.size) - text.size()));
    if (octets.empty()) break;
    text += octets;
  }
  return to_lower(text);
}

/// What its header says of it.
Result<> SevenBitWriter::look_at_type(std::uint32_t index) {
  const Part& part = structure_.parts[index];
  Looked& looked = looked_[index];
  const std::string type = TRY(text_of(part.type));
  const std::string subtype = TRY(text_of(part.subtype));
  looked.global = type == "message" && subtype == "global";
  if (part.kind == PartKind::leaf && (type.empty() || type == "text")) looked.sort = Sort::text;
  const bool is_signed = type == "multipart" && subtype == "signed";
  // Not opened, so nothing within can be encoded, and the whole may not be.
  const bool closed =
      part.kind == PartKind::leaf &&
      (type == "multipart" ||
       (type == "message" && (subtype == "rfc822" || subtype == "partial" || subtype == "external-body")));
  const bool cut = part.has(Defect::too_deep) || part.has(Defect::too_many_parts);
  const bool undivided = part.kind == PartKind::multipart && part.first_child == kNoPart;
  if (is_signed || closed || cut || undivided || part.header().size > kHeaderMax) looked.sort = Sort::stays;
  return {};
}

/// How much of a text is above 127: its coding depends on it.
Result<> SevenBitWriter::look_at_content(std::uint32_t index) {
  const Part& part = structure_.parts[index];
  Looked& looked = looked_[index];
  TransferDecoder decoder(is_coded(part) ? part.encoding : Encoding::seven_bit);
  std::string content;
  for (std::uint64_t at = part.body_begin; at < part.body_end;) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, part.body_end - at));
    const std::string_view octets = TRY(reader_->read(at, most));
    if (octets.empty()) break;
    at += octets.size();
    content.clear();
    decoder.feed(octets, content);
    if (at >= part.body_end) decoder.finish(content);
    looked.high += count_high(content);
    looked.content += content.size();
  }
  return {};
}

// --- planning -------------------------------------------------------------------------------------------------------

bool SevenBitWriter::clean(const Looked& looked) const {
  const auto from = segments_.begin() + static_cast<std::ptrdiff_t>(looked.body_begin);
  return std::ranges::all_of(from, segments_.begin() + static_cast<std::ptrdiff_t>(looked.end), &Segment::clean);
}

void SevenBitWriter::copy(std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return;
  if (!steps_.empty() && steps_.back().kind == Step::Kind::copy && steps_.back().end == begin) {
    steps_.back().end = end;
  } else {
    steps_.push_back({.kind = Step::Kind::copy, .begin = begin, .end = end});
  }
}

/// Header and body. Recurses as deep as the structure, kDepthMax.
void SevenBitWriter::plan(std::uint32_t index) {
  const Part& part = structure_.parts[index];
  const Looked& looked = looked_[index];
  const bool told = part.encoding == Encoding::eight_bit || part.encoding == Encoding::binary;
  const bool is_clean = clean(looked);
  if (is_clean && !told) return copy(part.header_begin, part.body_end);
  // RFC 2045 §6.4: what stands behind a coding that nobody knows is known to nobody; it cannot be told by another name.
  const bool opaque = part.encoding == Encoding::unknown && (part.kind == PartKind::leaf || looked.global);
  if (looked.sort == Sort::stays || opaque) {
    if (!is_clean) left_.push_back(index);
    return copy(part.header_begin, part.body_end);
  }
  if (part.kind == PartKind::leaf || looked.global) return plan_leaf(index, is_clean);
  steps_.push_back({.kind = Step::Kind::header, .part = index, .coding = Encoding::seven_bit});
  if (part.kind == PartKind::message) return plan(part.first_child);
  plan_children(index);
}

/// Preamble, delimiters and epilogue, and the parts between them.
void SevenBitWriter::plan_children(std::uint32_t index) {
  std::size_t i = looked_[index].body_begin;
  for (std::uint32_t child = structure_.parts[index].first_child; child != kNoPart;
       child = structure_.parts[child].next_sibling) {
    while (i < looked_[child].begin) between(segments_[i++]);
    plan(child);
    i = looked_[child].end;
  }
  while (i < looked_[index].end) between(segments_[i++]);
}

void SevenBitWriter::between(const Segment& segment) {
  if (segment.clean) return copy(segment.begin, segment.end);
  steps_.push_back({.kind = Step::Kind::ascii, .begin = segment.begin, .end = segment.end});
}

void SevenBitWriter::plan_leaf(std::uint32_t index, bool is_clean) {
  const Part& part = structure_.parts[index];
  const Looked& looked = looked_[index];
  Step step{.kind = Step::Kind::header, .part = index, .begin = part.body_begin, .end = part.body_end};
  if (!is_clean) {
    // A text with more octets above 127 than one in six is shorter in base64.
    const bool quoted = looked.sort == Sort::text && looked.high * 6 <= looked.content;
    step.coding = quoted ? Encoding::quoted_printable : Encoding::base64;
  }
  steps_.push_back(step);
  if (is_clean) return copy(part.body_begin, part.body_end);  // only told to be more
  step.kind = Step::Kind::encode;
  steps_.push_back(step);
}

// --- writing --------------------------------------------------------------------------------------------------------

void SevenBitWriter::rewind() {
  step_ = 0;
  at_ = steps_.empty() ? 0 : steps_.front().begin;
  if (!steps_.empty()) begin_coding(steps_.front());
}

Result<bool> SevenBitWriter::next(std::string& out) {
  const std::size_t before = out.size();
  while (step_ < steps_.size() && out.size() - before < kPiece) {
    const Step& step = steps_[step_];
    std::string_view octets;
    if (step.kind == Step::Kind::header) {
      TRY(write_header(step, out));
    } else if (at_ < step.end) {
      octets = TRY(reader_->read(at_, static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, step.end - at_))));
    }
    if (!octets.empty()) {
      at_ += octets.size();
      const std::size_t from = out.size();
      if (step.kind == Step::Kind::encode) {
        encode(octets, out);
      } else {
        out += octets;
      }
      if (step.kind == Step::Kind::ascii)
        std::replace_if(
            out.begin() + static_cast<std::ptrdiff_t>(from), out.end(),
            [](char c) { return !is_ascii(c) || c == '\0'; }, '?');
      continue;
    }
    if (step.kind == Step::Kind::encode) end_coding(out);
    if (++step_ == steps_.size()) break;
    at_ = steps_[step_].begin;
    begin_coding(steps_[step_]);
  }
  return out.size() > before || step_ < steps_.size();
}

Result<> SevenBitWriter::write_header(const Step& step, std::string& out) {
  const Part& part = structure_.parts[step.part];
  std::string octets;
  for (std::uint64_t at = part.header_begin; at < part.body_begin;) {
    const std::string_view more = TRY(reader_->read(at, static_cast<std::size_t>(part.body_begin - at)));
    if (more.empty()) break;
    octets += more;
    at += more.size();
  }
  bool versioned = part.parent != kNoPart && structure_.parts[part.parent].kind == PartKind::multipart;
  bool typed = false;
  HeaderReader reader(std::string_view(octets).substr(0, static_cast<std::size_t>(part.header().size)));
  while (const auto field = reader.next()) {
    if (field->is("Content-Transfer-Encoding")) continue;
    versioned = versioned || field->is("MIME-Version");
    typed = typed || field->is("Content-Type");
    out += field->whole;
    if (!field->whole.ends_with('\n')) out += "\r\n";
  }
  if (!versioned) out += "MIME-Version: 1.0\r\n";
  // RFC 1428 §3: the charset of a text that does not tell it.
  if (!typed && step.coding != Encoding::seven_bit) out += "Content-Type: text/plain; charset=unknown-8bit\r\n";
  out += "Content-Transfer-Encoding: ";
  out += encoding_name(step.coding);
  out += "\r\n\r\n";
  return {};
}

void SevenBitWriter::begin_coding(const Step& step) {
  if (step.kind != Step::Kind::encode) return;
  const Part& part = structure_.parts[step.part];
  // A coding with junk in it is undone first: what its readers see is what stays.
  decoder_ = TransferDecoder(is_coded(part) ? part.encoding : Encoding::seven_bit);
  coding_ = step.coding;
  base64_ = Base64Encoder();
  quoted_printable_ = QuotedPrintableEncoder(LineEnds::text);
}

void SevenBitWriter::encode(std::string_view octets, std::string& out) {
  decoded_.clear();
  decoder_.feed(octets, decoded_);
  if (coding_ == Encoding::base64) {
    base64_.feed(decoded_, out);
  } else {
    quoted_printable_.feed(decoded_, out);
  }
}

void SevenBitWriter::end_coding(std::string& out) {
  decoded_.clear();
  decoder_.finish(decoded_);
  if (coding_ == Encoding::base64) {
    base64_.feed(decoded_, out);
    base64_.finish(out);
  } else {
    quoted_printable_.feed(decoded_, out);
    quoted_printable_.finish(out);
  }
}

}  // namespace angarium::message
