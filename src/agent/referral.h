// Accounts whose mail is read at another server (RFC 2221).
#pragma once

#include <string>
#include <string_view>

#include "account/types.h"
#include "base/result.h"

namespace angarium::agent {

/// What an operator writes, "imap://HOST", as account::Account::moved_to has it; an empty text stays empty.
/// account::kInvalid.
Result<std::string> imap_server_url(std::string_view text);

/// What its user is told: the server's URL with his name in it.
std::string referral(const account::Account& account);

}  // namespace angarium::agent
