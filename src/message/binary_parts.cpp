#include "message/binary_parts.h"

#include <algorithm>

#include "base/text.h"
#include "message/structure_scan.h"

namespace angarium::message {

namespace {

/// Up to and with the first line feed; all octets when there is none.
std::string_view take_line(std::string_view& octets, std::size_t most = std::string_view::npos) {
  const std::size_t line_feed = octets.substr(0, most).find('\n');
  const std::string_view line = octets.substr(0, line_feed == std::string_view::npos ? most : line_feed + 1);
  octets.remove_prefix(line.size());
  return line;
}

bool to_encode(const Part& part) { return part.kind == PartKind::leaf && part.encoding == Encoding::binary; }

/// Where the value that begins there ends in a header: before the last line end of the field.
std::size_t value_end(std::string_view header, std::size_t at) {
  while (true) {
    const std::size_t line_feed = header.find('\n', at);
    if (line_feed == std::string_view::npos) return header.size();
    at = line_feed + 1;
    if (at < header.size() && is_wsp(header[at])) continue;
    return line_feed > 0 && header[line_feed - 1] == '\r' ? line_feed - 1 : line_feed;
  }
}

}  // namespace

Result<> BinaryPartsWriter::feed(std::string_view octets, std::string& out) {
  while (!octets.empty()) {
    switch (state_) {
      case State::header: TRY(header(octets, out)); break;
      case State::passing: passing(octets, out); break;
      case State::passing_line: passing_line(octets, out); break;
      case State::encoding: encoding(octets, out); break;
      case State::encoding_line: encoding_line(octets, out); break;
    }
    if (parser_.parts().size() >= kPartsMax)
      return fail(kNotRewritable, "the message has " + std::to_string(kPartsMax) + " parts or more");
  }
  return {};
}

Result<> BinaryPartsWriter::finish(std::string& out) {
  if (state_ == State::header) {
    const Structure structure = parser_.finish();
    header_ended(structure.parts, nullptr, out);
    return {};
  }
  if (state_ == State::encoding_line) encode(held_, out);  // no delimiter, or it would have been known as one
  if (state_ == State::encoding || state_ == State::encoding_line) {
    encoder_.feed(line_end_, out);
    encoder_.finish(out);
  }
  return {};
}

Result<> BinaryPartsWriter::header(std::string_view& octets, std::string& out) {
  const std::string_view line = take_line(octets, kPartHeaderMax + 1);
  held_ += line;
  if (held_.size() > kPartHeaderMax)
    return fail(kNotRewritable, "the header of a part is longer than " + std::to_string(kPartHeaderMax) + " octets");
  parser_.feed(line);
  if (!line.ends_with('\n')) return {};
  const StructureParser::Place place = parser_.place();
  header_ended(parser_.parts(), &place, out);
  return {};
}

/// Writes the headers that are whole. What was held behind them is a delimiter or the first line of a text without a
/// header.
void BinaryPartsWriter::header_ended(const std::vector<Part>& parts, const StructureParser::Place* place,
                                     std::string& out) {
  while (true) {
    if (place != nullptr && place->in_header && place->part == part_) return;
    const Part& part = parts[part_];
    put_header(part, out);
    held_.erase(0, static_cast<std::size_t>(part.header().size));
    if (part.kind != PartKind::message) break;
    part_ = part.first_child;
  }
  out += held_;
  held_.clear();
  if (place != nullptr) follow();
}

void BinaryPartsWriter::put_header(const Part& part, std::string& out) const {
  const std::string_view header = std::string_view(held_).substr(0, static_cast<std::size_t>(part.header().size));
  if (part.encoding != Encoding::binary || !part.has(PartField::encoding)) {
    out += header;
    return;
  }
  const auto at = static_cast<std::size_t>(part.field(PartField::encoding).begin - part.header_begin);
  out += header.substr(0, at);
  out += ' ';
  out += encoding_name(to_encode(part) ? Encoding::base64 : Encoding::eight_bit);
  out += header.substr(value_end(header, at));
}

/// A line has ended: what comes next is what the parser takes it for.
void BinaryPartsWriter::follow() {
  const StructureParser::Place place = parser_.place();
  part_ = place.part;
  at_line_start_ = true;
  encoded_ = false;
  state_ = place.in_header ? State::header : to_encode(parser_.parts()[place.part]) ? State::encoding : State::passing;
}

void BinaryPartsWriter::passing(std::string_view& octets, std::string& out) {
  std::uint64_t lines = 0;
  const std::string_view plain = octets.substr(0, find_dashes(octets, at_line_start_, lines));
  parser_.feed(plain);
  out += plain;
  octets.remove_prefix(plain.size());
  if (!octets.empty()) state_ = State::passing_line;
}

void BinaryPartsWriter::passing_line(std::string_view& octets, std::string& out) {
  const std::string_view line = take_line(octets);
  parser_.feed(line);
  out += line;
  if (line.ends_with('\n')) follow();
}

void BinaryPartsWriter::encoding(std::string_view& octets, std::string& out) {
  std::uint64_t lines = 0;
  const std::string_view plain = octets.substr(0, find_dashes(octets, at_line_start_, lines));
  parser_.feed(plain);
  encode(plain, out);
  octets.remove_prefix(plain.size());
  if (!octets.empty()) state_ = State::encoding_line;
}

void BinaryPartsWriter::encoding_line(std::string_view& octets, std::string& out) {
  using Delimiter = StructureParser::Delimiter;
  // As many octets as decide.
  const std::string_view piece = take_line(octets, kBoundaryMax + 3 - held_.size());
  held_ += piece;
  const bool whole = piece.ends_with('\n');
  Delimiter found = parser_.delimiter(held_);
  if (whole && found == Delimiter::open) found = Delimiter::no;
  parser_.feed(piece);
  if (found == Delimiter::open) return;
  if (found == Delimiter::no) {
    encode(held_, out);
    held_.clear();
    state_ = State::encoding;
    at_line_start_ = whole;
    return;
  }
  end_encoding(out);
  out += held_;
  held_.clear();
  state_ = State::passing_line;
  if (whole) follow();
}

void BinaryPartsWriter::encode(std::string_view octets, std::string& out) {
  if (octets.empty()) return;
  if (line_end_ == "\r" && octets == "\n") {
    line_end_ = "\r\n";
    return;
  }
  encoder_.feed(line_end_, out);
  const std::size_t kept = octets.ends_with("\r\n") ? 2 : octets.ends_with('\n') || octets.ends_with('\r') ? 1 : 0;
  encoder_.feed(octets.substr(0, octets.size() - kept), out);
  if (octets.size() > kept || !line_end_.empty()) encoded_ = true;
  line_end_ = octets.substr(octets.size() - kept);
}

/// A delimiter follows. The line end of the last coded line is now the one that belongs to it.
void BinaryPartsWriter::end_encoding(std::string& out) {
  if (encoded_)
    encoder_.finish(out);
  else
    out += line_end_;
  line_end_.clear();
}

}  // namespace angarium::message
