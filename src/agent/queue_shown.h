// A message of the queue as the operator's verbs show it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/sites.h"
#include "io/task.h"
#include "queue/queue.h"

namespace boost::json {
class object;
}

namespace angarium::agent {

/// Back-offs of the destinations of one answer, each read once.
class Backoffs {
 public:
  explicit Backoffs(queue::Queue& queue) : queue_(queue) {}
  io::Task<Result<>> read(const queue::Whole& whole);
  /// Only one that lasts.
  [[nodiscard]] const queue::Backoff* of(const std::string& destination) const;

 private:
  queue::Queue& queue_;
  std::map<std::string, std::optional<queue::Backoff>> known_;
};

/// "due", "deferred", "held", "set aside", "under way".
std::string_view state_of(const queue::Whole::Part& part, const queue::Backoff* backoff);

/// How much of a message is shown.
enum class Shown : std::uint8_t { listed, whole };
/// `sites`: where the site of a destination is known, it is told.
boost::json::object show(const queue::Whole& whole, const Backoffs& backoffs, Sites& sites, Shown shown);

}  // namespace angarium::agent
