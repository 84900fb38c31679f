#include "protocol/imap/envelope.h"

#include "base/text.h"
#include "message/date.h"
#include "message/encoded_word.h"

namespace angarium::protocol::imap {
namespace {

/// A cursor over values in parentheses. What does not fit is the end of all.
class Values {
 public:
  explicit Values(std::string_view text) : text_(text) {}

  bool open() { return take('('); }
  /// At the closing parenthesis, which is taken.
  bool close() { return take(')'); }
  /// nullopt: NIL, or no string.
  std::optional<std::string> string() {
    blank();
    if (take('"')) return quoted();
    if (take('{')) return literal();
    skip_nil();
    return std::nullopt;
  }
  /// Passes over the next value, whatever it is.
  void skip() {
    blank();
    if (!open()) {
      (void)string();
      return;
    }
    for (int depth = 1; depth > 0 && !text_.empty();) {
      blank();
      if (open()) {
        ++depth;
      } else if (close()) {
        --depth;
      } else {
        (void)string();
      }
    }
  }
  void blank() { (void)take(' '); }
  /// Whether something stands before the closing parenthesis.
  [[nodiscard]] bool more() const { return !text_.empty() && !text_.starts_with(')'); }

 private:
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string quoted() {
    std::string value;
    while (!text_.empty() && !take('"')) {
      (void)take('\\');
      if (text_.empty()) break;
      const auto end = std::min(text_.find_first_of("\"\\", 1), text_.size());
      value += text_.substr(0, end);
      text_.remove_prefix(end);
    }
    return value;
  }
  std::optional<std::string> literal() {
    const auto size = parse_number<std::size_t>(take_until(text_, '}'));
    if (!size || !text_.starts_with("\r\n") || text_.size() - 2 < *size) {
      text_ = {};
      return std::nullopt;
    }
    std::string value(text_.substr(2, *size));
    text_.remove_prefix(2 + *size);
    return value;
  }
  void skip_nil() {
    if (text_.starts_with("NIL")) {
      text_.remove_prefix(3);
    } else {
      text_ = {};
    }
  }

  std::string_view text_;
};

EnvelopeAddress first_address(Values& values) {
  EnvelopeAddress first;
  values.blank();
  if (!values.open()) {
    values.skip();
    return first;
  }
  if (values.open()) {
    first.name = values.string();
    values.skip();
    first.mailbox = values.string();
    first.host = values.string();
    values.close();
  }
  while (values.more()) values.skip();
  values.close();
  return first;
}

/// The date without its time of day and zone.
std::string day_only(std::string_view date) {
  std::string day;
  while (!date.empty()) {
    const auto word = take_until(date, ' ');
    if (!word.contains(':') && !word.starts_with('+') && !word.starts_with('-')) (day += word) += ' ';
  }
  return day;
}

}  // namespace

Envelope read_envelope(std::string_view text) {
  // envelope = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP env-cc SP env-bcc SP
  //            env-in-reply-to SP env-message-id ")"
  Envelope envelope;
  Values values(text);
  if (!values.open()) return envelope;
  envelope.date = values.string().value_or("");
  envelope.subject = values.string().value_or("");
  envelope.from = first_address(values);
  values.skip();
  values.skip();
  envelope.to = first_address(values);
  envelope.cc = first_address(values);
  values.skip();
  values.skip();
  envelope.message_id = values.string().value_or("");
  return envelope;
}

std::int64_t sent_seconds(std::string_view date, const InternalDate& internal) {
  if (const auto sent = message::parse_date(date)) return sent->instant().seconds();
  // RFC 5256 §2.2: an invalid time is 00:00:00, and then the zone of a day alone means nothing.
  if (const auto day = message::parse_date(day_only(date) + "00:00:00 +0000")) return day->instant().seconds();
  return internal.seconds;
}

std::string display_value(const EnvelopeAddress& address) {
  if (address.name) {
    if (auto name = message::decode_text(*address.name); !name.empty()) return name;
  }
  if (!address.mailbox) return {};
  return address.host ? *address.mailbox + "@" + *address.host : *address.mailbox;
}

}  // namespace angarium::protocol::imap
