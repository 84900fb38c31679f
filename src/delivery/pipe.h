// Delivery to a command.
#pragma once

#include "delivery/delivery.h"

namespace angarium::delivery {

/// Runs the command with the letter on its standard input, lines ending with LF, and waits for its end. Its words or
/// "delivered to command: …".
Step<std::string> deliver_pipe(const PipeTarget& target, Letter& letter, const Surroundings& surroundings);

/// "NAME=value": SENDER (empty for the null reverse-path), RECIPIENT, LOCAL, DOMAIN, EXTENSION, USER, LOGNAME, HOME,
/// SHELL, PATH, LANG=C; nothing of this process's own. What the wire said has "_" for all but the octets that
/// Postfix lets pass, for scripts are careless with their variables.
std::vector<std::string> environment_of(const PipeTarget& target, const Letter& letter);

}  // namespace angarium::delivery
