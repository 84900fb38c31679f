// The command line of the one binary (CLI11 stays in the .cpp file).
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace angarium::program {

/// When the program is called by the name of sendmail, mailq or newaliases, or as `angarium sendmail`: does that and
/// returns the exit code. `words`: with the program's name. The directory is $ANGARIUM_DIR or /var/lib/angarium, for
/// `angarium sendmail` also --dir behind that word: programs call these from any directory.
std::optional<int> run_as_sendmail(const std::vector<std::string>& words);

/// The same for mail and mailx, or `angarium mail`.
std::optional<int> run_as_mail(const std::vector<std::string>& words);

/// Parses and carries out. Exit codes: 0 done, 1 failed, 2 usage, 75 temporary.
int run_command_line(int count, char** arguments);

}  // namespace angarium::program
