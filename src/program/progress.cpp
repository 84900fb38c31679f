#include "program/progress.h"

#include <fmt/core.h>
#include <unistd.h>

namespace angarium::program {
namespace {

/// Between two lines of progress where no terminal is.
constexpr Duration kLineEvery = std::chrono::seconds(10);
/// Between two states of the bar.
constexpr Duration kBarEvery = std::chrono::milliseconds(100);

}  // namespace

ProgressShown::ProgressShown(std::string what, Unit unit)
    : what_(std::move(what)), unit_(unit), terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressShown::~ProgressShown() { finish(); }

void ProgressShown::finish() {
  if (drawn_) fmt::print(stderr, "\n");
  drawn_ = false;
}

std::string ProgressShown::of(std::uint64_t done, std::uint64_t all) const {
  if (unit_ == Unit::octets) return size_of(done) + " of " + size_of(all);
  return std::to_string(done) + " of " + std::to_string(all);
}

void ProgressShown::operator()(std::uint64_t done, std::uint64_t all) {
  const Moment now = system_clock().now();
  if (all == 0 || (now < next_ && !(terminal_ && drawn_ && done == all))) return;
  // Work that is soon done needs neither line nor bar.
  if (next_ == Moment{} && (!terminal_ || unit_ == Unit::octets)) {
    next_ = now + (terminal_ ? std::chrono::seconds(1) : kLineEvery);
    return;
  }
  next_ = now + (terminal_ ? kBarEvery : kLineEvery);
  if (!terminal_) {
    fmt::print(stderr, "{}: {}{}\n", what_, of(done, all), unit_ == Unit::messages ? " messages" : "");
    return;
  }
  const auto percent = static_cast<unsigned>(done * 100 / all);
  fmt::print(stderr, "\r{} [{:<40}] {:3} % {}", what_, std::string(percent * 2 / 5, '#'), percent, of(done, all));
  drawn_ = true;
}

}  // namespace angarium::program
