// What lies in the folder of the server's keys (server_keys.h).
#pragma once

#include <string_view>

namespace angarium::keyring {

/// The file itself.
inline constexpr std::string_view kKeysFile = "server.keys";

/// The file, what becomes of it, and copies that somebody has made there.
constexpr bool is_name_of_keys(std::string_view name) { return name.starts_with(kKeysFile); }

}  // namespace angarium::keyring
