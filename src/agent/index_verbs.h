// `angarium index`: how the index of the mail stands, and making it anew.
#pragma once

#include <string>

#include "agent/services.h"
#include "control/request.h"
#include "control/server.h"
#include "io/task.h"

namespace angarium::agent {

/// Carries out index.show and index.rebuild; JSON text. `address`: of one account, otherwise of all.
io::Task<Result<std::string>> index_verb(Services& services, control::Request request, control::Tell tell);

}  // namespace angarium::agent
