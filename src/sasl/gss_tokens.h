// How long an exchange of Kerberos may go on.
#pragma once

#include <cstddef>

namespace angarium::sasl {

/// Tokens of one client. Kerberos needs one, with DCE's style two; each costs a turn of who judges tickets, so that
/// nobody goes on for ever.
inline constexpr std::size_t kGssTokensMax = 5;

}  // namespace angarium::sasl
