// The signals a server lives by, waited for by one thread.
#pragma once

#include "queue/in_hand.h"

namespace angarium::program {

enum class Signal { end, reload, child };

/// Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD in this thread and all that it starts afterwards: call first.
void block_signals();
/// Waits for the next of them. A child may be any: a command that mail goes to, the steward.
Signal next_signal();

/// While it lives, a process that ends by its own fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) tells this first,
/// and then ends as it would have. One at a time. A stack that overflows has no room for it and tells nobody.
class TellsOfCrash {
 public:
  /// Null: nobody is told.
  explicit TellsOfCrash(queue::InHand* in_hand);
  TellsOfCrash(const TellsOfCrash&) = delete;
  TellsOfCrash& operator=(const TellsOfCrash&) = delete;
  ~TellsOfCrash();
};

}  // namespace angarium::program
