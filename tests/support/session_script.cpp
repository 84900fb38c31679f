#include "support/session_script.h"

#include <fmt/format.h>

#include <optional>
#include <regex>

#include "base/text.h"

namespace angarium::test {
namespace {

/// Lines of the script with their numbers.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  std::optional<std::string_view> next() {
    if (rest_.empty()) return std::nullopt;
    ++number_;
    auto line = take_until(rest_, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }
  [[nodiscard]] std::size_t number() const { return number_; }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

std::optional<std::string> unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    switch (text[i]) {
      case 'r': result += '\r'; break;
      case 'n': result += '\n'; break;
      case 't': result += '\t'; break;
      case '\\': result += '\\'; break;
      case 'x': {
        auto octet = from_hex(text.substr(i + 1, 2));
        if (!octet || octet->size() != 1) return std::nullopt;
        result += *octet;
        i += 2;
        break;
      }
      default: return std::nullopt;
    }
  }
  return result;
}

std::optional<Duration> parse_time(std::string_view text) {
  if (!text.starts_with('+')) return std::nullopt;
  text.remove_prefix(1);
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  auto count = parse_number<std::uint32_t>(text.substr(0, digits));
  if (!count) return std::nullopt;
  auto unit = text.substr(digits);
  if (unit == "ms") return std::chrono::milliseconds(*count);
  if (unit == "s") return std::chrono::seconds(*count);
  if (unit == "min") return std::chrono::minutes(*count);
  if (unit == "h") return std::chrono::hours(*count);
  return std::nullopt;
}

/// A line's first word, split into its letters, the connection's number and what marks it: "C2-raw:" is C, 2, "-raw:".
struct Head {
  std::string_view word;
  int connection = 1;
  std::string_view mark;
  std::string_view rest;
};

Head split_head(std::string_view line) {
  Head head;
  std::size_t i = 0;
  while (i < line.size() && is_alpha(line[i])) ++i;
  head.word = line.substr(0, i);
  auto number = i;
  while (i < line.size() && is_digit(line[i])) ++i;
  if (auto value = parse_number<std::uint16_t>(line.substr(number, i - number))) head.connection = *value;
  auto mark = i;
  while (i < line.size() && line[i] != ' ' && line[i] != ':') ++i;
  if (i < line.size() && line[i] == ':') ++i;
  head.mark = line.substr(mark, i - mark);
  head.rest = line.substr(i < line.size() && line[i] == ' ' ? i + 1 : i);
  return head;
}

Result<void> read_block(Lines& lines, const Head& head, Script& script) {
  bool client = head.word == "C";
  Step step{.kind = client ? Step::Kind::send : Step::Kind::expect, .connection = head.connection};
  step.exact = true;
  step.line = lines.number();
  while (auto line = lines.next()) {
    if (*line == ">>") {
      if (client) script.steps.push_back(std::move(step));
      return {};
    }
    if (client) {
      step.text.append(*line).append("\r\n");
    } else {
      step.text = *line;
      step.line = lines.number();
      script.steps.push_back(step);
    }
  }
  return fail(kBadScript, "a block does not end with >>");
}

Result<void> read_line(Lines& lines, const Head& head, Script& script) {
  Step step{.kind = Step::Kind::send, .connection = head.connection};
  step.line = lines.number();
  if (head.word == "C" && head.mark == ":") {
    step.text = std::string(head.rest) + "\r\n";
  } else if (head.word == "C" && head.mark == "-raw:") {
    auto octets = unescape(head.rest);
    if (!octets) return fail(kBadScript, "a bad escape");
    step.text = *octets;
  } else if (head.word == "S" && (head.mark == ":" || head.mark == "?:")) {
    step.kind = head.mark == ":" ? Step::Kind::expect : Step::Kind::expect_any_order;
    step.text = head.rest;
  } else if (head.word == "TIME" && head.mark.empty()) {
    auto time = parse_time(head.rest);
    if (!time) return fail(kBadScript, "TIME wants +NUMBER and ms, s, min or h");
    step.kind = Step::Kind::time;
    step.time = *time;
  } else if (head.word == "PIPELINE" && head.rest == "off") {
    script.may_pipeline = false;
    return {};
  } else if (head.mark.empty() && head.rest.empty() && head.word == "TLS") {
    step.kind = Step::Kind::tls;
  } else if (head.mark.empty() && head.rest.empty() && head.word == "EOF") {
    step.kind = Step::Kind::eof;
  } else if (head.mark.empty() && head.rest.empty() && head.word == "CLOSE") {
    step.kind = Step::Kind::close;
  } else if (head.mark.empty() && head.rest.empty() && head.word == "SILENCE") {
    step.kind = Step::Kind::silence;
  } else {
    return fail(kBadScript, "not a line of a session script");
  }
  script.steps.push_back(std::move(step));
  return {};
}

/// The end of a {…} that begins at `open`, counting braces within.
std::optional<std::size_t> closing_brace(std::string_view text, std::size_t open) {
  int depth = 0;
  for (auto i = open; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return i;
    }
  }
  return std::nullopt;
}

bool is_name(std::string_view text) {
  for (char c : text)
    if (!is_alnum(c) && c != '_' && c != '-') return false;
  return !text.empty();
}

void append_quoted(std::string& regex, char c) {
  if (!is_alnum(c) && c != ' ' && is_ascii(c)) regex += '\\';
  regex += c;
}

}  // namespace

Result<Script> read_script(std::string_view text) {
  Script script;
  Lines lines(text);
  while (auto line = lines.next()) {
    if (trim(*line).empty() || line->starts_with("--")) continue;
    auto head = split_head(*line);
    bool block = head.mark == "<<" && (head.word == "C" || head.word == "S");
    auto read = block ? read_block(lines, head, script) : read_line(lines, head, script);
    if (!read) return fail(kBadScript, fmt::format("line {}: {}: {}", lines.number(), read.error().text(), *line));
  }
  return script;
}

Result<std::string> replace_variables(std::string_view text, const Variables& variables) {
  std::string result;
  while (true) {
    auto open = text.find("{$");
    auto close = open == text.npos ? text.npos : text.find('}', open);
    if (close == text.npos || !is_name(text.substr(open + 2, close - open - 2))) {
      result.append(text);
      return result;
    }
    auto found = variables.find(text.substr(open + 2, close - open - 2));
    if (found == variables.end())
      return fail(kBadScript, fmt::format("nothing was remembered as {}", text.substr(open, close - open + 1)));
    result.append(text.substr(0, open)).append(found->second);
    text.remove_prefix(close + 1);
  }
}

Result<bool> matches(std::string_view pattern, std::string_view line, Variables& variables) {
  auto replaced = TRY(replace_variables(pattern, variables));
  if (replaced == line) return true;
  std::string regex;
  std::vector<std::string> names;
  bool special = false;
  for (std::size_t i = 0; i < replaced.size(); ++i) {
    auto end = replaced[i] == '{' ? closing_brace(replaced, i) : std::nullopt;
    auto inner = end ? std::string_view(replaced).substr(i + 1, *end - i - 1) : std::string_view();
    auto assign = inner.find(":=");
    if (inner == "*") {
      regex += "[^]*";
    } else if (inner.starts_with("re:")) {
      regex.append("(?:").append(inner.substr(3)).append(")");
    } else if (assign != inner.npos && is_name(inner.substr(0, assign))) {
      names.emplace_back(inner.substr(0, assign));
      regex.append("(").append(inner.substr(assign + 2)).append(")");
    } else {
      append_quoted(regex, replaced[i]);
      continue;
    }
    special = true;
    i = *end;
  }
  if (!special) return false;
  try {
    std::match_results<std::string_view::const_iterator> found;
    if (!std::regex_match(line.begin(), line.end(), found, std::regex(regex))) return false;
    for (std::size_t i = 0; i < names.size(); ++i) variables[names[i]] = found[i + 1].str();
    return true;
  } catch (const std::regex_error& error) {
    return fail(kBadScript, fmt::format("a bad pattern: {}", error.what()));
  }
}

}  // namespace angarium::test
