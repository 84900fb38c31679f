// The header of a message in an mbox with another state, piece by piece, however long it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message/box_state.h"

namespace angarium::box {

/// Other fields of state than there are; what is not given stays as it stands.
struct StateAnew {
  std::optional<message::BoxFlags> flags = {};  ///< Status and X-Status
  /// All words that X-Keywords is to have. Whoever knows keywords deletes the whole field for one word that X-IMAPbase
  /// does not name (Dovecot), or drops such words (c-client): so none stays.
  std::optional<std::vector<std::string>> keywords = {};
  /// Words among those that stand there which stay, too.
  std::vector<std::string> further_keywords = {};
  /// What the file keeps for all its messages. It stands right behind the separator: Dovecot and c-client believe no
  /// X-UID before it, and number all messages anew.
  std::optional<message::MboxBase> base = {};
};

/// Takes a message from its separator line on. All fields but those that are given stay octet for octet; flags and
/// keywords stand at the header's end. Holds the beginning of a line and the words of keywords that are read.
class HeaderAnew {
 public:
  explicit HeaderAnew(StateAnew state) : state_(std::move(state)) {}

  /// Adds to `out` what stands instead of these octets: once the header is over, they themselves.
  void take(std::string_view octets, std::string& out);
  /// The message has ended, within its header perhaps.
  void finish(std::string& out);
  /// Whatever follows stays as it is.
  [[nodiscard]] bool is_over() const { return over_; }

 private:
  void begin_line(char c, std::string& out);
  void give(std::string_view octets, std::string& out);
  void write_fields(const message::BoxState& state, std::string& out) const;
  [[nodiscard]] message::BoxState fields_at_end() const;

  StateAnew state_;
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
