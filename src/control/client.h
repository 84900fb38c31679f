// The command line's end of the control socket. Blocks: for programs, not for loops.
#pragma once

#include <functional>
#include <string>

#include "control/request.h"

namespace angarium::control {

/// Asks the server on the socket at `path` and waits for its reply, however long the work takes. kNotRunning when
/// nobody answers there.
Result<Reply> ask(const std::string& path, const Request& request,
                  const std::function<void(const Progress&)>& progress = {});

}  // namespace angarium::control
