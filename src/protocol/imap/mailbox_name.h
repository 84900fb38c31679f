// Mailbox names on the line: modified UTF-7 (RFC 3501 §5.1.3) or UTF-8 (RFC 9051 §5.1), and LIST's patterns.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace angarium::protocol::imap {

enum class NameForm;

/// Between the levels of a name, in every namespace of ours.
inline constexpr char kHierarchyDelimiter = '/';

/// Strict inverse of to_modified_utf7: nullopt for 8-bit octets, wrong base64, ASCII that must stand for itself,
/// lone surrogates and superfluous shifts, so that one name has one form.
std::optional<std::string> from_modified_utf7(std::string_view text);
/// From well-formed UTF-8.
std::string to_modified_utf7(std::string_view utf8);

/// INBOX has no case, neither alone nor as the first level.
void canonise_inbox(std::string& name);

/// From the line to UTF-8 in normal form C. INBOX, alone or as the first level, becomes upper case (RFC 9051 §5.1). One
/// delimiter at the end is dropped, as CREATE permits it (RFC 9051 §6.3.4). kCannot for empty names and levels,
/// controls, "*" and "%", wrong UTF-7 or UTF-8, and more than kMailboxNameMax octets.
Result<std::string> decode_mailbox_name(std::string_view written, NameForm form);
/// The same for LIST: empty and wildcards permitted; at most kListWildcardsMax of them.
Result<std::string> decode_mailbox_pattern(std::string_view written, NameForm form);

/// Whether `name` matches: "*" stands for anything, "%" for anything without the delimiter (RFC 9051 §6.3.9). In time
/// O(name × pattern) after the first wildcard.
bool matches_pattern(std::string_view pattern, std::string_view name);

}  // namespace angarium::protocol::imap
