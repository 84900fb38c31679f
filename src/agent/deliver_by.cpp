#include "agent/deliver_by.h"

#include <algorithm>

namespace angarium::agent {
namespace {

using Mode = envelope::DeliverBy::Mode;

constexpr std::int64_t kSecond = 1'000'000;
/// RFC 2852 §4: nine digits.
constexpr std::int64_t kByTimeMax = 999'999'999;

}  // namespace

void set_deliver_by(queue::Entry& entry, const std::optional<envelope::DeliverBy>& wanted, WallTime began) {
  entry.sender.parameters.deliver_by = wanted;
  if (!wanted) return;
  auto& by = *entry.sender.parameters.deliver_by;
  // From when the entry counts: the message took its time to come.
  const std::int64_t took = std::max<std::int64_t>(0, entry.arrived.microseconds - began.microseconds) / kSecond;
  // §4: with by-mode R the time is positive; one that has passed meanwhile passes at once.
  const std::int64_t least = by.mode == Mode::return_it ? 1 : -kByTimeMax;
  by.seconds = static_cast<std::int32_t>(std::clamp(by.seconds - took, least, kByTimeMax));
  const WallTime time = *deliver_by_time(entry);
  if (by.mode == Mode::return_it) {
    entry.expires = std::min(entry.expires, time);
  } else if (by.seconds > 0) {
    entry.notice = time;
  }
}

std::optional<WallTime> deliver_by_time(const queue::Entry& entry) {
  const auto& by = entry.sender.parameters.deliver_by;
  if (!by) return std::nullopt;
  return WallTime{entry.arrived.microseconds + std::int64_t{by->seconds} * kSecond};
}

bool too_late(const queue::Entry& entry, WallTime now) {
  const auto& by = entry.sender.parameters.deliver_by;
  return by && by->mode == Mode::return_it && now >= *deliver_by_time(entry);
}

std::optional<envelope::DeliverBy> remaining(const queue::Entry& entry, WallTime now) {
  auto by = entry.sender.parameters.deliver_by;
  if (!by) return std::nullopt;
  const std::int64_t left = (deliver_by_time(entry)->microseconds - now.microseconds) / kSecond;
  // A second that is begun still counts where none would be an error.
  const std::int64_t least = by->mode == Mode::return_it ? 1 : -kByTimeMax;
  by->seconds = static_cast<std::int32_t>(std::clamp(left, least, kByTimeMax));
  return by;
}

bool tells_of_relay(const queue::Entry& entry, Keeps keeps, WallTime now) {
  const auto& by = entry.sender.parameters.deliver_by;
  return by && (by->trace || (keeps == Keeps::no && now < *deliver_by_time(entry)));
}

}  // namespace angarium::agent
