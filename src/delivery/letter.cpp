#include "delivery/letter.h"

namespace angarium::delivery {

std::string_view UnixLines::take(std::string_view& piece) {
  if (std::exchange(held_cr_, false) && piece.front() != '\n') return "\r";
  std::size_t at = 0;
  while ((at = piece.find('\r', at)) != std::string_view::npos) {
    if (at + 1 == piece.size() || piece[at + 1] == '\n') break;
    ++at;
  }
  const std::string_view run = piece.substr(0, at);
  piece.remove_prefix(run.size());
  if (!piece.empty()) {
    held_cr_ = true;
    piece.remove_prefix(1);
  }
  return run;
}

std::string_view UnixLines::finish() { return std::exchange(held_cr_, false) ? "\r" : ""; }

}  // namespace angarium::delivery
