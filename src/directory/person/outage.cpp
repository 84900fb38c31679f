#include "directory/person/outage.h"

#include <utility>

namespace angarium::directory {

bool Outage::may_ask() {
  const std::lock_guard lock(mutex_);
  if (!away_) return true;
  if (clock_.now() < again_) return false;
  again_ = clock_.now() + kPause;
  return true;
}

bool Outage::failed() {
  const std::lock_guard lock(mutex_);
  again_ = clock_.now() + kPause;
  return !std::exchange(away_, true);
}

bool Outage::answered() {
  const std::lock_guard lock(mutex_);
  return std::exchange(away_, false);
}

}  // namespace angarium::directory
