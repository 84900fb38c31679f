// The command line of the one binary (CLI11 stays in the .cpp file).
#pragma once

namespace angarium::program {

/// Parses and carries out. Exit codes: 0 done, 1 failed, 2 usage, 75 temporary.
int run_command_line(int count, char** arguments);

}  // namespace angarium::program
