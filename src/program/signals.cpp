#include "program/signals.h"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace angarium::program {
namespace {

sigset_t our_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, number);
  return set;
}

}  // namespace

void block_signals() {
  const sigset_t set = our_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Signal next_signal() {
  const sigset_t set = our_signals();
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
  if (number == SIGCHLD) return Signal::child;
  return number == SIGHUP ? Signal::reload : Signal::end;
}

}  // namespace angarium::program
