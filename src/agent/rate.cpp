#include "agent/rate.h"

#include <algorithm>

namespace angarium::agent {

bool Rate::allow(std::string_view key) {
  const std::uint64_t per_minute = per_minute_;
  if (per_minute == 0) return true;
  const auto full = static_cast<double>(per_minute);
  const Moment now = clock_.now();
  const std::lock_guard lock(mutex_);
  auto found = buckets_.find(std::string(key));
  if (found == buckets_.end()) {
    // A bucket that nobody touched for a minute is full again: forgetting it changes nothing.
    if (buckets_.size() >= keys_max_)
      std::erase_if(buckets_, [&](const auto& item) { return now - item.second.at >= std::chrono::minutes(1); });
    if (buckets_.size() >= keys_max_) return false;
    found = buckets_.emplace(std::string(key), Bucket{full, now}).first;
  }
  Bucket& bucket = found->second;
  const double seconds = static_cast<double>((now - bucket.at).count()) / 1e6;
  bucket.tokens = std::min(full, bucket.tokens + seconds * full / 60);
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

std::size_t Rate::keys() const {
  const std::lock_guard lock(mutex_);
  return buckets_.size();
}

}  // namespace angarium::agent
