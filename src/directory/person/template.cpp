#include "directory/person/template.h"

#include <algorithm>

#include "base/text.h"

namespace angarium::directory {
namespace {

Template::Place place_of(std::string_view name) {
  if (name == "address") return Template::Place::address;
  if (name == "user") return Template::Place::user;
  if (name == "domain") return Template::Place::domain;
  return Template::Place::none;
}

}  // namespace

Result<Template> parse_template(std::string_view text) {
  if (text.size() > kTemplateMax)
    return fail(kInvalid, "it is longer than " + std::to_string(kTemplateMax) + " octets");
  if (!valid_utf8(text) || text.find('\0') != std::string_view::npos) return fail(kInvalid, "it is no UTF-8 text");
  Template made;
  bool names_somebody = false;
  std::size_t from = 0;
  for (std::size_t open = text.find('{'); open != std::string_view::npos; open = text.find('{', from)) {
    const std::size_t close = std::min(text.find('}', open), text.size());
    const Template::Place place = place_of(text.substr(open + 1, close - open - 1));
    if (place == Template::Place::none || close == text.size())
      return fail(kInvalid, "'" + escape_controls(text.substr(open, close + 1 - open), 40) +
                                "' is none of {address}, {user} and {domain}");
    names_somebody = names_somebody || place != Template::Place::domain;
    made.pieces.push_back({std::string(text.substr(from, open - from)), place});
    from = close + 1;
  }
  if (!names_somebody) return fail(kInvalid, "it needs {address} or {user}: who is asked for");
  made.pieces.push_back({std::string(text.substr(from)), Template::Place::none});
  return made;
}

const std::string& value_of(Template::Place place, const Asked& asked) {
  switch (place) {
    case Template::Place::user: return asked.user;
    case Template::Place::domain: return asked.domain;
    case Template::Place::address:
    case Template::Place::none: break;
  }
  return asked.address;
}

}  // namespace angarium::directory
