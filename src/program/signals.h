// The signals a server lives by, waited for by one thread.
#pragma once

namespace angarium::program {

enum class Signal { end, reload, child };

/// Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD in this thread and all that it starts afterwards: call first.
void block_signals();
/// Waits for the next of them. A child may be any: a command that mail goes to, the steward.
Signal next_signal();

}  // namespace angarium::program
