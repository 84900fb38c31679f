// Octets for people.
#pragma once

#include <cstdint>
#include <string>

namespace angarium {

/// "1023 B", "1.5 KiB", "15 KiB", "1023 MiB", "2.0 GiB": two digits at least, eight columns at most below 1,024 TiB.
std::string size_of(std::uint64_t octets);

}  // namespace angarium
