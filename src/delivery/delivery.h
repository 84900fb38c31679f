// The door of this room: one letter to one target.
#pragma once

#include <string>

#include "base/random.h"
#include "base/time.h"
#include "delivery/call_off.h"
#include "delivery/files.h"
#include "delivery/letter.h"
#include "delivery/outcome.h"
#include "delivery/target.h"

namespace angarium::delivery {

/// What deliveries need of the host. The defaults are this process.
struct Surroundings {
  Files& files = local_files();
  const Clock& clock = system_clock();
  Random& random = system_random();
  std::string host;           ///< in the names of Maildir files and in lock files; empty: gethostname()
  std::uint64_t process = 0;  ///< 0: getpid()
  CallOff call_off;
  /// An mbox file has to be this process's user's own: for who has more rights than the user. Another's is left alone.
  bool own_only = false;
};

/// Delivers, and returns when it is done or cannot be: blocks for disks, locks (kLockWait) and commands (their
/// deadline). For pool threads and worker processes, never for a loop; any number of threads. Runs as the user this
/// process is; who that should be is the caller's matter, but for commands (PipeTarget::identity).
Outcome deliver(const Target& target, Letter letter, Surroundings surroundings = {});

}  // namespace angarium::delivery
