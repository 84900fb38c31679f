// SEARCH in what a message says (RFC 9051 §6.4.4): headers with their encoded words decoded, bodies without transfer
// coding and in UTF-8, compared without regard to case.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mailbox/email.h"
#include "message/structure.h"
#include "protocol/imap/backend.h"

namespace angarium::agent {

/// Octets of a message that are matched on the loop itself; larger ones go to the pool.
inline constexpr std::size_t kMatchHere = 64 * 1024;
/// So many octets are matched on the loop before others go first: some milliseconds.
inline constexpr std::size_t kMatchTurn = 256 * 1024;
/// Octets read at a time.
inline constexpr std::size_t kMatchPiece = 1024 * 1024;

/// How many octets of the message hold its header; all of it when that is not known.
std::uint64_t header_octets(const mailbox::EmailView& email);

/// One key, prepared once for many messages. Owns what it needs; const calls from any thread.
class TextMatcher {
 public:
  explicit TextMatcher(const protocol::imap::TextKey& key);

  /// Whether the key looks at more than the header.
  [[nodiscard]] bool needs_body() const;
  /// `octets` begin at the message's first octet and hold at least what the key looks at. `structure` only if it needs
  /// the body.
  [[nodiscard]] bool matches(std::string_view octets, const std::optional<message::Structure>& structure) const;

 private:
  [[nodiscard]] bool in_field(std::string_view octets, std::string_view name) const;
  [[nodiscard]] bool in_header(std::string_view header) const;
  [[nodiscard]] bool in_mime_headers(std::string_view octets, const message::Structure& structure) const;
  [[nodiscard]] bool in_body(std::string_view octets, const message::Structure& structure) const;
  [[nodiscard]] bool sent(std::string_view octets) const;
  [[nodiscard]] bool holds(std::string_view utf8) const;

  protocol::imap::SearchNode::Key key_;
  std::string name_;
  std::string folded_;
  protocol::imap::Day day_;
};

}  // namespace angarium::agent
