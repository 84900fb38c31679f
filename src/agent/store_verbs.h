// `angarium store`, `verify`, `snapshot` and `sweep`: the tablet as a whole.
#pragma once

#include <string>

#include "agent/services.h"
#include "base/time.h"
#include "control/request.h"
#include "control/server.h"
#include "io/task.h"

namespace angarium::agent {

/// Carries out store.verify, store.snapshot (`directory`), store.sweep and store.status; JSON text. A sweep compresses
/// what is older than `compress_after`.
io::Task<Result<std::string>> store_verb(Services& services, Duration compress_after, control::Request request,
                                         control::Tell tell);

}  // namespace angarium::agent
