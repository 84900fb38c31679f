#include "base/descriptor.h"

#include <unistd.h>

namespace angarium {

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

}  // namespace angarium
