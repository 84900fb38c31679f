// What a text asks of the words of a message that contains it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "message/words.h"

namespace angarium::index {

using message::each_term;
using message::kTermMax;
using message::kTermWhole;
using message::Run;
using message::RunReader;

/// What a message must have to contain a text: each condition by some of its terms.
struct Condition {
  enum class Kind : unsigned char { equals, begins, ends, contains };
  Kind kind = Kind::contains;
  std::string term;
  friend bool operator==(const Condition&, const Condition&) = default;
};
struct Conditions {
  std::vector<Condition> all;
  /// The one condition says all: who has such a term contains the text.
  bool exact = false;
};
/// Of a folded text. No conditions: the index knows nothing of it.
Conditions conditions_of(std::string_view folded);
/// Whether the text, as a whole text of its own, has the runs of `folded`: those are equal to whole runs.
Conditions whole_conditions_of(std::string_view folded);

}  // namespace angarium::index
