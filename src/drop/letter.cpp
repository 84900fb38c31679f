#include "drop/letter.h"

#include <algorithm>

#include "base/text.h"
#include "drop/options.h"
#include "message/header.h"

namespace angarium::drop {
namespace {

constexpr std::string_view kMboxSeparator = "From ";

}  // namespace

bool Lines::undecided() const {
  if (dot_ends_ && held_ == ".") return true;
  return first_ && held_.size() < kMboxSeparator.size() && kMboxSeparator.starts_with(held_);
}

void Lines::feed(std::string_view octets, std::string& out) {
  while (!octets.empty() && !ended_) {
    if (after_cr_) {
      after_cr_ = false;
      if (octets.front() == '\n') octets.remove_prefix(1);
      end_line(out);
      continue;
    }
    const std::string_view piece = octets.substr(0, octets.find_first_of("\r\n"));
    text(piece, out);
    octets.remove_prefix(piece.size());
    if (octets.empty()) break;
    if (octets.front() == '\r')
      after_cr_ = true;
    else
      end_line(out);
    octets.remove_prefix(1);
  }
}

void Lines::text(std::string_view octets, std::string& out) {
  while (!octets.empty() && !open_) {
    held_ += octets.front();
    octets.remove_prefix(1);
    if (undecided()) continue;
    open_ = true;
    dropped_ = first_ && held_ == kMboxSeparator;
    if (!dropped_) out += held_;
    held_.clear();
  }
  if (!dropped_) out += octets;
}

void Lines::end_line(std::string& out) {
  if (!open_ && dot_ends_ && held_ == ".") {
    ended_ = true;
    return;
  }
  out += held_;
  held_.clear();
  if (!dropped_) out += "\r\n";
  open_ = dropped_ = first_ = false;
}

void Lines::finish(std::string& out) {
  if (ended_) return;
  if (after_cr_ || open_ || !held_.empty()) end_line(out);
  ended_ = true;
}

Head::Kind Head::judge(std::string_view line) const {
  if (line.empty()) return Kind::empty;
  if (is_wsp(line.front())) return line_ == 0 ? Kind::body : Kind::field;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return Kind::body;
  return message::valid_field_name(trim(line.substr(0, colon))) ? Kind::field : Kind::body;
}

Result<> Head::feed(std::string_view octets) {
  if (done_) {
    rest_ += octets;
    return {};
  }
  std::size_t from = fields_.size() < line_ + 1 ? line_ : fields_.size() - 1;
  fields_ += octets;
  for (std::size_t end = 0; (end = fields_.find("\r\n", from)) != std::string::npos; from = line_) {
    const Kind kind = judge(std::string_view(fields_).substr(line_, end - line_));
    if (kind == Kind::field) {
      line_ = end + 2;
      continue;
    }
    done_ = true;
    rest_ = fields_.substr(kind == Kind::empty ? end + 2 : line_);
    fields_.resize(line_);
    break;
  }
  if (done_ ? fields_.size() > kHeaderMax : fields_.size() > kHeaderMax + 2) {
    // A body of one long line without a header is not yet known to be one.
    if (!done_ && line_ == 0 && judge(fields_) == Kind::body) {
      done_ = true;
      rest_ = std::move(fields_);
      fields_.clear();
      return {};
    }
    return fail(kBadLetter, "the header is longer than 256 KiB");
  }
  return {};
}

void Head::finish() { done_ = true; }

Result<std::vector<std::string>> header_recipients(std::string_view fields) {
  constexpr std::string_view kResent = "Resent-";
  bool resent = false;
  for (const message::Field& field : message::Header(fields))
    resent = resent || (field.is("Resent-To") || field.is("Resent-Cc") || field.is("Resent-Bcc"));
  std::vector<std::string> recipients;
  for (const message::Field& field : message::Header(fields)) {
    std::string_view name = field.name;
    if (starts_with_ignore_case(name, kResent) != resent) continue;
    if (resent) name.remove_prefix(kResent.size());
    if (!equals_ignore_case(name, "To") && !equals_ignore_case(name, "Cc") && !equals_ignore_case(name, "Bcc"))
      continue;
    auto addresses = addresses_of(field.value);
    if (!addresses) return fail(kBadLetter, "the " + std::string(field.name) + " field has what is no address");
    for (std::string& address : *addresses)
      if (std::ranges::find(recipients, address) == recipients.end()) recipients.push_back(std::move(address));
    if (recipients.size() > kRecipientsMax)
      return fail(kBadLetter, "the header names more than " + std::to_string(kRecipientsMax) + " recipients");
  }
  return recipients;
}

void complete(std::string& fields, const message::DateTime& now) {
  const auto date = message::Header(fields).find("Date");
  if (date) return;
  fields += "Date: " + message::format_date(now) + "\r\n";
}

}  // namespace angarium::drop
