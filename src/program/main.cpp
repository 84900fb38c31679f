// The program: its name and first argument say what to do.
#include <csignal>
#include <string>
#include <vector>

#include "program/command_line.h"

int main(int count, char** arguments) {
  // A peer that closes its end is an error value, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(arguments, arguments + count);
  if (const auto code = angarium::program::run_as_sendmail(words)) return *code;
  if (const auto code = angarium::program::run_as_mail(words)) return *code;
  return angarium::program::run_command_line(count, arguments);
}
