// Answers of the DNS as they stand on the wire: RFC 1035 §4.
#pragma once

#include <string_view>

#include "io/resolve.h"

namespace angarium::io {

/// Reads the records of `type` from an answer's octets, following the CNAME records in it from the question's name on.
/// NXDOMAIN, no data and other codes become outcomes; octets that are no message become `malformed`. The `ttl` of a
/// negative answer is that of its SOA record (RFC 2308 §5), 0 without one. Never fails, linear in the octets times
/// kAliasesMax.
Answer read_answer(std::string_view message, RecordType type);

}  // namespace angarium::io
