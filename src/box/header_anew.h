// The header of a message in an mbox with other flags, piece by piece, however long it is.
#pragma once

#include <string>
#include <string_view>

#include "message/box_state.h"

namespace angarium::box {

/// Takes a message from its separator line on. All fields but those of flags stay octet for octet, keywords too; the
/// fields of flags stand at the header's end. Holds the beginning of a line and the words of keywords that are read.
class HeaderAnew {
 public:
  explicit HeaderAnew(message::BoxFlags flags) : flags_(flags) {}

  /// Adds to `out` what stands instead of these octets: once the header is over, they themselves.
  void take(std::string_view octets, std::string& out);
  /// The message has ended, within its header perhaps.
  void finish(std::string& out);
  /// Whatever follows stays as it is.
  [[nodiscard]] bool is_over() const { return over_; }

 private:
  void begin_line(char c, std::string& out);
  void give(std::string_view octets, std::string& out);
  void write_fields(std::string& out);

  message::BoxFlags flags_;
  std::string line_{};      ///< the beginning of a line, until it tells what it is
  std::string keywords_{};  ///< the values of their fields
  bool within_line_ = false;
  bool dropping_ = false;
  bool reading_ = false;  ///< a field of keywords
  bool crlf_ = false;     ///< the first line ended so
  bool first_line_ = true;
  char last_ = 0;
  bool over_ = false;
};

}  // namespace angarium::box
