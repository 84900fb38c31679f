#include "message/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "message/charset.h"
#include "message/encoded_word.h"

namespace angarium::message {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

/// One "name*section*=value" as it stands in the field.
struct Section {
  std::string name;
  unsigned number = 0;
  bool numbered = false;
  bool extended = false;
  bool broken = false;    ///< the name has more asterisks than RFC 2231 §7 gives it
  std::string text;       ///< unquoted
  std::size_t order = 0;  ///< among all sections of the field
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { skip(); }

  /// The first word: everything up to a blank, ';' or comment, and a slash with its surroundings.
  std::string word() {
    std::string result = run();
    skip();
    if (result.ends_with('/') || peek() == '/') {
      if (peek() == '/') {
        result += '/';
        ++at_;
        skip();
      }
      result += run();
      skip();
    }
    return result;
  }

  std::vector<Section> sections() {
    std::vector<Section> result;
    while (next_parameter()) {
      if (result.size() == kParametersMax) {
        malformed_ = true;
        break;
      }
      Section section = named();
      skip();
      ++at_;  // '='
      skip();
      section.text = value();
      skip();
      section.order = result.size();
      if (!section.name.empty()) result.push_back(std::move(section));
    }
    return result;
  }

  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  void skip() { at_ = skip_cfws(text_, at_); }

  static bool ends_run(char c) { return is_space(c) || c == ';' || c == '('; }

  /// Octets up to a blank, ';', comment or, in a name, '='.
  std::string run(char also = ';') {
    const std::size_t begin = at_;
    while (!at_end() && !ends_run(peek()) && peek() != also) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  /// Whether a name and '=' stand here, after blanks and comments: a parameter whose semicolon was forgotten.
  [[nodiscard]] bool name_ahead() const {
    std::size_t at = at_;
    while (at < text_.size() && is_of(text_[at], kToken)) ++at;
    if (at == at_) return false;
    while (at < text_.size() && is_space(text_[at])) ++at;
    return at < text_.size() && text_[at] == '=';
  }

  /// Moves to the next parameter that has a '='. Skips what is none.
  bool next_parameter() {
    bool separated = false;
    while (!at_end()) {
      if (peek() == ';') {
        separated = true;
        ++at_;
        skip();
        if (peek() == ';') malformed_ = true;
        continue;
      }
      const std::size_t begin = at_;
      run('=');
      skip();
      if (peek() == '=') {
        if (!separated) malformed_ = true;
        at_ = begin;
        return true;
      }
      malformed_ = true;
      if (at_ == begin) ++at_;
      skip();
    }
    return false;
  }

  /// attribute ["*" section] ["*"] of RFC 2231 §7.
  Section named() {
    Section section;
    const std::string name = run('=');
    std::string_view rest = name;
    section.name = to_lower(take_until(rest, '*'));
    if (name.size() == section.name.size()) {
      if (!all_of(section.name, kToken)) malformed_ = true;
      return section;
    }
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (digits > 0) {
      const auto number = parse_number<unsigned>(rest.substr(0, digits));
      section.numbered = true;
      section.number = number.value_or(UINT32_MAX);
      // No leading zeros (RFC 2231 §7).
      section.broken = !number || (digits > 1 && rest[0] == '0');
      rest.remove_prefix(digits);
      section.extended = rest.starts_with('*');
      rest.remove_prefix(section.extended ? 1 : 0);
    } else {
      section.extended = true;  // "name*": its asterisk was the first
    }
    if (!rest.empty()) section.broken = true;
    if (section.broken) malformed_ = true;
    return section;
  }

  std::string value() { return peek() == '"' ? quoted() : unquoted(); }

  std::string quoted() {
    std::string result;
    for (++at_; !at_end(); ++at_) {
      const char c = peek();
      if (c == '"') {
        ++at_;
        return result;
      }
      if (c == '\r' || c == '\n') continue;  // a fold: its blank stays (RFC 5322 §3.2.4)
      if (c == '\\' && at_ + 1 < text_.size()) ++at_;
      result += peek();
    }
    malformed_ = true;
    return result;
  }

  /// A token, or what should have been quoted: words go on until ';' or what looks like the next parameter.
  std::string unquoted() {
    std::string result = run();
    if (!all_of(result, kToken)) malformed_ = true;
    while (true) {
      const std::size_t before = at_;
      skip();
      if (at_end() || peek() == ';' || name_ahead()) break;
      const std::string_view gap = text_.substr(before, at_ - before);
      const std::string more = run();
      if (more.empty()) break;
      malformed_ = true;
      // Blanks between encoded words are not theirs (RFC 2047 §6.2), but decoding sees to that.
      result.append(gap.find_first_of(" \t") == kNone ? "" : " ").append(more);
    }
    return result;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool malformed_ = false;
};

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void append_percent_decoded(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
}

/// Joins the sections of one parameter, which are in order.
Parameter join(const std::vector<Section>& sections, std::size_t begin, std::size_t end) {
  Parameter result;
  result.name = sections[begin].name;
  result.extended = sections[begin].extended;
  std::string octets;
  std::string charset;
  for (std::size_t i = begin; i < end; ++i) {
    std::string_view text = sections[i].text;
    result.raw += text;
    if (i == begin && sections[i].extended && std::ranges::count(text, '\'') >= 2) {
      // RFC 2231 §4.1: charset and language stand at the beginning of the first section only.
      charset = take_until(text, '\'');
      result.language = take_until(text, '\'');
    }
    if (sections[i].extended) {
      append_percent_decoded(octets, text);
    } else {
      octets += text;
    }
  }
  if (result.extended) {
    result.value = to_utf8(octets, charset);
  } else {
    result.value = has_encoded_word(octets) ? decode_words(octets) : repair_utf8(octets);
  }
  return result;
}

/// Puts sections together. The first name to appear stands first; of one name extended beats plain (RFC 2231 §3: a
/// parameter and its extended form may both be there, for old readers), and the first beats the later.
std::vector<Parameter> assemble(std::vector<Section> sections) {
  std::vector<Parameter> result;
  std::vector<std::string> names;
  for (const Section& section : sections) {
    if (!section.broken && std::ranges::find(names, section.name) == names.end()) names.push_back(section.name);
  }
  for (const std::string& name : names) {
    std::vector<Section> mine;
    const auto take_if = [&](auto&& wanted) {
      if (!mine.empty()) return;
      for (Section& section : sections) {
        if (section.name == name && !section.broken && wanted(section)) mine.push_back(section);
      }
    };
    take_if([](const Section& s) { return s.extended && !s.numbered; });
    if (!mine.empty()) mine.resize(1);
    take_if([](const Section& s) { return s.numbered; });
    take_if([](const Section& s) { return !s.numbered; });
    if (!mine.front().numbered) mine.resize(1);
    std::ranges::sort(mine, {}, [](const Section& s) { return std::pair(s.number, s.order); });
    const auto twice = std::ranges::unique(mine, {}, &Section::number);
    mine.erase(twice.begin(), twice.end());
    result.push_back(join(mine, 0, mine.size()));
  }
  return result;
}

/// Reads the word and the parameters into `out`; false when there is no word.
bool parse_into(WordWithParameters& out, std::string_view value) {
  Parser parser(value);
  out.word = to_lower(parser.word());
  if (out.word.empty()) return false;
  out.parameters = assemble(parser.sections());
  if (parser.malformed()) out.conformance = Conformance::malformed;
  return true;
}

/// Octets of the value in one section, so that "name*99*=" and it fit a line of 78 with its semicolon and blank.
constexpr std::size_t kSectionMax = 50;

void append_extended(std::string& out, std::string_view name, std::string_view value) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::vector<std::string> sections{"utf-8''"};
  for (std::size_t at = 0; at < value.size();) {
    // A whole character, so that readers that decode section by section read it too.
    std::string encoded;
    do {
      const auto octet = static_cast<unsigned char>(value[at]);
      if (is_of(value[at], kAttributeChar)) {
        encoded += value[at];
      } else {
        encoded.append({'%', kHex[octet >> 4], kHex[octet & 15]});
      }
      ++at;
    } while (at < value.size() && (static_cast<unsigned char>(value[at]) & 0xC0) == 0x80);
    if (sections.back().size() + encoded.size() > kSectionMax) sections.emplace_back();
    sections.back() += encoded;
  }
  if (sections.size() == 1) {
    fmt::format_to(std::back_inserter(out), "; {}*={}", name, sections[0]);
    return;
  }
  for (std::size_t i = 0; i < sections.size(); ++i) {
    fmt::format_to(std::back_inserter(out), "; {}*{}*={}", name, i, sections[i]);
  }
}

}  // namespace

const Parameter* WordWithParameters::find(std::string_view name) const {
  const auto found = std::ranges::find(parameters, name, &Parameter::name);
  return found == parameters.end() ? nullptr : &*found;
}

std::optional<std::string_view> WordWithParameters::value(std::string_view name) const {
  const Parameter* const parameter = find(name);
  return parameter == nullptr ? std::nullopt : std::optional<std::string_view>(parameter->value);
}

std::optional<ContentType> parse_content_type(std::string_view value) {
  ContentType out;
  if (!parse_into(out, value) || out.word.starts_with('/')) return std::nullopt;
  const std::size_t slash = out.word.find('/');
  out.type = out.word.substr(0, slash);
  if (slash != kNone) out.subtype = out.word.substr(slash + 1);
  if (!all_of(out.type, kToken) || !all_of(out.subtype, kToken)) out.conformance = Conformance::malformed;
  return out;
}

std::optional<WordWithParameters> parse_word_with_parameters(std::string_view value) {
  WordWithParameters out;
  if (!parse_into(out, value)) return std::nullopt;
  if (!all_of(out.word, kToken)) out.conformance = Conformance::malformed;
  return out;
}

void append_parameter(std::string& out, std::string_view name, std::string_view utf8_value) {
  std::string value = repair_utf8(utf8_value);
  std::ranges::replace_if(value, [](char c) { return is_control(c); }, ' ');
  if (!all_ascii(value) || value.size() > kSectionMax || value.find("=?") != std::string::npos) {
    append_extended(out, name, value);
  } else if (all_of(value, kToken)) {
    fmt::format_to(std::back_inserter(out), "; {}={}", name, value);
  } else {
    fmt::format_to(std::back_inserter(out), "; {}=\"", name);
    for (char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
}

}  // namespace angarium::message
