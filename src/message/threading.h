// What brings messages together: the base subject and the references of RFC 5256.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace angarium::message {

/// What is left of a decoded subject (RFC 5256 §2.1): without "Re:", "Fwd:", "[list]", "(fwd)" and "[fwd: …]", blanks
/// run together. In the case it was written in: compare by fold_case().
struct BaseSubject {
  std::string text;
  /// More than blanks and "[list]" was taken off: the message is a reply or was forwarded (RFC 5256 §3, REFERENCES).
  bool reply = false;
};
BaseSubject base_subject(std::string_view decoded);

/// A message-id longer than this is none: RFC 5322 §2.1.1 limits a line to 998.
inline constexpr std::size_t kThreadIdMax = 998;
/// References kept of a message: the first, which names the thread, and the latest. Longer chains come from loops or
/// abuse.
inline constexpr std::size_t kThreadReferencesMax = 100;

/// The valid message-ids of a field, without brackets, blanks, comments and quoting, so that one id is written one way
/// (RFC 5256 §3, REFERENCES). Case is kept; controls are left out.
std::vector<std::string> thread_ids(std::string_view value);

/// By what a message refers to its ancestors, the eldest first (RFC 5256 §3): the ids of References or, without a valid
/// one, the first valid one of In-Reply-To. Each followed by a line feed.
std::string thread_references(std::string_view header);

}  // namespace angarium::message
