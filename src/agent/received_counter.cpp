#include "agent/received_counter.h"

#include "base/text.h"

namespace angarium::agent {
namespace {

constexpr std::string_view kName = "received";
constexpr std::size_t kOther = SIZE_MAX;
constexpr std::size_t kCounted = SIZE_MAX - 1;

}  // namespace

void ReceivedCounter::feed(std::string_view octets) {
  for (std::size_t i = 0; in_header_ && i < octets.size();) {
    // Inside a line that was judged only its end matters.
    if (matched_ == kOther || matched_ == kCounted) {
      const std::size_t end = octets.find('\n', i);
      if (end == std::string_view::npos) return;
      i = end + 1;
      matched_ = 0;
      line_octets_ = 0;
      continue;
    }
    const char c = octets[i++];
    if (c == '\n') {
      if (line_octets_ == 0) in_header_ = false;
      matched_ = 0;
      line_octets_ = 0;
      continue;
    }
    if (c == '\r') continue;
    ++line_octets_;
    if (matched_ < kName.size()) {
      matched_ = to_lower(c) == kName[matched_] ? matched_ + 1 : kOther;
    } else if (c == ':') {
      ++count_;
      matched_ = kCounted;
    } else if (!is_wsp(c)) {  // RFC 5322 §4.5: blanks may stand before the colon
      matched_ = kOther;
    }
  }
}

}  // namespace angarium::agent
