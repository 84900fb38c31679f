// Octets that say they are DEFLATE, cut anywhere and opened into any room: they become the same, or are refused; what
// we compress ourselves comes back.
#include <cstdlib>
#include <string>

#include "wire/deflate/coding.h"

using namespace angarium;
using namespace angarium::wire::deflate;

namespace {

struct Opened {
  std::string clear;
  bool refused = false;
};

Opened open_all(std::string_view packed, std::size_t piece, std::size_t room_size,
                Inflater::Until until = Inflater::Until::all) {
  Opened all;
  Inflater inflater(1024 * 1024);
  std::string room(room_size, '\0');
  while (!packed.empty()) {
    std::string_view now = packed.substr(0, piece);
    packed.remove_prefix(now.size());
    do {
      const auto step = inflater.open(now, room, until);
      if (!step) {
        all.refused = true;
        return all;
      }
      const bool goes_on = until == Inflater::Until::all || (inflater.amid_block() && !inflater.ended());
      if (goes_on && step->taken < now.size() && step->given < room.size()) std::abort();
      now.remove_prefix(step->taken);
      all.clear.append(room, 0, step->given);
      if (until == Inflater::Until::block && inflater.ended()) return all;
    } while (!now.empty() || inflater.more());
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  if (size < 2) return 0;
  const auto first = static_cast<unsigned char>(data[0]);
  const std::string_view octets(data + 1, size - 1);
  const Opened whole = open_all(octets, octets.size(), 64 * 1024);
  const Opened cut = open_all(octets, 1 + first % 16, 1 + first / 16 * 100);
  // Octets before the damage may come or not; they are never others.
  if (!whole.clear.starts_with(cut.clear) && !cut.clear.starts_with(whole.clear)) std::abort();
  if (!whole.refused && !cut.refused && whole.clear != cut.clear) std::abort();
  // Block by block the same comes out.
  const Opened blocks = open_all(octets, octets.size(), 64 * 1024, Inflater::Until::block);
  if (!whole.refused && !blocks.refused && whole.clear != blocks.clear) std::abort();

  Deflater deflater;
  std::string packed;
  for (std::string_view left = octets; !left.empty();) {
    const std::string_view piece = left.substr(0, 1 + first * std::size_t{10});
    left.remove_prefix(deflater.append(std::span(&piece, 1), packed));
  }
  const Opened back = open_all(packed, 1 + first, 4096);
  if (!back.refused && back.clear != octets) std::abort();
  return 0;
}
