// What is said where the command line names no command.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace angarium::program {

/// Names the word that is no command, where one should stand, and the nearest that is. False: there is none.
bool name_unknown_command(const CLI::App& app, const std::vector<std::string>& words);

/// A group of commands was named, or nothing at all: those that there are. False: something else is missing.
bool list_commands(const CLI::App& app);

}  // namespace angarium::program
