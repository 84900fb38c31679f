// The program: its name and first argument say what to do.
#include <csignal>

#include "program/command_line.h"

int main(int count, char** arguments) {
  // A peer that closes its end is an error value, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  return angarium::program::run_command_line(count, arguments);
}
