// SEARCH in what a message says (RFC 9051 §6.4.4): headers with their encoded words decoded, bodies without transfer
// coding and in UTF-8, compared without regard to case.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "io/pool.h"
#include "mailbox/email.h"
#include "message/search_text.h"
#include "message/structure.h"
#include "protocol/imap/backend.h"
#include "store/tablet.h"

namespace angarium::agent {

/// Octets of a message that are matched on the loop itself; larger ones go to the pool.
inline constexpr std::size_t kMatchHere = 64 * 1024;
/// So many octets are matched on the loop before others go first: some milliseconds.
inline constexpr std::size_t kMatchTurn = 256 * 1024;
/// Octets read at a time.
inline constexpr std::size_t kMatchPiece = 1024 * 1024;

/// How many octets of the message hold its header; all of it when that is not known.
std::uint64_t header_octets(const mailbox::EmailView& email);

/// The places in a message that a key looks in; none for keys by date.
message::TextPlaces places_of(const protocol::imap::TextKey& key);

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
  [[nodiscard]] bool sent(std::string_view octets) const;

  protocol::imap::SearchNode::Key key_;
  message::TextSearch search_;
  protocol::imap::Day day_;
};

/// What the index says of the key; null when it says nothing.
io::Task<Result<std::shared_ptr<const protocol::imap::Candidates>>> find_candidates(io::Pool& pool,
                                                                                    store::Tablet& tablet,
                                                                                    mailbox::AccountId account,
                                                                                    protocol::imap::TextKey key);

}  // namespace angarium::agent
