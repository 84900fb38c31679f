// The signals a server lives by, waited for by one thread.
#pragma once

namespace angarium::program {

enum class Signal { end, reload };

/// Blocks SIGTERM, SIGINT and SIGHUP in this thread and all that it starts afterwards: call first.
void block_signals();
/// Waits for the next of them.
Signal next_signal();

}  // namespace angarium::program
