#include "agent/submission.h"

#include "io/loop.h"
#include "message/address.h"
#include "message/date.h"
#include "message/header.h"
#include "message/trace_fields.h"

namespace angarium::agent {

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
  mend();
  return octets.substr(whole - before);
}

Result<> SubmissionHeader::finish() {
  if (!text_.empty() && !text_.ends_with("\r\n")) text_ += "\r\n";
  text_ += "\r\n";
  mend();
  return {};
}

void SubmissionHeader::mend() {
  done_ = true;
  bool has_date = false;
  bool has_message_id = false;
  std::string kept;
  kept.reserve(text_.size() + 256);
  std::string_view header(text_);
  header.remove_suffix(2);
  for (const message::Field& field : message::Header(header)) {
    // RFC 5322 §3.6.3: whom Bcc names is nobody else's business.
    if (field.is("Bcc") || field.is("Resent-Bcc")) continue;
    has_date = has_date || field.is("Date");
    has_message_id = has_message_id || field.is("Message-ID");
    if (field.is("From") || field.is("Sender")) {
      for (message::Address& address : message::parse_addresses(field.value).addresses)
        authors_.push_back({std::move(address.local_part), std::move(address.domain)});
    }
    kept += field.whole;
  }
  const io::Loop& loop = io::Loop::current();
  // RFC 6409 §8.2, §8.3.
  if (!has_date) kept += "Date: " + message::format_date(message::DateTime::at(loop.clock().wall())) + "\r\n";
  if (!has_message_id)
    kept += "Message-ID: " + message::make_message_id(loop.clock().wall(), io::Loop::current().random(), hostname_) +
            "\r\n";
  kept += "\r\n";
  text_ = std::move(kept);
}

}  // namespace angarium::agent
