#include "message/dots.h"

#include <algorithm>

#include "message/octet_block.h"

namespace angarium::message {

namespace {

enum class Stop { never, at_line_dot };

}  // namespace

/// The scanning loop, once for each target.
struct LineScan {
  template <Stop kStop>
  ANGARIUM_INLINE static const char* run(LineScanner& lines, const char* p, const char* end) {
    std::uint64_t after_cr = lines.after_cr_ ? 1 : 0;
    std::uint64_t line_start = lines.at_line_start_ ? 1 : 0;
    while (p != end) {
      std::size_t size = std::min<std::size_t>(static_cast<std::size_t>(end - p), OctetBlock::kSize);
      const OctetBlock block = size == OctetBlock::kSize ? OctetBlock::load(p) : OctetBlock::load_partial(p, size);
      std::uint64_t valid = below(size);
      const std::uint64_t all_cr = block.equal('\r') & valid;
      const std::uint64_t all_lf = block.equal('\n') & valid;
      const std::uint64_t all_crlf = all_lf & (all_cr << 1 | after_cr);
      bool stopped = false;
      if constexpr (kStop == Stop::at_line_dot) {
        const std::uint64_t dots = block.equal('.') & (all_crlf << 1 | line_start) & valid;
        if (dots != 0) {
          size = static_cast<std::size_t>(std::countr_zero(dots));
          valid = below(size);
          stopped = true;
        }
      }
      count(lines, all_cr & valid, all_lf & valid, all_crlf & valid, size);
      if (const std::uint64_t nul = block.equal('\0') & valid; nul != 0) lines.nul_ += std::popcount(nul);
      if (const std::uint64_t high = block.high() & valid; high != 0) lines.high_ += std::popcount(high);
      if (size != 0) {
        after_cr = all_cr >> (size - 1) & 1;
        line_start = all_crlf >> (size - 1) & 1;
      }
      p += size;
      if (stopped) break;
    }
    lines.after_cr_ = after_cr != 0;
    lines.at_line_start_ = line_start != 0;
    return p;
  }

  ANGARIUM_INLINE static void count(LineScanner& lines, std::uint64_t cr, std::uint64_t lf, std::uint64_t crlf,
                                    std::size_t size) {
    const std::uint64_t base = lines.octets_;
    lines.octets_ += size;
    lines.cr_ += static_cast<std::uint64_t>(std::popcount(cr));
    if (lf == 0) return;
    lines.lf_ += static_cast<std::uint64_t>(std::popcount(lf));
    lines.crlf_ += static_cast<std::uint64_t>(std::popcount(crlf));
    // Lines are looked at one by one only when one of them can be the longest so far.
    if (lines.octets_ - lines.line_start_ > lines.longest_) {
      std::uint64_t start = lines.line_start_;
      for (std::uint64_t rest = lf; rest != 0; rest &= rest - 1) {
        const auto at = static_cast<std::size_t>(std::countr_zero(rest));
        lines.longest_ = std::max(lines.longest_, base + at - start - (crlf >> at & 1));
        start = base + at + 1;
      }
    }
    lines.line_start_ = base + 64 - static_cast<std::size_t>(std::countl_zero(lf));
  }

  /// Only the first dot at a line start is wanted; nothing is counted.
  ANGARIUM_INLINE static const char* find_dot(const char* p, const char* end, bool& after_cr_flag,
                                              bool& line_start_flag) {
    std::uint64_t after_cr = after_cr_flag ? 1 : 0;
    std::uint64_t line_start = line_start_flag ? 1 : 0;
    while (p != end) {
      const std::size_t size = std::min<std::size_t>(static_cast<std::size_t>(end - p), OctetBlock::kSize);
      const OctetBlock block = size == OctetBlock::kSize ? OctetBlock::load(p) : OctetBlock::load_partial(p, size);
      const std::uint64_t valid = below(size);
      const std::uint64_t cr = block.equal('\r') & valid;
      const std::uint64_t crlf = block.equal('\n') & valid & (cr << 1 | after_cr);
      if (const std::uint64_t dots = block.equal('.') & (crlf << 1 | line_start) & valid; dots != 0) {
        after_cr_flag = false;
        line_start_flag = true;
        return p + std::countr_zero(dots);
      }
      after_cr = cr >> (size - 1) & 1;
      line_start = crlf >> (size - 1) & 1;
      p += size;
    }
    after_cr_flag = after_cr != 0;
    line_start_flag = line_start != 0;
    return end;
  }
};

namespace {

using Scan = const char* (*)(LineScanner&, const char*, const char*);
using FindDot = const char* (*)(const char*, const char*, bool&, bool&);

struct Bodies {
  Scan all;
  Scan to_dot;
  FindDot find_dot;
};

const char* all_portable(LineScanner& lines, const char* p, const char* end) {
  return LineScan::run<Stop::never>(lines, p, end);
}
const char* to_dot_portable(LineScanner& lines, const char* p, const char* end) {
  return LineScan::run<Stop::at_line_dot>(lines, p, end);
}
const char* find_dot_portable(const char* p, const char* end, bool& after_cr, bool& line_start) {
  return LineScan::find_dot(p, end, after_cr, line_start);
}

#if defined(__x86_64__)
ANGARIUM_WIDE const char* all_wide(LineScanner& lines, const char* p, const char* end) {
  return LineScan::run<Stop::never>(lines, p, end);
}
ANGARIUM_WIDE const char* to_dot_wide(LineScanner& lines, const char* p, const char* end) {
  return LineScan::run<Stop::at_line_dot>(lines, p, end);
}
ANGARIUM_WIDE const char* find_dot_wide(const char* p, const char* end, bool& after_cr, bool& line_start) {
  return LineScan::find_dot(p, end, after_cr, line_start);
}
#endif

const Bodies& bodies() {
#if defined(__x86_64__)
  static const Bodies chosen = has_avx2() ? Bodies{all_wide, to_dot_wide, find_dot_wide}
                                          : Bodies{all_portable, to_dot_portable, find_dot_portable};
#else
  static const Bodies chosen{all_portable, to_dot_portable, find_dot_portable};
#endif
  return chosen;
}

}  // namespace

void LineScanner::feed(std::string_view octets) { bodies().all(*this, octets.data(), octets.data() + octets.size()); }

const char* LineScanner::scan_to_dot(const char* p, const char* end) { return bodies().to_dot(*this, p, end); }

std::uint64_t LineScanner::longest_line() const {
  return std::max(longest_, octets_ - line_start_ - (after_cr_ ? 1 : 0));
}

std::string_view DotReader::take(std::string_view& input) {
  if (input.empty() || state_ == State::ended) return {};
  if (state_ != State::text) return take_after_dot(input);
  const char* stop = seen_.scan_to_dot(input.data(), input.data() + input.size());
  const std::string_view run(input.data(), static_cast<std::size_t>(stop - input.data()));
  input.remove_prefix(run.size());
  if (!input.empty()) {
    input.remove_prefix(1);  // a dot that begins a line
    state_ = State::dot;
  }
  return run;
}

std::string_view DotReader::take_after_dot(std::string_view& input) {
  const char next = input.front();
  if (state_ == State::dot && next == '\r') {
    input.remove_prefix(1);
    state_ = State::dot_cr;
    return {};
  }
  if (state_ == State::dot_cr && next == '\n') {
    input.remove_prefix(1);
    state_ = State::ended;
    return {};
  }
  // RFC 5321 §4.5.2: other octets follow, so the dot alone goes; what comes next does not begin a line any more.
  seen_.at_line_start_ = false;
  const bool held_cr = state_ == State::dot_cr;
  state_ = State::text;
  if (!held_cr) return {};
  seen_.feed("\r");
  return "\r";
}

std::string_view DotWriter::take(std::string_view& message) {
  if (message.empty()) return {};
  const char* begin = message.data();
  const char* end = begin + message.size();
  if (stuffed_) {
    stuffed_ = false;
    at_line_start_ = false;
    ++begin;  // the dot itself belongs to the run
  }
  const char* stop = bodies().find_dot(begin, end, after_cr_, at_line_start_);
  const std::string_view run(message.data(), static_cast<std::size_t>(stop - message.data()));
  message.remove_prefix(run.size());
  if (!run.empty()) return run;
  stuffed_ = true;
  return ".";
}

std::string_view LineEndNormalizer::take(std::string_view& input) {
  if (input.empty()) return {};
  if (after_cr_) {
    after_cr_ = false;
    if (input.front() == '\n') input.remove_prefix(1);
    return "\r\n";
  }
  // Runs end where a line end is wrong, or before a CR whose LF may not have arrived.
  const char* const begin = input.data();
  const char* const end = begin + input.size();
  const char* p = begin;
  while (p != end) {
    const auto* lf = static_cast<const char*>(std::memchr(p, '\n', static_cast<std::size_t>(end - p)));
    const char* line_end = lf == nullptr ? end : lf;
    const auto* cr = static_cast<const char*>(std::memchr(p, '\r', static_cast<std::size_t>(line_end - p)));
    if (cr != nullptr && cr + 1 == lf) {
      p = lf + 1;
      continue;
    }
    p = cr != nullptr ? cr : line_end;
    break;
  }
  const std::string_view run(begin, static_cast<std::size_t>(p - begin));
  input.remove_prefix(run.size());
  if (!run.empty()) return run;
  after_cr_ = input.front() == '\r';
  input.remove_prefix(1);
  return after_cr_ ? std::string_view() : "\r\n";
}

std::string_view LineEndNormalizer::finish() {
  if (!after_cr_) return {};
  after_cr_ = false;
  return "\r\n";
}

}  // namespace angarium::message
