// Words as searching knows them, cut from folded text (append_folded) by its characters alone: a character's
// class does not depend on its neighbours, so that a text that contains another contains its words, the first and the
// last perhaps as parts of longer ones. That is what makes an index of words answer for substrings. ICU in words.cpp.
//
//     run      characters of one class that stand together: letters, digits and marks; or characters of a script that
//              puts no blanks between words (Chinese, Japanese, Thai, …), here called dense
//     term     what is kept of a run: the run itself; of a long one overlapping pieces; of a dense one each two
//              neighbours
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

namespace angarium::message {

/// Octets of a term. Longer runs (base64, links) are kept as pieces of that length, each beginning half of it behind
/// the last; the last one ends where the run ends.
inline constexpr std::size_t kTermMax = 128;
/// Any so many octets of a run stand together in one of its terms.
inline constexpr std::size_t kTermWhole = kTermMax / 2;

struct Run {
  std::string_view octets;
  bool dense = false;
};

/// The runs of a folded text, in order. Ill-formed octets part runs. Linear.
class RunReader {
 public:
  explicit RunReader(std::string_view folded) : rest_(folded) {}
  std::optional<Run> next();

 private:
  std::string_view rest_;
};

/// Calls `each` for the terms of a run.
void each_term(const Run& run, const std::function<void(std::string_view)>& each);

}  // namespace angarium::message
