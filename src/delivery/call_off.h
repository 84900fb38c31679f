// How others are told that a delivery is not to go on.
#pragma once

#include <poll.h>

namespace angarium::delivery {

/// A descriptor by which a command is called off, as soon as poll(2) tells one of the events; not read from. What is
/// written into files ends by itself.
struct CallOff {
  int descriptor = -1;  ///< -1: never
  short events = POLLIN;
};

}  // namespace angarium::delivery
