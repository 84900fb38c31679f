// CRC-32C (Castagnoli), the checksum of every record in the store (RFC 3720 appendix B.4 gives its test values).
#pragma once

#include <cstdint>
#include <string_view>

namespace angarium {

/// The CRC of `octets` appended to what already has CRC `before` (0 for nothing). Uses SSE 4.2 where the processor has
/// it.
std::uint32_t crc32c(std::string_view octets, std::uint32_t before = 0);

}  // namespace angarium
