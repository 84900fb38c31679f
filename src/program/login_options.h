// The options by which a command comes into an IMAP account.
#pragma once

#include "program/commands.h"

namespace CLI {
class App;
}

namespace angarium::program {

/// What is given is in `login`, which outlives `made`.
void add_login(CLI::App* made, RemoteLogin& login);

}  // namespace angarium::program
