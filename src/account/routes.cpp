#include "account/routes.h"

namespace angarium::account {

Routes::Found Routes::find(const std::string& address) const {
  const std::lock_guard lock(mutex_);
  const auto at = routes_.find(address);
  return {at == routes_.end() ? nullptr : at->second, generation_};
}

void Routes::keep(std::string address, std::shared_ptr<const Resolution> resolution, std::uint64_t generation) {
  if (resolution->kind != Resolution::Kind::accounts) return;
  if (resolution->accounts.size() + resolution->onward.size() > kDestinationsMax) return;
  const std::lock_guard lock(mutex_);
  if (generation != generation_) return;
  if (routes_.size() >= kRoutesMax) routes_.clear();
  routes_.insert_or_assign(std::move(address), std::move(resolution));
}

void Routes::forget() {
  const std::lock_guard lock(mutex_);
  ++generation_;
  routes_.clear();
}

}  // namespace angarium::account
