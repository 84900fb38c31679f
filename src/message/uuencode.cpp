#include "message/uuencode.h"

#include <algorithm>

#include "base/text.h"
#include "message/coding.h"

namespace angarium::message {

namespace {

/// "M" and 60 octets are usual; encoders of other widths stay below 63 × 4 ÷ 3 and a checksum.
constexpr std::size_t kUuLineMax = 128;

/// Space and backquote are 0.
unsigned value(char c) { return (static_cast<unsigned>(static_cast<unsigned char>(c)) - 32) & 63; }

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_end(std::string_view line) { return line.starts_with("end") && trim(line.substr(3)).empty(); }

}  // namespace

std::string_view uu_begin_name(std::string_view line) {
  if (!line.starts_with("begin ")) return {};
  line.remove_prefix(6);
  std::size_t digits = 0;
  while (digits < line.size() && line[digits] >= '0' && line[digits] <= '7') ++digits;
  if (digits < 3 || digits > 4 || digits >= line.size() || line[digits] != ' ') return {};
  return trim(line.substr(digits + 1));
}

bool is_uu_data(std::string_view line) {
  if (line.empty() || line.size() > kUuLineMax) return false;
  if (!std::all_of(line.begin(), line.end(), [](char c) { return c >= 32 && c <= 96; })) return false;
  const std::size_t octets = value(line.front());
  const std::size_t needed = 1 + (octets + 2) / 3 * 4;
  return line.size() <= needed + 4;
}

void decode_uu_line(std::string_view line, std::string& out) {
  if (line.empty()) return;
  std::size_t left = value(line.front());
  const auto at = [line](std::size_t i) { return i < line.size() ? value(line[i]) : 0U; };
  for (std::size_t i = 1; left > 0; i += 4) {
    const unsigned bits = at(i) << 18 | at(i + 1) << 12 | at(i + 2) << 6 | at(i + 3);
    const std::array<char, 3> octets = {static_cast<char>(bits >> 16), static_cast<char>(bits >> 8),
                                        static_cast<char>(bits)};
    const std::size_t take = std::min<std::size_t>(left, 3);
    out.append(octets.data(), take);
    left -= take;
  }
}

void UuDecoder::feed(std::string_view octets, std::string& out) {
  while (!octets.empty()) {
    const std::size_t lf = octets.find('\n');
    const std::string_view piece = octets.substr(0, lf == std::string_view::npos ? lf : lf + 1);
    octets.remove_prefix(piece.size());
    if (lf == std::string_view::npos || !line_.empty()) {
      // A line longer than any of ours is known by its first octets; the rest is not kept. One "begin" line has a name.
      constexpr std::size_t kKept = 1024;
      line_ += piece.substr(0, kKept - std::min(kKept, line_.size()));
      if (lf == std::string_view::npos) return;
      line(without_line_end(line_), out);
      line_.clear();
    } else {
      line(without_line_end(piece), out);
    }
  }
}

void UuDecoder::line(std::string_view text, std::string& out) {
  if (state_ == State::before) {
    const std::string_view name = uu_begin_name(text);
    if (name.data() == nullptr) return;
    name_ = name;
    state_ = State::inside;
  } else if (state_ == State::inside) {
    if (is_end(text))
      state_ = State::after;
    else if (is_uu_data(text))
      decode_uu_line(text, out);
    else if (!text.empty())
      damaged_ = true;
  }
}

void UuDecoder::finish(std::string& out) {
  if (!line_.empty()) line(without_line_end(line_), out);
  line_.clear();
}

std::vector<UuBlock> find_uuencoded(std::string_view text) {
  std::vector<UuBlock> blocks;
  std::size_t at = 0;
  const auto next_line = [&]() {
    const std::size_t lf = text.find('\n', at);
    const std::size_t end = lf == std::string_view::npos ? text.size() : lf + 1;
    const std::string_view line = text.substr(at, end - at);
    at = end;
    return without_line_end(line);
  };
  while (at < text.size() && blocks.size() < kUuBlocksMax) {
    const std::size_t begin = at;
    const std::string_view name = uu_begin_name(next_line());
    if (name.data() == nullptr) continue;
    // A line of data cannot be a "begin" line (small letters are outside its alphabet), so nothing is looked at twice.
    while (at < text.size()) {
      const std::size_t line_at = at;
      const std::string_view line = next_line();
      if (is_end(line)) {
        blocks.push_back({begin, at, std::string(name)});
        break;
      }
      if (!line.empty() && !is_uu_data(line)) {
        at = line_at;
        break;
      }
    }
  }
  return blocks;
}

}  // namespace angarium::message
