// What commands have in common: what is said where the command line names none, and a place of mail.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace angarium::program {

/// Names the word that is no command, where one should stand, and the nearest that is. False: there is none.
bool name_unknown_command(const CLI::App& app, const std::vector<std::string>& words);

/// A group of commands was named, or nothing at all: those that there are. False: something else is missing.
bool list_commands(const CLI::App& app);

/// Either the place is named, or the account's own by the flag, with which no other option says more of it. To be
/// called when the command has all its options.
void or_location(CLI::App& command, CLI::Option* place, const char* flag, bool& own, const char* description);

}  // namespace angarium::program
