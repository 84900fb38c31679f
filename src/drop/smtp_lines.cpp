#include "drop/smtp_lines.h"

#include "base/text.h"

namespace angarium::drop {
namespace {

/// Octets of a line that tell DATA, BDAT and the dot from all others, whatever blanks follow.
constexpr std::size_t kBegin = 6;

bool is_bdat(std::string_view begin) { return starts_with_ignore_case(begin, "BDAT "); }

}  // namespace

void SmtpLines::feed(std::string_view octets, std::string& out) {
  if (ends_ == Ends::unknown) {
    const std::size_t end = octets.find('\n');
    if (end == std::string_view::npos) {
      // Undecided so far: a first line that comes in pieces is nowhere changed but at its end.
      if (!octets.empty()) after_cr_ = octets.back() == '\r';
      for (const char c : octets.substr(0, kBegin))
        if (begin_.size() < kBegin && c != '\r') begin_ += c;
      out += octets;
      return;
    }
    const bool cr = end > 0 ? octets[end - 1] == '\r' : after_cr_;
    ends_ = cr ? Ends::as_they_are : Ends::mended;
  }
  if (ends_ == Ends::as_they_are)
    out += octets;
  else
    mend(octets, out);
}

void SmtpLines::mend(std::string_view octets, std::string& out) {
  for (const char c : octets) {
    if (c == '\n') {
      if (!after_cr_) out += '\r';
      out += c;
      end_line();
    } else if (in_data_ || !is_bdat(begin_)) {
      out += c;
      if (begin_.size() < kBegin && c != '\r') begin_ += c;
    }
    after_cr_ = c == '\r';
  }
}

void SmtpLines::end_line() {
  if (in_data_)
    in_data_ = begin_ != ".";
  else
    in_data_ = equals_ignore_case(trim(begin_), "DATA");
  begin_.clear();
}

}  // namespace angarium::drop
