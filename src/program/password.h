// Passwords that commands are given: never as an argument, which everybody on the host can see.
#pragma once

#include <string>

#include "base/result.h"

namespace angarium::program {

/// One line from standard input, without its end.
std::string password_from_stdin();
/// The first line of a file that nobody but its owner can read or write.
Result<std::string> password_from_file(const std::string& path);
/// Asks whoever sits at the terminal, without showing what is typed.
Result<std::string> password_from_terminal(const std::string& question);

}  // namespace angarium::program
