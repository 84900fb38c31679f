#include "mailbox/name.h"

#include "base/text.h"
#include "mailbox/limits.h"
#include "message/normal_form.h"

namespace angarium::mailbox {

namespace {

/// C0, DEL, C1 (U+0080-U+009F), U+2028 and U+2029 in well-formed UTF-8.
bool has_forbidden(std::string_view name) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (is_control(name[i])) return true;
    const std::string_view here = name.substr(i);
    if (here.size() >= 2 && here[0] == '\xC2' && static_cast<unsigned char>(here[1]) < 0xA0) return true;
    if (here.starts_with("\xE2\x80\xA8") || here.starts_with("\xE2\x80\xA9")) return true;
  }
  return false;
}

Result<> check_levels(std::string_view name) {
  std::size_t depth = 0;
  while (true) {
    const std::size_t end = name.find(kSeparator);
    const std::string_view level = name.substr(0, end);
    if (level.empty()) return fail(kBadName, "a mailbox name has an empty level");
    if (level.size() > kLevelMax) return fail(kBadName, "a level of the mailbox name is too long");
    if (++depth > kDepthMax) return fail(kBadName, "the mailbox name has too many levels");
    if (end == std::string_view::npos) return {};
    name.remove_prefix(end + 1);
  }
}

}  // namespace

Result<std::string> canonical_name(std::string_view name) {
  if (name.ends_with(kSeparator)) name.remove_suffix(1);
  if (name.empty()) return fail(kBadName, "a mailbox name is empty");
  // Normal form C is at most three times as long (UAX #15 §9); the limit on what comes in keeps the work small.
  if (name.size() > kNameMax) return fail(kBadName, "the mailbox name is too long");
  if (!valid_utf8(name)) return fail(kBadName, "the mailbox name is not UTF-8");
  if (has_forbidden(name)) return fail(kBadName, "the mailbox name has control characters");
  if (name.front() == '#') return fail(kBadName, "no mailbox name begins with '#'");
  auto result = message::normal_form_c(name);
  if (!result) return fail(kBadName, "the mailbox name has no normal form");
  if (result->size() > kNameMax) return fail(kBadName, "the mailbox name is too long");
  TRY(check_levels(*result));
  // RFC 9051 §5.1: INBOX in any case is one name, and so is what lies below it.
  const std::string_view first = std::string_view(*result).substr(0, result->find(kSeparator));
  if (equals_ignore_case(first, kInbox)) result->replace(0, kInbox.size(), kInbox);
  return *std::move(result);
}

std::string_view parent_of(std::string_view name) {
  const std::size_t at = name.rfind(kSeparator);
  return at == std::string_view::npos ? std::string_view() : name.substr(0, at);
}

std::string_view leaf_of(std::string_view name) {
  const std::size_t at = name.rfind(kSeparator);
  return at == std::string_view::npos ? name : name.substr(at + 1);
}

bool is_inferior(std::string_view name, std::string_view ancestor) {
  return name.size() > ancestor.size() && name[ancestor.size()] == kSeparator && name.starts_with(ancestor);
}

}  // namespace angarium::mailbox
