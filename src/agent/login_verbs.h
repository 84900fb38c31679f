// What operators do about the ways by which an account's owner logs in, beyond the password: keys for further
// mechanisms, app passwords, the second factor.
#pragma once

#include <string>

#include "agent/services.h"
#include "control/request.h"

namespace angarium::agent {

/// The answer, as JSON, to these verbs. Blocks: for pools.
///
///     account.auth                  key_verbs.h
///     account.app-password.add      address name [use…] [expires]: {"address", "name", "for", "expires", "password"},
///                                   the last one this once; without a use it is for all that there are
///     account.app-password.list     address: [{"name", "for", "created", "expires", "last_used", "last_for",
///                                   "last_from"}]
///     account.app-password.remove   address name
///     account.totp.enable           address: {"address", "totp", "secret", "url", "next"}
///     account.totp.confirm          address code: {"address", "totp", "recovery_codes"}, these this once
///     account.totp.disable|status   address: {"address", "totp", "since", "recovery_codes_left"}
Result<std::string> login_verb(Services& services, const control::Request& request);
/// Whether it is one of them.
bool is_login_verb(std::string_view verb);

}  // namespace angarium::agent
