#include "agent/targets.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>

namespace angarium::agent {

Targets::Targets(std::size_t threads)
    : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      pool_({.name = "targets", .threads = threads, .share = kTargetShare}) {}

Targets::~Targets() {
  end();
  ::close(event_);
}

void Targets::count(int one) {
  const std::lock_guard lock(mutex_);
  visits_ += static_cast<std::size_t>(one);
  if (visits_ == 0) nobody_.notify_all();
}

bool Targets::wait(Duration patience) {
  std::unique_lock lock(mutex_);
  return nobody_.wait_for(lock, patience, [this] { return visits_ == 0; });
}

void Targets::call_off() const { (void)::eventfd_write(event_, 1); }

}  // namespace angarium::agent
