// Mailbox names (RFC 9051 §5.1): UTF-8 in normal form C, levels separated by '/', INBOX in any case.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "mailbox/types.h"

namespace angarium::mailbox {

inline constexpr char kSeparator = '/';
inline constexpr std::string_view kInbox = "INBOX";

/// The name as it is kept and compared: normal form C, "INBOX" in upper case as the first level, one separator at the
/// end taken away (RFC 9051 §6.3.4: it only announces inferior names). kBadName with a reason when it is empty, has an
/// empty level, begins with '#' (a namespace, RFC 9051 §5.1.2.1), has control characters or U+2028, U+2029
/// (RFC 9051 §5.1, RFC 5198 §2), is not UTF-8, or passes a limit of limits.h.
Result<std::string> canonical_name(std::string_view name);

/// "a/b" of "a/b/c"; empty for a name of one level.
std::string_view parent_of(std::string_view name);
/// "c" of "a/b/c".
std::string_view leaf_of(std::string_view name);
/// Whether `name` lies anywhere below `ancestor`.
bool is_inferior(std::string_view name, std::string_view ancestor);

}  // namespace angarium::mailbox
