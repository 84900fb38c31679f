// What the command line asks of boxes at other hosts.
#pragma once

#include <string>

#include "agent/services.h"
#include "control/request.h"
#include "fetch/boxes.h"

namespace angarium::agent {

/// Carries out one of these and gives its JSON text. Passwords are taken, and never given. fetch::kUnknown, kExists,
/// kInvalid, account::kUnknown, kUsageError.
///
///     fetch.add address url [name] [user] password [folder…] [into] [every] [idle] [remove_after] [any_certificate]
///         url: imaps://HOST[:PORT], imap:// (with STARTTLS), pop3s://, pop3://, imap+plain://, pop3+plain://;
///         every: "15m"; remove_after: days
///     fetch.list [address]
///     fetch.show|remove|run|pause address name
///     fetch.resume address name [key]
///         key: sha256:…, the one that was refused, which is the server's from now on
io::Task<Result<std::string>> fetch_verb(Services& services, fetch::Boxes& boxes, control::Request request);

}  // namespace angarium::agent
