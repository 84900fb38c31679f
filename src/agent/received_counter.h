// Counts a message's Received fields as it streams by: a message that has been through too many hops runs in a circle
// (RFC 5321 §6.3).
#pragma once

#include <cstddef>
#include <string_view>

namespace angarium::agent {

/// RFC 5321 §6.3 asks for at least 100.
inline constexpr std::size_t kReceivedMax = 100;

/// Fed with consecutive pieces of a message; looks at its header only and allocates nothing.
class ReceivedCounter {
 public:
  void feed(std::string_view octets);
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::size_t count_ = 0;
  std::size_t matched_ = 0;      // octets of "received" at the start of this line; kOther: another field
  std::size_t line_octets_ = 0;  // of this line, without CR and LF
  bool in_header_ = true;
};

}  // namespace angarium::agent
