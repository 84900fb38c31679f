// Statements whose values are parameters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "directory/person/template.h"

namespace angarium::directory {

/// "SELECT … WHERE address = {address}" as databases take it: "… address = $1".
struct Statement {
  std::string text;
  std::vector<Template::Place> parameters;  ///< each once, in the order of their numbers
};

/// kInvalid, with words for the operator, for a bad template, a place within quotes or a comment, where a database
/// would take it as it is, and what does not begin with SELECT or WITH.
Result<Statement> parse_statement(std::string_view text);

}  // namespace angarium::directory
