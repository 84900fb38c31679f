#include "protocol/pop3/body.h"

#include <utility>

namespace angarium::protocol::pop3 {

std::string_view TopCutter::take(std::string_view octets) {
  std::size_t at = 0;
  while (at < octets.size() && !ended()) {
    const std::size_t end = octets.find('\n', at);
    const std::string_view piece = octets.substr(at, end == std::string_view::npos ? end : end - at);
    if (in_header_ && !piece.empty() && piece != "\r") line_empty_ = false;
    if (end == std::string_view::npos) return octets;
    at = end + 1;
    if (!in_header_) {
      --left_;
    } else if (std::exchange(line_empty_, true)) {
      in_header_ = false;
    }
  }
  return octets.substr(0, at);
}

}  // namespace angarium::protocol::pop3
