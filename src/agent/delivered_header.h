// What final delivery does to the header of a message that others sent (RFC 5321 §4.4): takes the Return-Path fields of
// earlier hops away, and keeps our trace fields apart from what does not begin with a header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace angarium::agent {

/// Fed with a message from its first octet on, in pieces of any size. Holds the beginning of a line at most.
class DeliveredHeader {
 public:
  /// Octets of a line that are held until it is known whether it is a field; a longer name is none.
  static constexpr std::size_t kHeldMax = 1000;

  /// The next piece to keep; takes what it has seen from `octets`. May be empty while octets are left: call until none
  /// are. The view is valid until the next call.
  std::string_view next(std::string_view& octets);
  /// What is still held when the message has ended.
  std::string_view finish();

 private:
  enum class Where : std::uint8_t { line_start, kept_line, dropped_line, body };
  enum class Verdict : std::uint8_t { undecided, keep, drop, body, no_header };
  [[nodiscard]] Verdict judge(std::string_view line) const;
  void settle(Verdict verdict);

  std::string held_;
  std::string given_;
  Where where_ = Where::line_start;
  bool first_ = true;     ///< nothing was kept yet
  bool dropped_ = false;  ///< the last field was dropped, its folds go too
};

}  // namespace angarium::agent
