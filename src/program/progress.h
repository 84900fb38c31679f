// How far long work has come, on standard error.
#pragma once

#include <cstdint>
#include <string>

#include "base/size.h"
#include "base/time.h"

namespace angarium::program {

enum class Unit : std::uint8_t { messages, octets };

/// A bar on a terminal, a line now and then elsewhere.
class ProgressShown {
 public:
  ProgressShown(std::string what, Unit unit);
  ~ProgressShown();
  ProgressShown(const ProgressShown&) = delete;
  ProgressShown& operator=(const ProgressShown&) = delete;

  void operator()(std::uint64_t done, std::uint64_t all);
  /// Ends the bar's line, if there is one: something else is to be printed.
  void finish();

 private:
  [[nodiscard]] std::string of(std::uint64_t done, std::uint64_t all) const;

  std::string what_;
  Unit unit_;
  bool terminal_;
  bool drawn_ = false;
  Moment next_{};
};

}  // namespace angarium::program
