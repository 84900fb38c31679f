#include "message/lexical.h"

#include <algorithm>

namespace angarium::message {

bool all_of(std::string_view text, unsigned classes) {
  return !text.empty() && std::ranges::all_of(text, [classes](char c) { return is_of(c, classes); });
}

}  // namespace angarium::message
