// SORT: puts found messages in the order of RFC 5256 §3, RFC 5957 and RFC 6203 §6.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "protocol/imap/found.h"
#include "protocol/imap/searcher.h"

namespace angarium::protocol::imap {

/// A message in its place.
struct Sorted {
  std::uint32_t uid = 0;
  std::uint32_t sequence = 0;
  std::uint8_t score = kFullScore;
};

/// What the criteria need of the stored texts: of FetchBit.
std::uint32_t sort_texts(std::span<const SortCriterion> criteria);

/// Octets that compare as the messages are to be ordered: all criteria one after another. Messages with equal keys are
/// in mailbox order.
std::string sort_key(const Entry& entry, const MessageTexts& texts, std::span<const SortCriterion> criteria,
                     message::ImapForm form, message::Collation collation = message::Collation::unicode_casemap,
                     std::uint8_t score = kFullScore);

/// The messages found, in order. Works in slices; kLimit where their keys would pass kSortOctetsMax.
io::Task<Result<std::vector<Sorted>>> sort_found(Session& session, const SearchResult& found,
                                                 std::span<const SortCriterion> criteria);

}  // namespace angarium::protocol::imap
