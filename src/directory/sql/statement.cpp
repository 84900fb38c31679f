#include "directory/sql/statement.h"

#include <algorithm>

#include "base/text.h"

namespace angarium::directory {
namespace {

/// Follows quotes and comments through the pieces of a statement.
class Quotes {
 public:
  void pass(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::string_view two = text.substr(i, 2);
      switch (within_) {
        case 0:
          if (text[i] == '\'' || text[i] == '"') within_ = text[i];
          if (two == "--") within_ = '-';
          if (two == "/*") within_ = '*';
          break;
        case '-':
          if (text[i] == '\n') within_ = 0;
          break;
        case '*':
          if (two == "*/") within_ = 0;
          break;
        default:
          // Two quotes within a text stand for one: they end it and begin it again.
          if (text[i] == within_) within_ = 0;
      }
    }
  }
  [[nodiscard]] bool within() const { return within_ != 0; }

 private:
  char within_ = 0;  // the quote; '-' and '*': a comment
};

}  // namespace

Result<Statement> parse_statement(std::string_view text) {
  const Template made = TRY(parse_template(text));
  const std::string_view first = text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  if (!starts_with_ignore_case(first, "select") && !starts_with_ignore_case(first, "with"))
    return fail(kInvalid, "it begins with SELECT or WITH");
  Statement statement;
  Quotes quotes;
  for (const Template::Piece& piece : made.pieces) {
    statement.text += piece.text;
    quotes.pass(piece.text);
    if (piece.place == Template::Place::none) continue;
    if (quotes.within())
      return fail(kInvalid, "a place stands within quotes or a comment: write address = {address}, without quotes");
    auto at = std::ranges::find(statement.parameters, piece.place);
    if (at == statement.parameters.end()) at = statement.parameters.insert(at, piece.place);
    statement.text += "$" + std::to_string(at - statement.parameters.begin() + 1);
  }
  return statement;
}

}  // namespace angarium::directory
