// Which octets of a message TOP sends (RFC 1939 §7), without I/O.
#pragma once

#include <cstdint>
#include <string_view>

namespace angarium::protocol::pop3 {

/// Passes the header, the empty line, and the first `lines` lines of the body. Linear; any cuts give the same.
class TopCutter {
 public:
  explicit TopCutter(std::uint64_t lines) : left_(lines) {}
  /// The front of `octets` that is to be sent; less than all only once the end was reached.
  std::string_view take(std::string_view octets);
  [[nodiscard]] bool ended() const { return !in_header_ && left_ == 0; }

 private:
  std::uint64_t left_;
  bool in_header_ = true;
  bool line_empty_ = true;  ///< nothing but CR so far in this line of the header
};

}  // namespace angarium::protocol::pop3
