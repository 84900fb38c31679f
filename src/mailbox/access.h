// Who may do what with a mailbox (RFC 4314): the access control list as it is kept beside the mailbox's record.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace angarium::mailbox {

/// Rights as bits, in the order of kRightLetters (RFC 4314 §2.1).
using Rights = std::uint16_t;
inline constexpr std::string_view kRightLetters = "lrswipkxtea";
inline constexpr Rights kLookup = 1;
inline constexpr Rights kRead = 2;
inline constexpr Rights kKeepSeen = 4;
inline constexpr Rights kWrite = 8;
inline constexpr Rights kInsert = 16;
inline constexpr Rights kPost = 32;
inline constexpr Rights kCreate = 64;
inline constexpr Rights kDeleteMailbox = 128;
inline constexpr Rights kDeleteMessages = 256;
inline constexpr Rights kExpunge = 512;
inline constexpr Rights kAdminister = 1024;
inline constexpr Rights kAllRights = 2047;

/// One line of a list. What an identifier means is for those who use the list: to this room it is a name.
struct AccessEntry {
  enum class Sense : std::uint8_t { grant, deny };  ///< deny: negative rights, "-identifier"
  std::string identifier;
  Sense sense = Sense::grant;
  Rights rights = 0;
  friend bool operator==(const AccessEntry&, const AccessEntry&) = default;
};
/// By identifier and sense, each once, none without rights.
using AccessList = std::vector<AccessEntry>;
using AccessListPtr = std::shared_ptr<const AccessList>;  ///< null: nobody but the owner

/// What is done with the rights an identifier has.
enum class AccessChange : std::uint8_t { replace, add, remove };
/// The list with that change.
AccessList changed(AccessList list, const AccessEntry& entry, AccessChange change);

/// What is granted to any of the identifiers and denied to none of them (RFC 4314 §2).
Rights rights_of(const AccessList& list, const std::vector<std::string>& identifiers);

}  // namespace angarium::mailbox
