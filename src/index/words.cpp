#include "index/words.h"

#include <algorithm>
#include <cstdint>

namespace angarium::index {
namespace {

bool is_one_character(std::string_view utf8) {
  return std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }) == 1;
}

enum class Edge : std::uint8_t { open, closed };  // open: the run may go on there in a text that contains this one

void add_dense(std::string_view run, Edge begin, Edge end, Conditions& into) {
  using Kind = Condition::Kind;
  const bool alone = is_one_character(run);
  // One character of a longer run is a part of its pairs.
  if (alone && (begin == Edge::open || end == Edge::open)) {
    into.all.push_back({Kind::contains, std::string(run)});
    return;
  }
  each_term({run, true}, [&](std::string_view pair) { into.all.push_back({Kind::equals, std::string(pair)}); });
}

void add_letters(std::string_view run, Edge begin, Edge end, Conditions& into) {
  using Kind = Condition::Kind;
  if (run.size() <= kTermWhole) {
    const Kind kind = begin == Edge::open ? (end == Edge::open ? Kind::contains : Kind::ends)
                                          : (end == Edge::open ? Kind::begins : Kind::equals);
    into.all.push_back({kind, std::string(run)});
    return;
  }
  // Longer than what surely stands in one term: by its beginning, which does.
  const Kind kind = begin == Edge::open ? Kind::contains : Kind::begins;
  into.all.push_back({kind, std::string(run.substr(0, kTermWhole))});
}

Conditions conditions_of(std::string_view folded, Edge outer) {
  Conditions conditions;
  RunReader reader(folded);
  std::size_t runs = 0;
  std::size_t octets = 0;
  bool whole = true;
  while (const auto run = reader.next()) {
    const auto begin = static_cast<std::size_t>(run->octets.data() - folded.data());
    const Edge left = begin == 0 ? outer : Edge::closed;
    const Edge right = begin + run->octets.size() == folded.size() ? outer : Edge::closed;
    run->dense ? add_dense(run->octets, left, right, conditions) : add_letters(run->octets, left, right, conditions);
    ++runs;
    octets = run->octets.size();
    whole = run->dense || octets <= kTermWhole;
  }
  conditions.exact = runs == 1 && octets == folded.size() && whole && conditions.all.size() == 1;
  return conditions;
}

}  // namespace

Conditions conditions_of(std::string_view folded) { return conditions_of(folded, Edge::open); }

Conditions whole_conditions_of(std::string_view folded) { return conditions_of(folded, Edge::closed); }

}  // namespace angarium::index
