#include "store/keys.h"

namespace angarium::store {
namespace {

constexpr char kEscape = '\x00';
constexpr char kEscapedZero = '\xFF';
constexpr char kEnd = '\x01';

template <class T>
void append_big_endian(std::string& key, T value) {
  for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8)
    key.push_back(static_cast<char>(value >> shift & 0xFF));
}

}  // namespace

KeyWriter& KeyWriter::u8(std::uint8_t value) {
  key_.push_back(static_cast<char>(value));
  return *this;
}

KeyWriter& KeyWriter::u32(std::uint32_t value) {
  append_big_endian(key_, value);
  return *this;
}

KeyWriter& KeyWriter::u64(std::uint64_t value) {
  append_big_endian(key_, value);
  return *this;
}

KeyWriter& KeyWriter::text(std::string_view octets) {
  for (char c : octets) {
    key_.push_back(c);
    if (c == kEscape) key_.push_back(kEscapedZero);
  }
  key_.push_back(kEscape);
  key_.push_back(kEnd);
  return *this;
}

KeyWriter& KeyWriter::rest(std::string_view octets) {
  key_.append(octets);
  return *this;
}

std::uint64_t KeyReader::number(std::size_t octets) {
  if (!ok_ || rest_.size() < octets) {
    ok_ = false;
    return 0;
  }
  std::uint64_t value = 0;
  for (char c : rest_.substr(0, octets)) value = value << 8 | static_cast<unsigned char>(c);
  rest_.remove_prefix(octets);
  return value;
}

std::uint8_t KeyReader::u8() { return static_cast<std::uint8_t>(number(1)); }
std::uint32_t KeyReader::u32() { return static_cast<std::uint32_t>(number(4)); }
std::uint64_t KeyReader::u64() { return number(8); }

std::string KeyReader::text() {
  std::string octets;
  while (ok_) {
    std::size_t zero = rest_.find(kEscape);
    if (zero == rest_.npos || zero + 1 == rest_.size()) break;
    char mark = rest_[zero + 1];
    octets.append(rest_.substr(0, zero));
    rest_.remove_prefix(zero + 2);
    if (mark == kEnd) return octets;
    if (mark != kEscapedZero) break;
    octets.push_back('\0');
  }
  ok_ = false;
  return {};
}

std::string after_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xFF') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace angarium::store
