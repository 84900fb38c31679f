#include "mailbox/records.h"

#include "mailbox/block.h"
#include "mailbox/keys.h"
#include "mailbox/record.h"

namespace angarium::mailbox {

namespace {

/// Operands that have the form of the value. What cannot be read changes nothing.
template <class Counters>
std::string merge_counters(std::optional<std::string_view> before, std::span<const std::string_view> operands) {
  Counters result;
  if (before) {
    auto value = Counters::decode(*before);
    if (!value) return std::string(*before);
    result = *value;
  }
  for (const std::string_view operand : operands)
    if (auto other = Counters::decode(operand)) result.merge(*other);
  return result.encode();
}

}  // namespace

std::string Records::merge(std::string_view key, std::optional<std::string_view> before,
                           std::span<const std::string_view> operands) const {
  if (is_kind(key, RecordKind::block))
    return merge_block(static_cast<std::uint32_t>(key_number(key, kAfterMailbox, 4)),
                       before.value_or(std::string_view()), operands);
  if (is_kind(key, RecordKind::counters)) return merge_counters<MailboxCounters>(before, operands);
  if (is_kind(key, RecordKind::account)) return merge_counters<AccountCounters>(before, operands);
  return std::string(before.value_or(std::string_view()));
}

std::optional<std::string> Records::combine(std::string_view key, std::span<const std::string_view> operands) const {
  if (is_kind(key, RecordKind::block)) {
    std::string result;
    for (const std::string_view operand : operands) result += operand;
    return result;
  }
  if (is_kind(key, RecordKind::counters)) return merge_counters<MailboxCounters>(std::nullopt, operands);
  if (is_kind(key, RecordKind::account)) return merge_counters<AccountCounters>(std::nullopt, operands);
  return std::nullopt;
}

void Records::visit(std::string_view key, std::string_view value,
                    const std::function<void(const store::BodyRef&)>& found) const {
  if (!is_kind(key, RecordKind::email)) return;
  if (value.size() < kBodyRefAt + store::BodyRef::kSize) return;
  if (const auto ref = store::BodyRef::decode(value.substr(kBodyRefAt, store::BodyRef::kSize))) found(*ref);
}

}  // namespace angarium::mailbox
