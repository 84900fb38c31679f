#include <algorithm>

#include "base/text.h"
#include "message/header.h"
#include "message/mbox.h"

namespace angarium::message {
namespace {

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

constexpr std::string_view kInternalSender = "From MAILER-DAEMON";
constexpr std::string_view kInternalSubject = "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA";

}  // namespace

MboxInternalData::Verdict MboxInternalData::feed(std::string_view octets) {
  held_ += octets;
  if (verdict_ == Verdict::undecided) verdict_ = look();
  return verdict_;
}

MboxInternalData::Verdict MboxInternalData::finish() {
  if (verdict_ != Verdict::undecided) return verdict_;
  verdict_ = part_ == FilePart::body && held_.size() <= kMboxInternalDataMax ? Verdict::present : Verdict::absent;
  if (verdict_ == Verdict::present) size_ = held_.size();
  return verdict_;
}

std::string_view MboxInternalData::octets() const { return std::string_view(held_).substr(0, size_); }

MboxInternalData::Verdict MboxInternalData::look() {
  if (!std::string_view(held_).starts_with(kInternalSender.substr(0, held_.size()))) return Verdict::absent;
  while (true) {
    const std::size_t lf = held_.find('\n', looked_);
    looked_ = lf == std::string::npos ? held_.size() : lf + 1;
    // The separator behind the data may lie beyond their limit.
    if (line_begin_ > kMboxInternalDataMax || looked_ - line_begin_ > kMboxInternalDataMax) return Verdict::absent;
    if (lf == std::string::npos) return Verdict::undecided;
    const std::string_view line = without_line_end(std::string_view(held_).substr(line_begin_, looked_ - line_begin_));
    if (part_ == FilePart::separator) {
      if (!parse_mbox_separator(line)) return Verdict::absent;
      part_ = FilePart::header;
      header_begin_ = looked_;
    } else if (part_ == FilePart::header && line.empty()) {
      if (!header_is_internal(std::string_view(held_).substr(header_begin_, looked_ - header_begin_)))
        return Verdict::absent;
      part_ = FilePart::body;
    } else if (part_ == FilePart::body && after_blank_ && parse_mbox_separator(line)) {
      size_ = line_begin_;
      return Verdict::present;
    }
    after_blank_ = line.empty();
    line_begin_ = looked_;
  }
}

bool MboxInternalData::header_is_internal(std::string_view header) {
  bool subject = false;
  BoxState state;
  HeaderReader reader(header);
  while (const auto field = reader.next()) {
    if (equals_ignore_case(field->name, "Subject")) subject = subject || trim(field->value) == kInternalSubject;
    if (equals_ignore_case(field->name, "X-IMAP")) read_box_field(BoxField::x_imap, field->value, state);
  }
  if (!subject || !state.base) return false;
  base_ = std::move(state.base);
  return true;
}

void MboxDetector::feed(std::string_view octets) {
  while (!octets.empty()) {
    const std::size_t lf = octets.find('\n');
    const std::string_view piece = octets.substr(0, lf == std::string_view::npos ? lf : lf + 1);
    line_ += piece.substr(0, kMboxSeparatorMax + 3 - std::min(line_.size(), kMboxSeparatorMax + 3));
    offset_ += piece.size();
    octets.remove_prefix(piece.size());
    if (lf == std::string_view::npos) return;
    line();
    line_.clear();
    line_begin_ = offset_;
  }
}

void MboxDetector::line() {
  const std::string_view text = without_line_end(line_);
  if (!is_mbox_) {
    // Blank lines may stand before the first separator.
    if (parse_mbox_separator(text)) begin_message();
    is_mbox_ = in_header_;
    return;
  }
  if (text.empty()) {
    if (in_header_ && length_ && *length_ <= UINT64_MAX / 2) body_end_ = offset_ + *length_;
    in_header_ = false;
    after_blank_ = true;
    line_ends_ += offset_ - line_begin_;
    return;
  }
  if (in_header_) {
    const BoxFieldMatch match = match_box_field(text);
    if (match.field == BoxField::content_length && !length_)
      length_ = parse_number<std::uint64_t>(trim(text.substr(text.find(':') + 1)));
  } else {
    body_line(text);
  }
  after_blank_ = false;
  // Of a line that was too long to be held, either end.
  line_ends_ = line_.ends_with('\n') ? line_.size() - text.size() : 2;
}

void MboxDetector::body_line(std::string_view text) {
  if (text.starts_with('>')) {
    text.remove_prefix(std::min(text.find_first_not_of('>'), text.size()));
    if (text.starts_with("From ")) ++quoted_;
    return;
  }
  if (!text.starts_with("From ")) return;
  const bool within = body_end_ && line_begin_ < *body_end_;
  const bool promised = body_end_ && body_ends(line_begin_);
  if (within) {
    ++plain_within_;
  } else if ((!after_blank_ && !promised) || !parse_mbox_separator(text)) {
    ++plain_;
  } else {
    if (promised) {
      ++lengths_true_;
      plain_ += plain_within_;
    } else if (body_end_) {
      ++lengths_wrong_;
    }
    begin_message();
  }
}

bool MboxDetector::body_ends(std::uint64_t at) const { return *body_end_ <= at && at - *body_end_ <= line_ends_; }

void MboxDetector::begin_message() {
  in_header_ = true;
  length_.reset();
  body_end_.reset();
  plain_within_ = 0;
}

std::optional<MboxVariant> MboxDetector::variant() const {
  if (!is_mbox_) return std::nullopt;
  std::uint64_t lengths_true = lengths_true_;
  std::uint64_t plain = plain_;
  if (body_end_ && body_ends(offset_)) {
    ++lengths_true;
    plain += plain_within_;
  }
  if (lengths_true > lengths_wrong_) return quoted_ > 0 && plain == 0 ? MboxVariant::mboxcl : MboxVariant::mboxcl2;
  return plain > 0 && quoted_ > 0 ? MboxVariant::mboxo : MboxVariant::mboxrd;
}

}  // namespace angarium::message
