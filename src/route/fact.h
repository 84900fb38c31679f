// What a decision was made from, so that it can be told in order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace angarium::route {

/// One step. `about` is a stable word for programs, `text` is for people and holds printable ASCII or UTF-8 only.
struct Fact {
  std::string_view about;
  std::string text;
  friend bool operator==(const Fact&, const Fact&) = default;
};
using Facts = std::vector<Fact>;

}  // namespace angarium::route
