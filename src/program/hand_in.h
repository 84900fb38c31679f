// How programs of this host hand in: into the drop folder, then the server, when it runs, is asked to take it at once.
#pragma once

#include <optional>
#include <string>

#include "control/request.h"
#include "drop/folder.h"
#include "program/commands.h"

namespace angarium::program {

struct User {
  std::string login;
  std::string name;
};
/// Who runs this: the login, and the name in words, whose "&" stands for the login (passwd(5)).
std::optional<User> find_user();

/// Finishes the file and has it taken. It is durable, with the server up or down, when the reply has exit code 0;
/// others are of sysexits.h.
Result<control::Reply> hand_over(const Context& context, drop::Writer& writer);

/// $ANGARIUM_DIR or /var/lib/angarium: programs call these commands from any directory.
std::string server_directory();

}  // namespace angarium::program
