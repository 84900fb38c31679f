// Headers for readers without UTF-8 (RFC 6858 §2; the encoded words are those of RFC 6857 §3).
#include <algorithm>

#include "base/text.h"
#include "message/address.h"
#include "message/ascii_form.h"
#include "message/downgrade.h"
#include "message/encoded_word.h"
#include "message/header.h"
#include "message/lexical.h"
#include "message/parameters.h"

namespace angarium::message {

namespace {

/// RFC 6858 §2.1: what stands for an address that is not ASCII and belongs to nobody.
constexpr std::string_view kInvalidAddress = "<invalid@internationalized-address.invalid>";

constexpr std::string_view kDowngraded = "Downgraded-";

bool is_one_of(const Field& field, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return field.is(name); });
}

bool has_addresses(const Field& field) {
  return is_one_of(field, {"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-From", "Resent-Sender", "Resent-To",
                           "Resent-Cc", "Resent-Bcc", "Resent-Reply-To", "Return-Path", "Disposition-Notification-To"});
}

/// Fields of free text; of unknown ones only those that say so by their name.
bool is_unstructured(const Field& field) {
  return is_one_of(field, {"Subject", "Comments", "Keywords", "Content-Description"}) ||
         starts_with_ignore_case(field.name, "X-");
}

/// Fields of message ids: what is not ASCII in them has no other form, and a thread hangs on them.
bool has_message_ids(const Field& field) {
  return is_one_of(field, {"Message-ID", "Resent-Message-ID", "In-Reply-To", "References"});
}

/// Fields that mean nothing beyond ASCII but in comments (RFC 6857 §3.2.2, §3.2.4): a body whose coding is not known,
/// or a message without its date, would be worse than the loss of a comment.
bool has_comments_only(const Field& field) {
  return is_one_of(field, {"Date", "Resent-Date", "MIME-Version", "Content-ID", "Content-Transfer-Encoding",
                           "Content-Language", "Accept-Language", "Auto-Submitted", "Received"});
}

/// Encoded words hide what no header may hold: line ends, and what a terminal obeys.
std::string without_controls(std::string text) {
  std::ranges::replace_if(text, [](char c) { return (c >= 0 && c < ' ') || c == 127; }, ' ');
  return text;
}

/// Text that may have encoded words already, which are decoded first.
std::string ascii_text(std::string_view value, std::size_t column) {
  return encode_text(without_controls(decode_text(value)), column);
}

/// Comments become one blank with those around them; one that never closes ends the value.
std::string without_comments(std::string_view value) {
  std::string out;
  bool quoted = false;
  for (std::size_t at = 0; at < value.size(); ++at) {
    if (value[at] == '(' && !quoted) {
      const std::size_t end = comment_end(value, at);
      if (end == std::string_view::npos) break;
      if (!out.ends_with(' ')) out += ' ';
      at = end - 1;
      while (at + 1 < value.size() && value[at + 1] == ' ') ++at;
      continue;
    }
    if (value[at] == '"') quoted = !quoted;
    if (value[at] == '\\' && quoted && at + 1 < value.size()) out += value[at++];
    out += value[at];
  }
  return std::string(trim(out));
}

std::string ascii_address(const Address& address) {
  const std::string name = without_controls(address.display());
  if (address.local_part.empty() && address.domain.empty())  // RFC 5321 §4.5.5: the null reverse-path stays one
    return "<>";
  std::string domain = address.domain;
  if (!all_ascii(domain))
    if (auto ascii = domain_to_ascii(domain)) domain = std::move(*ascii);
  if (all_ascii(address.local_part) && all_ascii(domain)) return format_address(name, address.local_part, domain);
  const std::string shown = name.empty() ? address.spec() : name + " (" + address.spec() + ")";
  return encode_phrase(shown) + " " + std::string(kInvalidAddress);
}

std::string ascii_addresses(std::string_view value) {
  const AddressList list = parse_addresses(value);
  std::string out;
  auto group = list.groups.begin();
  bool open = false;
  bool comma = false;
  for (std::size_t i = 0; i <= list.addresses.size(); ++i) {
    if (open && (group - 1)->end == i) {
      out += ';';
      open = false;
      comma = true;
    }
    for (; group != list.groups.end() && group->begin == i; ++group) {
      out += comma ? ", " : "";
      out += encode_phrase(without_controls(group->name)) + ":";
      open = group->end != i;
      comma = !open;
      out += open ? " " : ";";
    }
    if (i == list.addresses.size()) break;
    out += comma ? ", " : "";
    out += ascii_address(list.addresses[i]);
    comma = true;
  }
  return out;
}

std::string ascii_parameters(const Field& field) {
  const auto read = parse_word_with_parameters(field.value);
  if (!read) return {};
  std::string out = read->word;
  for (const Parameter& each : read->parameters)
    if (all_ascii(each.name)) append_parameter(out, each.name, each.value);  // RFC 6858 §2.2: it alone is left out
  return all_ascii(out) ? out : std::string();
}

}  // namespace

std::string ascii_header(std::string_view header) {
  std::string out;
  HeaderReader reader(header);
  while (const auto field = reader.next()) {
    if (all_ascii(field->whole) || !valid_utf8(field->whole)) {
      out += field->whole;
      continue;
    }
    if (!all_ascii(field->name) || !field->well_formed()) continue;
    std::string scratch;
    std::string value;
    if (has_message_ids(*field)) {
      // RFC 6857 §3.1.10: kept readable under another name, so that nobody takes them for ids.
      value = encode_text(unfolded(field->value, scratch), kDowngraded.size() + field->name.size() + 2);
      (void)append_field(out, std::string(kDowngraded) + std::string(field->name), value);
      continue;
    }
    if (has_addresses(*field))
      value = ascii_addresses(field->value);
    else if (is_one_of(*field, {"Content-Type", "Content-Disposition"}))
      value = ascii_parameters(*field);
    else if (has_comments_only(*field))
      value = without_comments(unfolded(field->value, scratch));
    else if (is_unstructured(*field))
      value = ascii_text(field->value, field->name.size() + 2);
    // RFC 6858 §2.4: what cannot be shown is left out.
    if (!value.empty() && all_ascii(value)) (void)append_field(out, field->name, value);
  }
  out += header.substr(reader.position());
  // The line end that was the delimiter's, or none, is not this header's.
  if (!header.ends_with('\n') && out.ends_with("\r\n")) out.resize(out.size() - 2);
  return out;
}

std::string ascii_headers(const Structure& structure, std::string_view message) {
  const AsciiForm form(structure, message);
  const std::uint64_t size = form.shown(message.size());
  std::string out;
  out.reserve(size);
  while (out.size() < size) {
    const AsciiForm::Stretch stretch = form.at(out.size(), size - out.size());
    out += stretch.octets.empty() ? stretch.original.of(message) : stretch.octets;
  }
  return out;
}

}  // namespace angarium::message
