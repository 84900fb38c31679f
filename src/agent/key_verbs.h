// What operators say about the keys that an account keeps for mechanisms beyond PLAIN and SCRAM.
#pragma once

#include <string>

#include "agent/services.h"
#include "control/request.h"

namespace angarium::agent {

/// account.auth address [add…] [remove…], and [mechanisms]: the site's list, for saying what is still to be done. JSON,
/// a row for each mechanism that an account may keep keys for:
///
///     [{"mechanism": "cram-md5", "keys": "none" | "wanted" | "kept", "note": "what it means, and what comes next"}]
///
/// Blocks: for pools.
Result<std::string> account_keys(Services& services, const control::Request& request);

/// What account.password does: keys for the mechanisms SCRAM and PLAIN, and for those that the account asked for.
/// Blocks.
Result<account::Account> set_password(Services& services, const std::string& address, std::string password);

}  // namespace angarium::agent
