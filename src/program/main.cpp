// The program: its name and first argument say what to do.
#include <malloc.h>

#include <csignal>

#include "program/command_line.h"

int main(int count, char** arguments) {
  // A peer that closes its end is an error value, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  // Left to itself glibc raises this limit, and buffers of many messages stay in the heap when they are gone
  // (docs/decisions/0003-memory.md).
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  return angarium::program::run_command_line(count, arguments);
}
