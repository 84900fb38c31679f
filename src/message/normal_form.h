// Unicode's normal form C (UAX #15), in which names are kept and compared: Net-Unicode (RFC 5198 §2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace angarium::message {

/// Of well-formed UTF-8; at most three times as long. Nothing when ICU cannot.
std::optional<std::string> normal_form_c(std::string_view utf8);

}  // namespace angarium::message
