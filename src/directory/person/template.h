// Questions with places for who is asked for: "(mail={address})", "… WHERE address = {address}".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "directory/person/person.h"

namespace angarium::directory {

/// Octets of a filter or a statement; longer ones belong into the directory, as a view.
inline constexpr std::size_t kTemplateMax = 8192;

/// A text cut at its places.
struct Template {
  enum class Place : std::uint8_t { none, address, user, domain };
  struct Piece {
    std::string text;           ///< as it stands,
    Place place = Place::none;  ///< and what comes behind it
  };
  std::vector<Piece> pieces;
};

/// kInvalid, with words for the operator, where a place has an unknown name or none is there at all: then everybody
/// would be the same person.
Result<Template> parse_template(std::string_view text);
const std::string& value_of(Template::Place place, const Asked& asked);

}  // namespace angarium::directory
