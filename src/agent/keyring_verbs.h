// `angarium keys`: by which keys mail lies encrypted, and new ones in their place.
#pragma once

#include <chrono>
#include <string>

#include "agent/services.h"
#include "base/time.h"
#include "control/request.h"
#include "control/server.h"
#include "io/task.h"

namespace angarium::agent {

/// A record of this name: how far a rotation of all accounts has come that is under way, or was cut short.
inline constexpr char kRotationOctet = 'r';
/// Who types it again goes on with one that was begun so long ago at most. Later it is rather another one that is
/// meant, of keys that have come into wrong hands since.
inline constexpr Duration kRotationGoesOn = std::chrono::hours(24);

/// Carries out keys.list and keys.rotate; JSON text.
///
/// keys.list: [{"version", "file": "current" | "old" | "missing", "keys", "note"}]: the versions of the server's key,
/// in its file or not, how many keys of accounts and of the queue each wraps, and what is to be done about it. Damaged
/// ones have no version. keys.rotate: {"version", "wrapped", "forgotten", "note"} (keyring::Rotated); with
/// `queue`: {"erased", "kept", "note"} (queue::OldKeys); with `address` or `accounts`: {"accounts", "sealed", "erased"}
/// (mailbox::KeyRotation), and a "note" where it has ended a rotation of `accounts` that was cut short.
io::Task<Result<std::string>> keyring_verb(Services& services, control::Request request, control::Tell tell);

}  // namespace angarium::agent
