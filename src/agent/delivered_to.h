// Which addresses have sent a message on already, as its Delivered-To fields say, so that mail that comes back to one
// of them is a loop.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace angarium::agent {

/// Fields that are kept; a message with more has more hops than kReceivedMax, too.
inline constexpr std::size_t kDeliveredToMax = 100;
/// Octets of a line that are looked at: the name, and an address with room for a long domain.
inline constexpr std::size_t kDeliveredToLineMax = 1000;

/// Fed with consecutive pieces of a message; looks at its header only.
class DeliveredTo {
 public:
  void feed(std::string_view octets);
  /// Values without blanks around them, in the order of the header.
  [[nodiscard]] const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  void end_line();

  std::vector<std::string> addresses_;
  std::string line_;  // while it may be one of ours
  bool in_header_ = true;
  bool skips_ = false;  // to the end of a line of another field
};

}  // namespace angarium::agent
