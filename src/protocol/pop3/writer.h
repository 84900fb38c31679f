// Writing response lines and commands, without I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/pop3/types.h"

namespace angarium::protocol::pop3 {

/// Appends "+OK text".
void write_ok(std::string& out, std::string_view text);
/// Appends "-ERR [CODE] text". Controls in the text are escaped and the line is kept within kResponseLineMax.
void write_error(std::string& out, Code code, std::string_view text);
/// Appends "+ base64" of a challenge (RFC 5034 §4).
void write_challenge(std::string& out, std::string_view octets);
void append_number(std::string& out, std::uint64_t number);

/// What a client is told of an error: one's own fault in the error's words, ours and others' in few and plain ones.
struct Refusal {
  Code code;
  std::string text;
};
Refusal refusal_for(const Error& error);

}  // namespace angarium::protocol::pop3
