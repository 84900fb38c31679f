// This process on this host, as deliveries and locks name it.
#pragma once

#include "delivery/delivery.h"

namespace angarium::delivery {

/// With the host's name and this process where nothing is said. Whoever takes locks needs both: they are how others,
/// and this host after a crash, see whose a lock file is, and that nobody is behind it any more.
Surroundings with_names(Surroundings surroundings);

}  // namespace angarium::delivery
