#include "message/structure.h"

#include <algorithm>

#include "base/text.h"
#include "message/lexical.h"
#include "message/structure_fields.h"
#include "message/structure_scan.h"

namespace angarium::message {

namespace {

/// Which Content field the name is, or -1.
int content_field(std::string_view name) {
  constexpr std::string_view kPrefix = "content-";
  constexpr std::string_view kNames[kPartFields] = {"type",        "transfer-encoding", "id",       "description",
                                                    "disposition", "language",          "location", "md5"};
  if (name.size() <= kPrefix.size() || to_lower(name.front()) != 'c' || !starts_with_ignore_case(name, kPrefix))
    return -1;
  const std::string_view rest = name.substr(kPrefix.size());
  for (std::size_t i = 0; i < kPartFields; ++i)
    if (equals_ignore_case(rest, kNames[i])) return static_cast<int>(i);
  return -1;
}

void add_defect(Part& part, Defect which) {
  part.defects = static_cast<std::uint16_t>(part.defects | 1U << static_cast<unsigned>(which));
}

bool undone(Encoding encoding) {
  return encoding == Encoding::base64 || encoding == Encoding::quoted_printable || encoding == Encoding::uuencode;
}

}  // namespace

StructureParser::StructureParser() {
  structure_.parts.reserve(4);
  levels_.reserve(8);
  begin_part(0);
}

void StructureParser::feed(std::string_view octets) {
  while (!octets.empty()) {
    if (keeping_)
      keep(octets);
    else if (in_header_)
      feed_header(octets);
    else
      feed_body(octets);
  }
}

Structure StructureParser::finish() {
  if (keeping_) kept_line();
  while (in_header_) end_header(offset_, lines_);
  end_levels(0, offset_, lines_);
  structure_.size = offset_;
  return std::move(structure_);
}

void StructureParser::feed_header(std::string_view& octets) {
  bool eight_bit = false;
  const std::string_view line = first_line(octets, eight_bit);
  if (line.back() != '\n') return keep(octets);
  if (eight_bit) current().eight_bit_header = true;
  octets.remove_prefix(line.size());
  header_line(whole_line(line));
}

void StructureParser::feed_body(std::string_view& octets) {
  if (!dividing()) {
    lines_ += count_lines(octets);
    pass_octets(octets);
    octets = {};
    return;
  }
  const std::size_t plain = find_dashes(octets, at_line_start_, lines_);
  pass_octets(octets.substr(0, plain));
  octets.remove_prefix(plain);
  if (octets.empty()) return;
  bool eight_bit = false;
  const std::string_view line = first_line(octets, eight_bit);
  if (line.back() != '\n') return keep(octets);
  octets.remove_prefix(line.size());
  const Line whole = whole_line(line);
  if (!boundary_line(whole)) pass_line(whole);
}

void StructureParser::keep(std::string_view& octets) {
  keeping_ = true;
  bool eight_bit = false;
  const std::string_view piece = first_line(octets, eight_bit);
  if (in_header_ && eight_bit) current().eight_bit_header = true;
  octets.remove_prefix(piece.size());
  if (line_.size() < kFieldMax) line_ += piece.substr(0, kFieldMax - line_.size());
  line_size_ += piece.size();
  line_tail_[0] = piece.size() > 1 ? piece[piece.size() - 2] : line_tail_[1];
  line_tail_[1] = piece.back();
  if (piece.back() == '\n') kept_line();
}

void StructureParser::kept_line() {
  const std::uint64_t line_end = line_tail_[1] != '\n' ? 0 : line_tail_[0] == '\r' ? 2 : 1;
  const Line line{line_, line_size_, line_end};
  if (in_header_)
    header_line(line);
  else if (!boundary_line(line))
    pass_line(line);
  line_.clear();
  line_size_ = 0;
  line_tail_ = {};
  keeping_ = false;
}

StructureParser::Line StructureParser::whole_line(std::string_view octets) {
  const std::uint64_t line_end = octets.ends_with("\r\n") ? 2 : octets.ends_with('\n') ? 1 : 0;
  return {octets.substr(0, kFieldMax), octets.size(), line_end};
}

void StructureParser::pass_line(const Line& line) {
  offset_ += line.size;
  if (line.line_end != 0) ++lines_;
  tail_ = {line.line_end == 2 ? '\r' : '\0', line.line_end != 0 ? '\n' : '\0'};
  at_line_start_ = line.line_end != 0;
}

void StructureParser::pass_octets(std::string_view octets) {
  if (octets.empty()) return;
  offset_ += octets.size();
  tail_ = {octets.size() > 1 ? octets[octets.size() - 2] : tail_[1], octets.back()};
}

/// Octets of the line end that stands before offset_: it belongs to a delimiter that follows (RFC 2046 §5.1.1).
std::uint64_t StructureParser::line_end_before() const {
  if (tail_[1] != '\n') return 0;
  return tail_[0] == '\r' ? 2 : 1;
}

void StructureParser::header_line(const Line& line) {
  if (line.octets.starts_with("--")) {
    if (boundary_in_header(line)) return;
    if (!in_header_) return pass_line(line);
  }
  if (line.size == line.line_end) {  // the empty line
    pass_line(line);
    end_header(offset_, lines_);
    return;
  }
  const bool first = offset_ == current().header_begin;
  bool well_formed = true;
  if (is_wsp(line.octets.front())) {
    well_formed = !first;
    if (field_index_ >= 0) take_value(line, 0);
  } else {
    end_field();
    well_formed = begin_field(line);
  }
  if (!well_formed) {
    add_defect(current(), Defect::malformed_field);
    // No header at all: the text begins at once. The line that mbox files put before a message is none of it.
    if (first && !line.octets.starts_with("From ") && !line.octets.starts_with(">From ")) {
      end_header(offset_, lines_);
      if (in_header_) return header_line(line);  // of the message that a digest's part is by default
    }
  }
  pass_line(line);
}

/// A delimiter may come before the empty line: of a multipart around, or the header's own.
bool StructureParser::boundary_in_header(const Line& line) {
  end_field();
  if (!header_boundary_.empty() && line.octets.substr(2).starts_with(header_boundary_)) {
    end_header(offset_, lines_);
  }
  return boundary_line(line);
}

bool StructureParser::begin_field(const Line& line) {
  const std::string_view octets = line.octets;
  std::size_t name_size = 0;
  while (name_size < octets.size() && is_of(octets[name_size], kFtext)) ++name_size;
  std::size_t colon = name_size;
  while (colon < octets.size() && is_wsp(octets[colon])) ++colon;  // RFC 5322 §4.5
  if (name_size == 0 || colon == octets.size() || octets[colon] != ':') return false;
  field_index_ = content_field(octets.substr(0, name_size));
  if (field_index_ < 0) return true;
  Part& part = current();
  Range& range = part.fields[static_cast<std::size_t>(field_index_)];
  if (range.begin != 0) {
    add_defect(part, Defect::duplicate_field);
    field_index_ = -1;
    return true;
  }
  range.begin = offset_ + colon + 1;
  field_.clear();
  take_value(line, colon + 1);
  return true;
}

void StructureParser::take_value(const Line& line, std::size_t from) {
  value_end_ = offset_ + line.size - line.line_end;
  const bool wanted = field_index_ <= static_cast<int>(PartField::encoding);
  if (wanted && field_.size() < kFieldMax) field_ += line.octets.substr(from, kFieldMax - field_.size());
}

void StructureParser::end_field() {
  if (field_index_ < 0) return;
  Part& part = current();
  Range& range = part.fields[static_cast<std::size_t>(field_index_)];
  // A line of blanks and no end may leave the value's end before its beginning.
  range.size = std::max(value_end_, range.begin) - range.begin;
  if (range.size > kFieldMax) {
    range.size = kFieldMax;
    add_defect(part, Defect::oversize_field);
  }
  if (field_index_ == static_cast<int>(PartField::type)) {
    std::swap(content_type_, field_);
    content_type_seen_ = true;
    if (starts_with_ignore_case(std::string_view(content_type_).substr(skip_cfws(content_type_, 0)), "multipart"))
      header_boundary_ = boundary_parameter(content_type_);
  } else if (field_index_ == static_cast<int>(PartField::encoding)) {
    part.encoding = parse_encoding(field_);
    if (part.encoding == Encoding::unknown) add_defect(part, Defect::unknown_encoding);
  }
  field_index_ = -1;
}

void StructureParser::begin_part(std::uint64_t at) {
  const auto index = static_cast<std::uint32_t>(structure_.parts.size());
  Part& part = structure_.parts.emplace_back();
  part.header_begin = part.body_begin = part.body_end = at;
  if (!levels_.empty()) {
    Level& parent = levels_.back();
    part.parent = parent.part;
    if (parent.last_child == kNoPart)
      structure_.parts[parent.part].first_child = index;
    else
      structure_.parts[parent.last_child].next_sibling = index;
    parent.last_child = index;
  }
  levels_.emplace_back().part = index;
  in_header_ = true;
  field_index_ = -1;
  content_type_seen_ = false;
  header_boundary_.clear();
}

void StructureParser::end_header(std::uint64_t body_begin, std::uint64_t lines) {
  end_field();
  current().body_begin = current().body_end = body_begin;
  levels_.back().lines_before_body = lines;
  in_header_ = false;
  open_content(body_begin);
}

void StructureParser::open_content(std::uint64_t body_begin) {
  Part& part = current();
  std::string_view type = "text";
  std::string_view subtype = "plain";
  if (levels_.size() > 1 && levels_[levels_.size() - 2].digest) {  // RFC 2046 §5.1.5
    type = "message";
    subtype = "rfc822";
  }
  if (content_type_seen_) {
    const MediaType media = parse_media_type(content_type_);
    if (media.valid) {
      const std::uint64_t base = part.field(PartField::type).begin;
      part.type = {base + media.type_at, media.type_size};
      part.subtype = {base + media.subtype_at, media.subtype_size};
      type = std::string_view(content_type_).substr(media.type_at, media.type_size);
      subtype = std::string_view(content_type_).substr(media.subtype_at, media.subtype_size);
    } else {
      add_defect(part, Defect::bad_content_type);
    }
  }
  const bool multipart = equals_ignore_case(type, "multipart");
  const bool enclosed = equals_ignore_case(type, "message") &&
                        (equals_ignore_case(subtype, "rfc822") || equals_ignore_case(subtype, "global"));
  if (!multipart && !enclosed) return;
  if (undone(part.encoding)) add_defect(part, Defect::encoded_composite);
  if (levels_.size() > kDepthMax) return add_defect(part, Defect::too_deep);
  if (multipart) {
    part.kind = PartKind::multipart;
    levels_.back().digest = equals_ignore_case(subtype, "digest");
    open_multipart(header_boundary_);
  } else if (!undone(part.encoding)) {
    if (structure_.parts.size() >= kPartsMax) return add_defect(part, Defect::too_many_parts);
    part.kind = PartKind::message;
    begin_part(body_begin);
  }
}

void StructureParser::open_multipart(std::string_view boundary) {
  // No line holds a line feed, and presented ones no CR (RFC 2046 §5.1.1 allows neither): such a boundary never comes.
  if (boundary.empty() || boundary.size() > kBoundaryMax || boundary.find_first_of("\r\n") != std::string_view::npos)
    return add_defect(current(), Defect::no_boundary);
  Level& level = levels_.back();
  level.boundary_begin = static_cast<std::uint32_t>(boundaries_.size());
  level.boundary_size = static_cast<std::uint32_t>(boundary.size());
  boundaries_ += boundary;
  ++open_boundaries_;
}

std::optional<StructureParser::Match> StructureParser::match(std::string_view line) const {
  if (!line.starts_with("--")) return std::nullopt;
  line.remove_prefix(2);
  while (!line.empty() && is_space(line.back()) && line.back() != ' ' && line.back() != '\t') line.remove_suffix(1);
  std::optional<Match> best;
  std::size_t best_size = 0;
  // Innermost first, so that a boundary used twice works. A line that begins with a boundary is a delimiter (RFC 2046
  // §5.1.1); where several do, a whole match counts before a prefix, and a longer one before a shorter.
  for (std::size_t i = levels_.size(); i-- > 0;) {
    const Level& level = levels_[i];
    if (level.boundary_size == 0 || level.state == State::epilogue) continue;
    const std::string_view boundary = std::string_view(boundaries_).substr(level.boundary_begin, level.boundary_size);
    if (!line.starts_with(boundary)) continue;
    std::string_view rest = line.substr(boundary.size());
    const bool closes = rest.starts_with("--");
    if (trim(rest.substr(closes ? 2 : 0)).empty()) return Match{i, closes};
    if (level.boundary_size <= best_size) continue;
    best = Match{i, closes};
    best_size = level.boundary_size;
  }
  return best;
}

StructureParser::Delimiter StructureParser::delimiter(std::string_view line_begin) const {
  constexpr std::string_view kDashes = "--";
  if (!dividing()) return Delimiter::no;
  if (!line_begin.starts_with(kDashes)) return kDashes.starts_with(line_begin) ? Delimiter::open : Delimiter::no;
  line_begin.remove_prefix(kDashes.size());
  Delimiter result = Delimiter::no;
  for (const Level& level : levels_) {
    if (level.boundary_size == 0 || level.state == State::epilogue) continue;
    const std::string_view boundary = std::string_view(boundaries_).substr(level.boundary_begin, level.boundary_size);
    if (line_begin.starts_with(boundary)) return Delimiter::yes;
    if (boundary.starts_with(line_begin)) result = Delimiter::open;
  }
  return result;
}

bool StructureParser::boundary_line(const Line& line) {
  if (!dividing()) return false;
  const std::optional<Match> found = match(line.octets);
  if (!found) return false;
  if (!found->closes && structure_.parts.size() >= kPartsMax) {
    full_ = true;
    add_defect(structure_.parts[levels_[found->level].part], Defect::too_many_parts);
    return false;
  }
  while (in_header_) end_header(offset_, lines_);
  const std::uint64_t line_end = line_end_before();
  end_levels(found->level + 1, offset_ - line_end, lines_ - (line_end != 0 ? 1 : 0));
  pass_line(line);
  if (found->closes) {
    levels_.back().state = State::epilogue;
    --open_boundaries_;
  } else {
    levels_.back().state = State::inside;
    begin_part(offset_);
  }
  return true;
}

void StructureParser::end_levels(std::size_t keep_levels, std::uint64_t end, std::uint64_t lines) {
  while (levels_.size() > keep_levels) {
    const Level& level = levels_.back();
    Part& part = current();
    if (end < part.body_begin) {
      // The line end before the delimiter is that of the header: the part keeps it, and so do those around it.
      end = part.body_begin;
      lines = level.lines_before_body;
    }
    part.body_end = end;
    part.lines = lines - level.lines_before_body;
    if (level.boundary_size != 0) {
      if (level.state == State::preamble) add_defect(part, Defect::boundary_never_came);
      if (level.state == State::inside) add_defect(part, Defect::unterminated);
      if (level.state != State::epilogue) --open_boundaries_;
      boundaries_.resize(level.boundary_begin);
    }
    levels_.pop_back();
  }
}

Structure parse_structure(std::string_view message) {
  StructureParser parser;
  parser.feed(message);
  return parser.finish();
}

}  // namespace angarium::message
