// Who may use an authorised URL, and what signs it (RFC 4467, RFC 5092 §6): the one place for GENURLAUTH, URLFETCH,
// CATENATE and BURL.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "io/task.h"
#include "protocol/imap/backend.h"
#include "protocol/imap/url.h"

namespace angarium::protocol::imap {

/// The only mechanism: the token is made by an algorithm of the server's choice (RFC 4467 §2.4.1).
inline constexpr std::string_view kUrlMechanism = "INTERNAL";

/// The token of mechanism INTERNAL for a rump URL: hexadecimal, its first octet names the algorithm.
Result<std::string> url_token(std::string_view key, std::string_view rump);

/// Who asks for what a URL names: a session of IMAP, or the submission server for who submits (RFC 4468 §3.3).
enum class UrlUse : std::uint8_t { session, submission };

/// The mail that the URL authorises `asking` to read, as its owner sees it. kBadUrl for all that is no such URL, that
/// is expired or not for `asking`: without a word of what there is, and after the same work (RFC 4467 §6).
io::Task<Result<std::shared_ptr<Account>>> authorised(Account& asking, const ImapUrl& url, UrlUse use, WallTime now);

}  // namespace angarium::protocol::imap
