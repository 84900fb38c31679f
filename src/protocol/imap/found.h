// What SORT and THREAD share: the texts of found messages, keys to compare, and the memory that holds them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/limits.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap {

/// Octets kept until the end, in pieces that never move. kLimit beyond kSortOctetsMax.
class OctetKeeper {
 public:
  Result<std::string_view> keep(std::string_view octets);
  /// Counts what is kept elsewhere.
  Result<void> count(std::size_t octets);

 private:
  static constexpr std::size_t kPiece = std::size_t{256} * 1024;
  std::vector<std::unique_ptr<char[]>> pieces_;
  char* piece_ = nullptr;  ///< where the last one is free
  std::size_t room_ = 0;   ///< in it
  std::size_t size_ = 0;
};

/// Calls `visit` for each message of the set that is there, in mailbox order, with the wanted texts in UTF-8 (of
/// FetchBit); those of a message that is gone from the store or damaged are empty. The view must not change meanwhile.
using FoundVisitor = std::function<Result<void>(const Target&, const MessageTexts&)>;
io::Task<Result<void>> visit_found(Session& session, const NumberSet& uids, std::uint32_t wanted, FoundVisitor visit);

/// Octets that compare as the decoded text does by the collation; texts that could not be decoded come after all others
/// (RFC 5255 §4.6). Holds no NUL.
std::string collation_key(std::string_view decoded, message::Collation collation = message::Collation::unicode_casemap);

}  // namespace angarium::protocol::imap
