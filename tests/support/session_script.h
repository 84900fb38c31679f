// The text of a session script, read into steps, and the patterns of its server lines.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace angarium::test {

inline constexpr ErrorKind kBadScript{"test.bad-script", Fault::syntax, Lasting::permanent};

struct Step {
  enum class Kind { send, expect, expect_any_order, silence, tls, time, eof, close };
  Kind kind;
  int connection = 1;
  std::size_t line = 0;  ///< in the script, from 1
  std::string text;      ///< what to send, with its line ends; or the pattern of a line
  bool exact = false;    ///< no variables, no patterns
  Duration time{0};
};

struct Script {
  std::vector<Step> steps;
  bool may_pipeline = true;
};

Result<Script> read_script(std::string_view text);

using Variables = std::map<std::string, std::string, std::less<>>;
/// With every {$name} replaced; an unknown name is an error.
Result<std::string> replace_variables(std::string_view text, const Variables& variables);
/// Whether a server's line is what the pattern says; remembers {name:=REGEX} in `variables` when it is.
Result<bool> matches(std::string_view pattern, std::string_view line, Variables& variables);

}  // namespace angarium::test
