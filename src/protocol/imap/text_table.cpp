#include "protocol/imap/text_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace angarium::protocol::imap {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::uint64_t TextTable::hash_of(std::string_view text) const {
  auto hash = mix(secret_ ^ 0x9E3779B97F4A7C15, 0xA0761D6478BD642F ^ text.size());
  for (std::size_t at = 0; at < text.size(); at += 8) {
    std::uint64_t octets = 0;
    std::memcpy(&octets, text.data() + at, std::min<std::size_t>(8, text.size() - at));
    hash = mix(hash ^ octets, 0xE7037ED1A0B428DB ^ secret_);
  }
  return hash;
}

void TextTable::put(const Slot& slot) {
  const auto mask = slots_.size() - 1;
  auto at = slot.hash & mask;
  while (slots_[at].number != kNone) at = (at + 1) & mask;
  slots_[at] = slot;
}

void TextTable::expect(std::size_t texts) {
  if (2 * texts <= slots_.size()) return;
  const auto before = std::exchange(slots_, std::vector<Slot>(std::bit_ceil(2 * texts)));
  for (const auto& slot : before) {
    if (slot.number != kNone) put(slot);
  }
}

std::uint32_t TextTable::find(std::string_view text) const {
  if (slots_.empty()) return kNone;
  const auto mask = slots_.size() - 1;
  const auto hash = hash_of(text);
  for (auto at = hash & mask; slots_[at].number != kNone; at = (at + 1) & mask) {
    if (slots_[at].hash == hash && slots_[at].text == text) return slots_[at].number;
  }
  return kNone;
}

void TextTable::add(std::string_view text, std::uint32_t number) {
  expect(size_ + 1);
  ++size_;
  put({.text = text, .hash = hash_of(text), .number = number});
}

}  // namespace angarium::protocol::imap
