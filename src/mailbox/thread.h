// Which emails belong together: they share a message-id and the subject without its reply marks (RFC 8621 §3, RFC 5256
// §2.1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace angarium::mailbox {

/// message::base_subject() of a decoded subject in lower case: part of what is hashed, so it never changes.
std::string base_subject(std::string_view subject);

/// The message-ids in the header of a message ("<" to ">", without blanks), each hashed together with its base subject:
/// the Message-ID first, then In-Reply-To and References, the latest kReferencesMax of them; no key twice. Two emails
/// of one account that share a key are of one thread. Empty when there is no message-id at all.
struct ThreadFacts {
  std::vector<std::uint64_t> keys;
  std::string message_id;  ///< its own, with its brackets
};
ThreadFacts thread_facts(std::string_view header);
inline std::vector<std::uint64_t> thread_keys(std::string_view header) { return thread_facts(header).keys; }

}  // namespace angarium::mailbox
