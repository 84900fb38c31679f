#include <algorithm>

#include "message/coding.h"

namespace angarium::message {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kHexDigits = "0123456789ABCDEF";
/// RFC 2045 §6.7 rule 5 and §6.8: octets of a line, without its end.
constexpr std::size_t kCodedLineMax = 76;
constexpr std::string_view kFrom = "From ";

/// Each pair of sextets as two octets.
constexpr std::array<std::array<char, 2>, 4096> kPairs = [] {
  std::array<std::array<char, 2>, 4096> pairs{};
  for (std::size_t i = 0; i < 4096; ++i) pairs[i] = {kAlphabet[i >> 6], kAlphabet[i & 63]};
  return pairs;
}();

void put_quantum(const unsigned char* p, char* out) {
  const std::uint32_t bits = static_cast<std::uint32_t>(p[0]) << 16 | static_cast<std::uint32_t>(p[1]) << 8 | p[2];
  const auto& high = kPairs[bits >> 12];
  const auto& low = kPairs[bits & 4095];
  out[0] = high[0];
  out[1] = high[1];
  out[2] = low[0];
  out[3] = low[1];
}

}  // namespace

void Base64Encoder::put(const char* triple, std::string& out) {
  std::array<char, 4> quantum{};
  put_quantum(reinterpret_cast<const unsigned char*>(triple), quantum.data());
  out.append(quantum.data(), quantum.size());
  column_ += 4;
  if (column_ < kCodedLineMax) return;
  out += "\r\n";
  column_ = 0;
}

void Base64Encoder::feed(std::string_view octets, std::string& out) {
  while (held_size_ != 0 && !octets.empty()) {
    held_[held_size_++] = octets.front();
    octets.remove_prefix(1);
    if (held_size_ < 3) continue;
    put(held_.data(), out);
    held_size_ = 0;
  }
  constexpr std::size_t kLineOctets = kCodedLineMax / 4 * 3;
  while (octets.size() >= 3) {
    if (column_ != 0 || octets.size() < kLineOctets) {
      put(octets.data(), out);
      octets.remove_prefix(3);
      continue;
    }
    const std::size_t lines = octets.size() / kLineOctets;
    const std::size_t old = out.size();
    out.resize_and_overwrite(old + lines * (kCodedLineMax + 2), [&](char* data, std::size_t) {
      char* to = data + old;
      const auto* from = reinterpret_cast<const unsigned char*>(octets.data());
      for (std::size_t line = 0; line < lines; ++line) {
        for (std::size_t i = 0; i < kLineOctets; i += 3, from += 3, to += 4) put_quantum(from, to);
        *to++ = '\r';
        *to++ = '\n';
      }
      return static_cast<std::size_t>(to - data);
    });
    octets.remove_prefix(lines * kLineOctets);
  }
  for (const char c : octets) held_[held_size_++] = c;
}

void Base64Encoder::finish(std::string& out) {
  if (held_size_ != 0) {
    const std::size_t padding = 3 - held_size_;
    while (held_size_ < 3) held_[held_size_++] = '\0';
    std::array<char, 4> quantum{};
    put_quantum(reinterpret_cast<const unsigned char*>(held_.data()), quantum.data());
    for (std::size_t i = 0; i < padding; ++i) quantum[3 - i] = '=';
    out.append(quantum.data(), quantum.size());
    column_ += 4;
    held_size_ = 0;
  }
  if (column_ != 0) out += "\r\n";
  column_ = 0;
}

void QuotedPrintableEncoder::feed(std::string_view octets, std::string& out) {
  // One octet is held back, because what follows it decides: a blank or dot before a line end, a CR before LF, and the
  // last octet that fits on the line.
  for (const char c : octets) {
    if (held_.empty()) {
      held_ = c;
      continue;
    }
    const char before = held_.front();
    const bool text = line_ends_ == LineEnds::text;
    if (held_.size() == 2) {  // an octet and a CR
      if (c == '\n') {
        put(before, Next::line_end, out);
        line_end(out);
        held_.clear();
      } else {
        put(before, Next::octet, out);
        put('\r', Next::octet, out);
        held_ = c;
      }
    } else if (text && before == '\r' && c == '\n') {
      line_end(out);
      held_.clear();
    } else if (text && c == '\r' && before != '\r') {
      held_ += c;
    } else {
      put(before, c == '-' ? Next::dash : Next::octet, out);
      held_ = c;
    }
  }
}

void QuotedPrintableEncoder::finish(std::string& out) {
  for (std::size_t i = 0; i < held_.size(); ++i) put(held_[i], i + 1 == held_.size() ? Next::end : Next::octet, out);
  held_.clear();
  column_ = 0;
  from_ = 0;
}

void QuotedPrintableEncoder::line_end(std::string& out) {
  out += "\r\n";
  column_ = 0;
  from_ = 0;
}

void QuotedPrintableEncoder::put(char c, Next next, std::string& out) {
  const bool last = next == Next::line_end || next == Next::end;
  bool literal = (c >= 33 && c <= 126 && c != '=') || c == ' ' || c == '\t';
  if ((c == ' ' || c == '\t') && last) literal = false;  // RFC 2045 §6.7 rule 3
  if (column_ == 0 && ((c == '.' && last) || (c == '-' && next == Next::dash))) literal = false;
  // The blank of a "From " that begins a line is the octet that is encoded.
  if (from_ == column_ && from_ < kFrom.size() && c == kFrom[from_]) {
    ++from_;
    if (from_ == kFrom.size()) literal = false;
  }
  put_octet(c, literal, next, out);
}

void QuotedPrintableEncoder::put_octet(char c, bool literal, Next next, std::string& out) {
  const std::size_t size = literal ? 1 : 3;
  // All octets but a line's last leave room for the "=" of a soft line break.
  const bool last = next == Next::line_end || next == Next::end;
  const std::size_t room = last ? kCodedLineMax : kCodedLineMax - 1;
  if (column_ + size > room) {
    out += '=';
    line_end(out);
    if ((c == '.' && last) || (c == '-' && next == Next::dash)) literal = false;
    if (c == kFrom[0]) from_ = 1;
  }
  if (literal) {
    out += c;
    column_ += 1;
    return;
  }
  const auto octet = static_cast<unsigned char>(c);
  out += '=';
  out += kHexDigits[octet >> 4];
  out += kHexDigits[octet & 15];
  column_ += 3;
}

}  // namespace angarium::message
