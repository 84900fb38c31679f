#include "agent/submission.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "io/loop.h"
#include "message/address.h"
#include "message/date.h"
#include "message/header.h"
#include "message/trace_fields.h"

namespace angarium::agent {
namespace {

constexpr std::array<std::string_view, 4> kAuthorFields = {"From", "Sender", "Resent-From", "Resent-Sender"};

/// RFC 5322 §2.3: CR and LF stand together only. Readers that take a bare LF for a line end would see another header.
bool has_bare_line_ends(std::string_view header) {
  for (std::size_t at = header.find_first_of("\r\n"); at != std::string_view::npos;
       at = header.find_first_of("\r\n", at + 2))
    if (!header.substr(at).starts_with("\r\n")) return true;
  return false;
}

bool is_blank(std::string_view value) { return value.find_first_not_of(" \t\r\n") == std::string_view::npos; }

}  // namespace

Result<std::string_view> SubmissionHeader::feed(std::string_view octets) {
  // The empty line may lie across the border of two pieces: look again at the last three octets.
  const std::size_t from = text_.size() < 3 ? 0 : text_.size() - 3;
  const std::size_t before = text_.size();
  const std::size_t room = kSubmittedHeaderMax + 4 - std::min(before, kSubmittedHeaderMax + 4);
  text_ += octets.substr(0, room);
  const bool empty_header = text_.starts_with("\r\n");
  const std::size_t end = empty_header ? 0 : text_.find("\r\n\r\n", from);
  if (end == std::string::npos) {
    if (text_.size() > kSubmittedHeaderMax) return fail(kHeaderTooLong, "the message's header is longer than 256 KiB");
    return std::string_view();
  }
  const std::size_t whole = empty_header ? 2 : end + 4;
  if (whole > kSubmittedHeaderMax) return fail(kHeaderTooLong, "the message's header is longer than 256 KiB");
  text_.resize(whole);
  TRY(mend());
  return octets.substr(whole - before);
}

Result<> SubmissionHeader::finish() {
  if (!text_.empty() && !text_.ends_with("\r\n")) text_ += "\r\n";
  text_ += "\r\n";
  return mend();
}

Result<> SubmissionHeader::mend() {
  done_ = true;
  bool has_date = false;
  bool has_message_id = false;
  bool has_from = false;
  std::string kept;
  kept.reserve(text_.size() + 256);
  std::string_view header(text_);
  header.remove_suffix(2);
  if (has_bare_line_ends(header)) return fail(kBadHeader, "the header has a bare CR or LF");
  bool first = true;
  for (const message::Field& field : message::Header(header)) {
    if (std::exchange(first, false) && !field.well_formed())
      return fail(kBadHeader, "the message does not begin with a header field");
    // RFC 5322 §3.6.3: whom Bcc names is nobody else's business. RFC 5321 §4.4: Return-Path is added at delivery.
    if (field.is("Bcc") || field.is("Resent-Bcc") || field.is("Return-Path")) continue;
    const bool date = field.is("Date");
    const bool message_id = field.is("Message-ID");
    const bool empty = is_blank(field.value);
    if (empty && (date || message_id)) continue;
    has_date = has_date || date;
    has_message_id = has_message_id || message_id;
    const bool from = field.is("From");
    if (empty && from && !author_.empty()) continue;
    has_from = has_from || (!empty && from);
    if (const auto name = std::ranges::find_if(kAuthorFields, [&](std::string_view n) { return field.is(n); });
        name != kAuthorFields.end()) {
      for (message::Address& address : message::parse_addresses(field.value).addresses)
        authors_.push_back({std::string(*name), std::move(address.local_part), std::move(address.domain)});
    }
    kept += field.whole;
  }
  // RFC 5322 §3.6: a message says from whom it is.
  if (!has_from && author_.empty()) return fail(kBadHeader, "the header has no From field, or an empty one");
  if (!has_from) TRY(message::append_field(kept, "From", author_));
  const io::Loop& loop = io::Loop::current();
  // RFC 6409 §8.2, §8.3.
  if (!has_date) kept += "Date: " + message::format_date(message::DateTime::at(loop.clock().wall())) + "\r\n";
  if (!has_message_id)
    kept += "Message-ID: " + message::make_message_id(loop.clock().wall(), io::Loop::current().random(), hostname_) +
            "\r\n";
  kept += "\r\n";
  text_ = std::move(kept);
  return {};
}

}  // namespace angarium::agent
