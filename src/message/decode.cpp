#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "message/coding.h"
#include "message/octet_find.h"

namespace angarium::message {

namespace {

constexpr std::uint32_t kBad = 0x8000'0000;

/// For each place in a quantum, what an octet adds to its 24 bits; kBad for octets outside the alphabet.
struct Base64Tables {
  std::array<std::array<std::uint32_t, 256>, 4> at{};
  consteval Base64Tables() {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (auto& table : at) table.fill(kBad);
    for (std::uint32_t i = 0; i < 64; ++i)
      for (std::size_t place = 0; place < 4; ++place)
        at[place][static_cast<unsigned char>(kAlphabet[i])] = i << (18 - 6 * place);
  }
};
constexpr Base64Tables kBase64;

constexpr std::array<std::int8_t, 256> kHex = [] {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (int i = 0; i < 10; ++i) table[static_cast<std::size_t>('0' + i)] = static_cast<std::int8_t>(i);
  for (int i = 0; i < 6; ++i)
    table[static_cast<std::size_t>('A' + i)] = table[static_cast<std::size_t>('a' + i)] =
        static_cast<std::int8_t>(10 + i);
  return table;
}();
int hex(char c) { return kHex[static_cast<unsigned char>(c)]; }

/// Writes 3 octets for each whole quantum of 4 at the front; stops at the first octet outside the alphabet.
std::size_t decode_quanta(const unsigned char* p, std::size_t size, char*& out) {
  std::size_t at = 0;
  for (; at + 4 <= size; at += 4) {
    const std::uint32_t bits =
        kBase64.at[0][p[at]] | kBase64.at[1][p[at + 1]] | kBase64.at[2][p[at + 2]] | kBase64.at[3][p[at + 3]];
    if ((bits & kBad) != 0) break;
    out[0] = static_cast<char>(bits >> 16);
    out[1] = static_cast<char>(bits >> 8);
    out[2] = static_cast<char>(bits);
    out += 3;
  }
  return at;
}

}  // namespace

void Base64Decoder::feed(std::string_view octets, std::string& out) {
  while (!octets.empty()) {
    if (count_ == 0 && octets.size() >= 4) {
      const std::size_t old = out.size();
      std::size_t used = 0;
      out.resize_and_overwrite(old + octets.size() / 4 * 3, [&](char* data, std::size_t) {
        char* end = data + old;
        // Whole lines in one go: a line end between quanta is all that interrupts well-formed data.
        while (used + 4 <= octets.size()) {
          const std::size_t step =
              decode_quanta(reinterpret_cast<const unsigned char*>(octets.data()) + used, octets.size() - used, end);
          used += step;
          const std::string_view rest = octets.substr(used);
          if (rest.starts_with("\r\n"))
            used += 2;
          else if (rest.starts_with('\n'))
            used += 1;
          else
            break;
        }
        return static_cast<std::size_t>(end - data);
      });
      octets.remove_prefix(used);
      if (octets.empty()) return;
    }
    feed_one(octets.front(), out);
    octets.remove_prefix(1);
  }
}

void Base64Decoder::feed_one(char c, std::string& out) {
  const std::uint32_t bits = kBase64.at[3][static_cast<unsigned char>(c)];
  if (c == '=') return end_quantum(out);
  if ((bits & kBad) != 0) {
    if (c != '\r' && c != '\n' && !is_wsp(c)) damaged_ = true;
    return;
  }
  bits_ = bits_ << 6 | bits;
  if (++count_ < 4) return;
  out += static_cast<char>(bits_ >> 16);
  out += static_cast<char>(bits_ >> 8);
  out += static_cast<char>(bits_);
  bits_ = 0;
  count_ = 0;
}

void Base64Decoder::end_quantum(std::string& out) {
  if (count_ == 1) damaged_ = true;
  if (count_ >= 2) out += static_cast<char>(bits_ >> (count_ == 2 ? 4 : 10));
  if (count_ == 3) out += static_cast<char>(bits_ >> 2);
  bits_ = 0;
  count_ = 0;
}

void Base64Decoder::finish(std::string& out) { end_quantum(out); }

namespace {

/// What a "=" at the front of `text` begins.
struct Escape {
  enum class Kind : std::uint8_t { octet, soft_break, nothing, unknown_yet } kind;
  std::size_t size = 1;
  char octet = 0;
};

Escape read_escape(std::string_view text) {
  if (text.size() < 2) return {Escape::Kind::unknown_yet};
  if (hex(text[1]) >= 0) {
    if (text.size() < 3) return {Escape::Kind::unknown_yet};
    if (hex(text[2]) < 0) return {Escape::Kind::nothing};
    return {Escape::Kind::octet, 3, static_cast<char>(hex(text[1]) * 16 + hex(text[2]))};
  }
  std::size_t at = 1;
  while (at < text.size() && is_wsp(text[at]) && at <= QuotedPrintableDecoder::kSoftBlanksMax) ++at;
  if (at == text.size()) return {Escape::Kind::unknown_yet};
  if (text[at] == '\n') return {Escape::Kind::soft_break, at + 1};
  if (text[at] != '\r') return {Escape::Kind::nothing};
  if (at + 1 == text.size()) return {Escape::Kind::unknown_yet};
  if (text[at + 1] == '\n') return {Escape::Kind::soft_break, at + 2};
  return {Escape::Kind::nothing};
}

}  // namespace

void QuotedPrintableDecoder::feed(std::string_view octets, std::string& out) {
  while (!pending_.empty() && !octets.empty()) {
    pending_ += octets.front();
    octets.remove_prefix(1);
    if (read_escape(pending_).kind == Escape::Kind::unknown_yet) continue;
    const std::string understood = std::move(pending_);
    pending_.clear();
    decode(understood, out);
  }
  decode(octets, out);
}

void QuotedPrintableDecoder::decode(std::string_view octets, std::string& out) {
  if (octets.empty()) return;
  std::size_t floor = out.size();  // literal blanks stand behind it, decoded ones before
  out += held_;
  held_.clear();
  while (!octets.empty()) {
    const std::size_t run = find_either(octets, '=', '\n');
    out += octets.substr(0, run);
    octets.remove_prefix(run);
    if (octets.empty()) break;
    if (octets.front() == '\n') {
      octets.remove_prefix(1);
      const bool cr = out.size() > floor && out.back() == '\r';
      if (cr) out.pop_back();
      while (out.size() > floor && is_wsp(out.back())) out.pop_back();  // RFC 2045 §6.7 rule 3
      out += cr ? "\r\n" : "\n";
      floor = out.size();
      continue;
    }
    const Escape escape = read_escape(octets);
    if (escape.kind == Escape::Kind::unknown_yet) {
      pending_ = octets;
      floor = out.size();
      break;
    }
    if (escape.kind == Escape::Kind::octet) out += escape.octet;
    if (escape.kind == Escape::Kind::nothing) {
      out += '=';
      damaged_ = true;
    }
    octets.remove_prefix(escape.size);
    floor = out.size();
  }
  std::size_t keep = out.size();
  while (keep > floor && (is_wsp(out[keep - 1]) || out[keep - 1] == '\r')) --keep;
  held_ = out.substr(keep);
  out.resize(keep);
}

void QuotedPrintableDecoder::finish(std::string& out) {
  // The end of the data ends the last line too: its blanks go, and so does a "=" that would have broken it.
  while (!held_.empty() && is_wsp(held_.back())) held_.pop_back();
  out += held_;
  held_.clear();
  if (pending_.size() > 1 && !is_wsp(pending_[1]) && pending_[1] != '\r') {
    out += pending_;
    damaged_ = true;
  }
  pending_.clear();
}

void TransferDecoder::feed(std::string_view octets, std::string& out) {
  switch (encoding_) {
    case Encoding::base64: return base64_.feed(octets, out);
    case Encoding::quoted_printable: return quoted_printable_.feed(octets, out);
    case Encoding::uuencode: return uu_.feed(octets, out);
    default: out += octets;
  }
}

void TransferDecoder::finish(std::string& out) {
  switch (encoding_) {
    case Encoding::base64: return base64_.finish(out);
    case Encoding::quoted_printable: return quoted_printable_.finish(out);
    case Encoding::uuencode: return uu_.finish(out);
    default: return;
  }
}

bool TransferDecoder::damaged() const {
  switch (encoding_) {
    case Encoding::base64: return base64_.damaged();
    case Encoding::quoted_printable: return quoted_printable_.damaged();
    case Encoding::uuencode: return uu_.damaged();
    default: return false;
  }
}

std::string decode_transfer(Encoding encoding, std::string_view octets) {
  TransferDecoder decoder(encoding);
  std::string out;
  decoder.feed(octets, out);
  decoder.finish(out);
  return out;
}

std::uint64_t decoded_size(Encoding encoding, std::string_view octets) {
  if (is_identity(encoding) || encoding == Encoding::unknown) return octets.size();
  constexpr std::size_t kStep = std::size_t{16} * 1024;
  TransferDecoder decoder(encoding);
  std::string out;
  std::uint64_t size = 0;
  while (!octets.empty()) {
    out.clear();
    decoder.feed(octets.substr(0, kStep), out);
    octets.remove_prefix(std::min(octets.size(), kStep));
    size += out.size();
  }
  out.clear();
  decoder.finish(out);
  return size + out.size();
}

}  // namespace angarium::message
