// Content-Type, Content-Disposition and their parameters (RFC 2045 §5.1, RFC 2183 §2), with the continuations, charsets
// and languages of RFC 2231, both ways.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message/lexical.h"

namespace angarium::message {

/// More parameters (each section of a continuation counts) are not read: real mail has a few dozen at most.
inline constexpr std::size_t kParametersMax = 256;

struct Parameter {
  std::string name;   ///< in lower case, without section number and asterisk
  std::string value;  ///< as UTF-8: sections joined, percent escapes, charset and encoded words decoded
  std::string raw;  ///< sections joined, unquoted, not decoded; what BODYSTRUCTURE gives. Of an extended parameter with
                    ///< its "charset'language'" and percent escapes
  std::string language;   ///< RFC 2231 §4; mostly empty
  bool extended = false;  ///< charset and language were given: BODYSTRUCTURE names it "name*"
};

/// "type; name=value; …": Content-Disposition, and what else is one word with parameters.
struct WordWithParameters {
  std::string word;  ///< in lower case
  std::vector<Parameter> parameters;
  Conformance conformance = Conformance::standard;

  /// The first of that name, which is in lower case.
  [[nodiscard]] const Parameter* find(std::string_view name) const;
  /// Its value, or nothing.
  [[nodiscard]] std::optional<std::string_view> value(std::string_view name) const;
};

/// Content-Type. `word` is "type/subtype".
struct ContentType : WordWithParameters {
  std::string type;     ///< in lower case
  std::string subtype;  ///< in lower case; empty when the field names none
  [[nodiscard]] bool is(std::string_view t, std::string_view s) const { return type == t && subtype == s; }
};

/// Reads a Content-Type value. Lenient: comments and folds anywhere, missing or doubled semicolons, values that should
/// have been quoted, missing closing quotes, raw 8-bit octets, encoded words. Nothing when it names no type (RFC 2045
/// §5.2 then has text/plain; charset=us-ascii). The name of the type may be one that no standard has, or hold any octet
/// but blanks.
std::optional<ContentType> parse_content_type(std::string_view value);
/// Reads Content-Disposition and its like in the same way.
std::optional<WordWithParameters> parse_word_with_parameters(std::string_view value);

/// Appends "; name=value" for the field writer: a token, a quoted string, or, with non-ASCII or long values, RFC 2231
/// sections in UTF-8, each with a blank before it and short enough for a line of 78. Controls become blanks. `name` is
/// a token of at most 40 octets.
void append_parameter(std::string& out, std::string_view name, std::string_view utf8_value);

}  // namespace angarium::message
