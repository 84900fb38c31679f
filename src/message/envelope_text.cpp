// ENVELOPE (RFC 9051 §7.5.2 and the envelope rules of §9).
#include <array>
#include <optional>

#include "base/text.h"
#include "message/address.h"
#include "message/encoded_word.h"
#include "message/header.h"
#include "message/imap_text.h"

namespace angarium::message {

namespace {

/// What stands for a missing domain or local part: NIL would say that a group begins or ends.
constexpr std::string_view kNoHost = ".MISSING-HOST-NAME.";
constexpr std::string_view kNoMailbox = ".MISSING-MAILBOX-NAME.";
/// RFC 6858 §2.1: what stands for an address that a client without UTF-8 cannot have.
constexpr std::string_view kInvalidMailbox = "invalid";
constexpr std::string_view kInvalidHost = "internationalized-address.invalid";

enum Text : std::size_t { kDate, kSubject, kInReplyTo, kMessageId, kTexts };
constexpr std::string_view kTextNames[kTexts] = {"Date", "Subject", "In-Reply-To", "Message-ID"};
enum List : std::size_t { kFrom, kSender, kReplyTo, kTo, kCc, kBcc, kLists };
constexpr std::string_view kListNames[kLists] = {"From", "Sender", "Reply-To", "To", "Cc", "Bcc"};

class EnvelopeWriter {
 public:
  explicit EnvelopeWriter(ImapForm form) : form_(form) {}

  std::string write(std::string_view header) {
    for (const Field& field : Header(header)) take(field);
    for (std::string& list : lists_) list = list.empty() ? "NIL" : "(" + list + ")";
    if (lists_[kSender] == "NIL") lists_[kSender] = lists_[kFrom];
    if (lists_[kReplyTo] == "NIL") lists_[kReplyTo] = lists_[kFrom];
    std::string out = "(";
    text(out, kDate);
    text(out, kSubject);
    for (const std::string& list : lists_) {
      out += list;
      out += ' ';
    }
    text(out, kInReplyTo);
    text(out, kMessageId);
    out.back() = ')';
    return out;
  }

 private:
  void take(const Field& field) {
    for (std::size_t i = 0; i < kTexts; ++i)
      if (!texts_[i] && field.is(kTextNames[i])) texts_[i] = field.value;
    // A field that stands twice, against RFC 5322 §3.6, gives the addresses of both.
    for (std::size_t i = 0; i < kLists; ++i)
      if (field.is(kListNames[i])) addresses(lists_[i], parse_addresses(field.value));
  }

  void text(std::string& out, Text which) {
    if (!texts_[which]) {
      out += "NIL ";
      return;
    }
    std::string scratch;
    phrase(out, unfolded(*texts_[which], scratch));
    out += ' ';
  }

  /// Text in which clients know encoded words.
  void phrase(std::string& out, std::string_view value) const {
    if (form_ == ImapForm::ascii && !all_ascii(value) && valid_utf8(value))
      append_imap_string(out, encode_text(value), form_);
    else
      append_imap_string(out, value, form_);
  }

  void addresses(std::string& out, const AddressList& list) const {
    auto group = list.groups.begin();
    bool open = false;
    for (std::size_t i = 0; i <= list.addresses.size(); ++i) {
      if (open && (group - 1)->end == i) {
        end_group(out);
        open = false;
      }
      for (; group != list.groups.end() && group->begin == i; ++group) {
        out += "(NIL NIL ";
        phrase(out, group->raw_name);
        out += " NIL)";
        open = group->end != i;
        if (!open) end_group(out);
      }
      if (i < list.addresses.size()) address(out, list.addresses[i]);
    }
  }

  static void end_group(std::string& out) { out += "(NIL NIL NIL NIL)"; }

  void address(std::string& out, const Address& each) const {
    std::string name = each.raw_name.empty() ? each.comment : each.raw_name;
    std::string local = each.local_part.empty() ? std::string(kNoMailbox) : each.local_part;
    std::string host = each.domain.empty() ? std::string(kNoHost) : each.domain;
    if (form_ == ImapForm::ascii && !all_ascii(host))
      if (auto ascii = domain_to_ascii(host)) host = std::move(*ascii);
    if (form_ == ImapForm::ascii && (!all_ascii(local) || !all_ascii(host))) {
      name += name.empty() ? each.spec() : " (" + each.spec() + ")";
      local = kInvalidMailbox;
      host = kInvalidHost;
    }
    out += '(';
    if (name.empty())
      out += "NIL";
    else
      phrase(out, name);
    out += ' ';
    if (each.route.empty() || (form_ == ImapForm::ascii && !all_ascii(each.route)))
      out += "NIL";
    else
      append_imap_string(out, each.route, form_);
    out += ' ';
    append_imap_string(out, local, form_);
    out += ' ';
    append_imap_string(out, host, form_);
    out += ')';
  }

  ImapForm form_;
  std::array<std::optional<std::string_view>, kTexts> texts_;
  std::array<std::string, kLists> lists_;
};

}  // namespace

std::string envelope_text(const Structure& structure, std::string_view message, ImapForm form, std::uint32_t part) {
  return EnvelopeWriter(form).write(structure.parts[part].header().of(message));
}

}  // namespace angarium::message
