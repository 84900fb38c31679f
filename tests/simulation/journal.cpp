#include "simulation/journal.h"

#include <fmt/format.h>

#include <cstdio>

namespace angarium::simulation {

void Journal::add(std::string_view octets) {
  for (const char octet : octets) hash_ = (hash_ ^ static_cast<unsigned char>(octet)) * 0x100000001b3;
}

void Journal::note(std::string_view who, std::string_view what) {
  const std::int64_t at = loop_ == nullptr ? 0 : loop_->now().microseconds;
  add(std::string_view(reinterpret_cast<const char*>(&at), sizeof at));
  add(who);
  add(what);
  ++lines_;
  if (show_ == Show::everything) fmt::print("{:>12.6f} {:<6} {}\n", static_cast<double>(at) / 1e6, who, what);
}

void Journal::blame(const std::string& what) {
  note("WRONG", what);
  if (wrong_.empty()) wrong_ = what;
}

}  // namespace angarium::simulation
