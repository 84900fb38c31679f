// `angarium store`, `verify`, `snapshot` and `sweep`: the tablet as a whole.
#pragma once

#include <string>

#include "agent/services.h"
#include "base/time.h"
#include "control/request.h"
#include "control/server.h"
#include "io/task.h"

namespace angarium::agent {

/// What the configuration says to them.
struct StoreTerms {
  Duration compress_after{0};  ///< store.compress_after
  std::string keys;            ///< the folder of the server's key
};

/// Carries out store.verify, store.snapshot (`directory`), store.sweep and store.status; JSON text. A sweep compresses
/// what is older than `compress_after`.
io::Task<Result<std::string>> store_verb(Services& services, StoreTerms terms, control::Request request,
                                         control::Tell tell);

}  // namespace angarium::agent
