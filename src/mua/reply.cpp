#include "mua/reply.h"

#include <algorithm>

#include "base/text.h"
#include "message/address.h"
#include "message/header.h"
#include "mua/display.h"

namespace angarium::mua {
namespace {

void add_from(std::string_view header, std::string_view name, std::vector<message::Address>& addresses) {
  for (const message::Field& field : message::Header(header))
    if (field.is(name))
      for (message::Address& address : message::parse_addresses(field.value).addresses)
        if (!address.local_part.empty()) addresses.push_back(std::move(address));
}

std::string as_text(const message::Address& address) {
  return message::format_address(address.name, address.local_part, address.domain);
}

std::string one_line(std::string_view header, std::string_view name) {
  const auto field = message::Header(header).find(name);
  return field ? std::string(trim(message::unfold(field->value))) : std::string();
}

}  // namespace

std::string subject_with(std::string_view prefix, std::string subject) {
  if (starts_with_ignore_case(subject, prefix)) return subject;
  return std::string(prefix) + " " + subject;
}

Draft answer_to(std::string_view header, Answer answer, const std::function<bool(std::string_view)>& is_own) {
  std::vector<message::Address> to;
  std::vector<message::Address> cc;
  add_from(header, "Reply-To", to);
  if (to.empty()) add_from(header, "From", to);
  if (answer == Answer::to_all) {
    add_from(header, "To", cc);
    add_from(header, "Cc", cc);
  }
  Draft draft;
  std::vector<message::Address> named;
  const auto take = [&](const message::Address& address, std::vector<std::string>& list) {
    const bool again = std::ranges::any_of(
        named, [&](const message::Address& other) { return message::same_address(address, other); });
    if (again) return;
    named.push_back(address);
    list.push_back(as_text(address));
  };
  for (const message::Address& address : to) take(address, draft.to);
  for (const message::Address& address : cc)
    if (!is_own(address.spec())) take(address, draft.cc);
  if (draft.to.empty()) std::swap(draft.to, draft.cc);
  draft.subject = subject_with("Re:", field_text(header, "Subject"));
  draft.in_reply_to = one_line(header, "Message-ID");
  draft.references = one_line(header, "References");
  if (!draft.in_reply_to.empty()) draft.references += (draft.references.empty() ? "" : " ") + draft.in_reply_to;
  return draft;
}

}  // namespace angarium::mua
