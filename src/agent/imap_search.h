// SEARCH in what a message says (RFC 9051 §6.4.4): headers with their encoded words decoded, bodies without transfer
// coding and in UTF-8, compared without regard to case.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/searching.h"
#include "keyring/keys.h"
#include "mailbox/email.h"
#include "message/fuzzy.h"
#include "message/search_text.h"
#include "message/structure.h"
#include "protocol/imap/backend.h"
#include "store/tablet.h"

namespace angarium::agent {

/// So many octets are matched before other searches go first: some milliseconds. A larger message is a turn of its own.
inline constexpr std::size_t kMatchTurn = std::size_t{1024} * 1024;

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
  /// 0 or 1; of a fuzzy key 0 to 100.
  [[nodiscard]] char matches(std::string_view octets, const std::optional<message::Structure>& structure) const;

 private:
  [[nodiscard]] bool sent(std::string_view octets) const;

  protocol::imap::SearchNode::Key key_;
  message::TextSearch search_;
  std::optional<message::FuzzySearch> fuzzy_;
  protocol::imap::Day day_;
};

/// Whose mail is searched, and by whom.
struct SearchedMail {
  Searching& searching;
  store::Tablet& tablet;
  keyring::Keys* keys = nullptr;  ///< by which sealed mail is opened
  mailbox::AccountId account = 0;
  std::string party;  ///< who waits for it: takes turns with the others
};

/// A message that cannot be read.
struct UnreadMessage {
  std::size_t place = 0;
  Error error;
};
struct MatchedTurn {
  std::vector<char> matches;  ///< of the first messages, at least one: as matches() says it
  std::vector<UnreadMessage> damaged;
};
/// One turn of a search that reads mail. What is gone or damaged matches nothing.
io::Task<Result<MatchedTurn>> match_turn(SearchedMail mail, std::shared_ptr<const TextMatcher> matcher,
                                         std::vector<mailbox::EmailId> emails);

/// What the index says of the key; null when it says nothing.
io::Task<Result<std::shared_ptr<const protocol::imap::Candidates>>> find_candidates(SearchedMail mail,
                                                                                    protocol::imap::TextKey key);

}  // namespace angarium::agent
