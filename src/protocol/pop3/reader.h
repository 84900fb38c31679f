// The grammar of command lines and responses (RFC 2449 §3), without I/O. Both ends use it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/pop3/types.h"

namespace angarium::protocol::pop3 {

/// A message's number as the client counts, from 1.
using Number = std::uint32_t;

/// The parameters of a command, read one after the other. Views into the line.
class Parameters {
 public:
  /// What follows the keyword, with its leading space if there is one.
  explicit Parameters(std::string_view rest) : rest_(rest) {}

  [[nodiscard]] bool present() const { return !rest_.empty(); }
  /// SP param: not empty, no space within.
  Result<std::string_view> require();
  /// SP and all the rest of the line, spaces included: a password (RFC 1939 §7, PASS).
  Result<std::string_view> require_rest();
  /// SP msg: a decimal number from 1.
  Result<Number> require_number();
  /// SP n: a decimal number from 0.
  Result<std::uint64_t> require_count();
  /// Nothing more. Spaces at the end are let through: clients send them.
  Result<> end() const;

 private:
  std::string_view rest_;
};

struct Command {
  std::string_view keyword;  ///< 3 or 4 letters or digits, as sent
  Parameters parameters;
};
/// `line` without its line end. kBadCommand for what no command may hold: controls, ill-formed UTF-8, a bad keyword.
Result<Command> parse_command(std::string_view line);

/// The first line of a response.
struct Status {
  enum class Kind : std::uint8_t { ok, error, challenge } kind = Kind::ok;
  Code code = Code::none;
  std::string_view text;  ///< without the code; of a challenge the base64. A view into the line
};
/// kBadReply for anything else.
Result<Status> parse_status(std::string_view line);

/// "n rest" of a listing.
struct ListingLine {
  Number number;
  std::string_view rest;
};
Result<ListingLine> parse_listing(std::string_view line);
Result<std::uint64_t> parse_size(std::string_view text);
/// 1 to 70 octets of 0x21 to 0x7E.
Result<std::string_view> parse_unique_id(std::string_view text);
/// The greeting's "<…@…>" for APOP; empty when there is none.
std::string_view find_timestamp(std::string_view greeting);

/// What CAPA announced; keywords in upper case.
struct Capability {
  std::string keyword;
  std::vector<std::string> parameters;
};
Result<Capability> parse_capability(std::string_view line);

}  // namespace angarium::protocol::pop3
