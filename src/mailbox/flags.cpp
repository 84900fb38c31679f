#include "mailbox/flags.h"

#include <algorithm>

#include "base/text.h"

namespace angarium::mailbox {

bool KeywordSet::contains(std::uint16_t index) const {
  if (index < 64) return (low >> index & 1) != 0;
  return std::binary_search(high.begin(), high.end(), index);
}

void KeywordSet::insert(std::uint16_t index) {
  if (index < 64) {
    low |= std::uint64_t{1} << index;
    return;
  }
  const auto at = std::lower_bound(high.begin(), high.end(), index);
  if (at == high.end() || *at != index) high.insert(at, index);
}

void KeywordSet::insert(const KeywordSet& other) {
  low |= other.low;
  for (const std::uint16_t index : other.high) insert(index);
}

void KeywordSet::erase(const KeywordSet& other) {
  low &= ~other.low;
  if (!other.high.empty()) std::erase_if(high, [&](std::uint16_t index) { return other.contains(index); });
}

std::optional<std::uint16_t> KeywordTable::find(std::string_view name) const {
  if (name.empty()) return std::nullopt;
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (equals_ignore_case(names_[i], name)) return static_cast<std::uint16_t>(i);
  return std::nullopt;
}

std::optional<std::uint16_t> KeywordTable::vacancy() const {
  const auto gap = std::find(names_.begin(), names_.end(), std::string());
  if (gap == names_.end() && names_.size() >= kKeywordsMax) return std::nullopt;
  return static_cast<std::uint16_t>(gap - names_.begin());
}

void KeywordTable::set(std::uint16_t index, std::string_view name) {
  if (index >= names_.size()) names_.resize(index + std::size_t{1});
  names_[index] = name;
}

bool valid_keyword(std::string_view name) {
  // RFC 9051 §9: flag-keyword is an atom: no CTL, SP, "(" ")" "{" "%" "*" DQUOTE "\" "]".
  if (name.empty() || name.size() > kKeywordMax) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return is_ascii(c) && !is_control(c) && c != ' ' &&
           std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
  });
}

}  // namespace angarium::mailbox
