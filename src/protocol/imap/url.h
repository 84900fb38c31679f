// IMAP URLs that name a message or a part of one (RFC 5092), with URLAUTH (RFC 4467, RFC 5092 §6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "protocol/imap/types.h"

namespace angarium::protocol::imap {

/// Who may use an authorised URL (RFC 5092 §6.1.1).
struct UrlAccess {
  enum class Who : std::uint8_t { submitter, user, any_user, anybody };
  Who who = Who::user;
  std::string user;  ///< with submitter and user
};

/// A URL taken apart; names are UTF-8, in the form that mailboxes have them.
struct ImapUrl {
  /// Where it stands: with a server, below the root, below the mailbox of the base, or in it.
  enum class Base : std::uint8_t { server, root, superior, mailbox };
  Base base = Base::server;
  std::string user;  ///< before "@"; only with a server
  std::string host;
  std::string mailbox;             ///< as written after decoding; empty with Base::mailbox
  std::uint32_t uid_validity = 0;  ///< 0: not named
  std::uint32_t uid = 0;
  Section section;
  std::optional<Partial> partial;  ///< count: UINT64_MAX where only the offset was named

  std::optional<WallTime> expires;
  std::optional<UrlAccess> access;
  /// Of an authorised URL: what was signed, by which mechanism (upper case), and the token.
  std::string rump;
  std::string mechanism;
  std::string token;
};

/// kBadUrl: none that names a message. Octets above 127 are to be percent-encoded (RFC 3986).
Result<ImapUrl> parse_url(std::string_view text);

/// The whole name of the mailbox; `selected`: the base's, empty when none is selected. kBadUrl.
Result<std::string> url_mailbox(const ImapUrl& url, std::string_view selected);

}  // namespace angarium::protocol::imap
