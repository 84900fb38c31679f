#include "mua/settings.h"

#include <algorithm>
#include <array>

#include "mua/error.h"
#include "mua/host.h"

namespace angarium::mua {
namespace {

/// What a message shows of its header, if the user does not say otherwise.
constexpr std::array<std::string_view, 7> kShown = {"Date", "From", "To", "Cc", "Bcc", "Subject", "Reply-To"};

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void erase_words(std::set<std::string, LessIgnoreCase>& from, const std::vector<std::string>& words) {
  for (std::size_t i = 1; i < words.size(); ++i) from.erase(words[i]);
}

}  // namespace

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && blank(c)) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      words.back() += line[++i];
    } else {
      words.back() += c;
    }
  }
  return words;
}

Settings::Settings() {
  // As Debian's mail programs are set up: nothing is moved away only because it was read.
  for (const std::string_view text :
       {"ask", "dot", "save", "hold", "keepsave", "header", "append", "toplines=5", "escape=~", "indentprefix=> "})
    set(text);
}

std::string_view Settings::get(std::string_view name) const {
  const auto found = variables_.find(name);
  return found == variables_.end() ? std::string_view() : std::string_view(found->second);
}

std::size_t Settings::number(std::string_view name, std::size_t otherwise) const {
  return parse_number<std::size_t>(get(name)).value_or(otherwise);
}

void Settings::set(std::string_view text) {
  const std::size_t equals = text.find('=');
  std::string name(text.substr(0, equals));
  if (name == "asksub") name = "ask";
  if (equals == std::string_view::npos && name.starts_with("no") && name.size() > 2) {
    name = name.substr(2) == "asksub" ? "ask" : name.substr(2);
    variables_.erase(name);
    return;
  }
  variables_[name] = equals == std::string_view::npos ? "" : std::string(text.substr(equals + 1));
}

Result<bool> Settings::condition(const std::vector<std::string>& words) {
  const std::string& word = words.front();
  if (word == "if") {
    const std::string what = words.size() > 1 ? words[1] : "";
    // r and s, as POSIX has them; t is a terminal, which decides nothing that stands in such files.
    const bool counts = what.starts_with('r') || what.starts_with('R') ? !sending_
                        : what.starts_with('s') || what.starts_with('S')
                            ? sending_
                            : what.starts_with('t') || what.starts_with('T');
    conditions_.push_back(counts);
  } else if (word == "else" || word == "endif") {
    if (conditions_.empty()) return fail(kUsage, word + " without if");
    if (word == "else")
      conditions_.back() = !conditions_.back();
    else
      conditions_.pop_back();
  } else {
    return false;
  }
  return true;
}

Result<bool> Settings::run(std::string_view line) {
  line = trim(line);
  if (line.empty() || line.starts_with('#')) return true;
  const std::vector<std::string> words = split_words(line);
  const std::string& word = words.front();
  if (TRY(condition(words))) return true;
  if (std::ranges::find(conditions_, false) != conditions_.end()) return true;
  if (word == "set" || word == "se") {
    for (std::size_t i = 1; i < words.size(); ++i) set(words[i]);
    return words.size() > 1;
  }
  if (word == "unset") {
    for (std::size_t i = 1; i < words.size(); ++i) variables_.erase(words[i] == "asksub" ? "ask" : words[i]);
  } else if (word == "alias" || word == "a" || word == "group" || word == "g") {
    if (words.size() < 3) return false;
    auto& members = aliases_[words[1]];
    members.insert(members.end(), words.begin() + 2, words.end());
  } else if (word == "unalias") {
    for (std::size_t i = 1; i < words.size(); ++i) aliases_.erase(words[i]);
  } else if (word == "alternates" || word == "alt") {
    if (words.size() > 1) alternates_ = {words.begin() + 1, words.end()};
  } else if (word == "discard" || word == "ignore") {
    discarded_.insert(words.begin() + 1, words.end());
  } else if (word == "retain") {
    retained_.insert(words.begin() + 1, words.end());
  } else if (word == "unignore") {
    erase_words(discarded_, words);
  } else if (word == "unretain") {
    erase_words(retained_, words);
  } else if (word == "source" || word == "so") {
    if (words.size() != 2) return fail(kUsage, "source takes a file");
    TRY(read(in_home(words[1], home_), home_, depth_ + 1));
  } else {
    return false;
  }
  return true;
}

Result<> Settings::read(const std::string& path, const std::string& home, int depth) {
  if (depth > kSourceDepthMax) return fail(kUsage, path + ": files of settings name each other without end");
  if (!file_exists(path)) return {};
  const std::string text = TRY(read_file(path, kSettingsOctetsMax));
  home_ = home;
  depth_ = depth;
  std::string line;
  std::string_view rest = text;
  while (!rest.empty()) {
    line += take_until(rest, '\n');
    if (line.ends_with('\\') && !rest.empty()) {
      line.back() = ' ';
      continue;
    }
    if (auto done = run(line); !done) return fail(kUsage, path + ": " + done.error().text());
    depth_ = depth;
    line.clear();
  }
  if (depth == 0) conditions_.clear();
  return {};
}

Result<> Settings::expand_into(const std::string& name, std::vector<std::string>& out, std::set<std::string>& seen,
                               int depth) const {
  if (depth > kAliasDepthMax) return fail(kUsage, "aliases of aliases are too deep at " + name);
  const auto found = name.starts_with('\\') ? aliases_.end() : aliases_.find(name);
  if (found == aliases_.end()) {
    if (out.size() == kNamesMax) return fail(kUsage, "more than " + std::to_string(kNamesMax) + " recipients");
    const std::string plain = name.starts_with('\\') ? name.substr(1) : name;
    if (std::ranges::find(out, plain) == out.end()) out.push_back(plain);
    return {};
  }
  if (!seen.insert(name).second) return {};
  for (const std::string& member : found->second) TRY(expand_into(member, out, seen, depth + 1));
  return {};
}

Result<std::vector<std::string>> Settings::expand(const std::vector<std::string>& names) const {
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const std::string& name : names) TRY(expand_into(name, out, seen, 0));
  return out;
}

bool Settings::shows(std::string_view field) const {
  if (!retained_.empty()) return retained_.contains(field);
  if (!discarded_.empty()) return !discarded_.contains(field);
  return std::ranges::any_of(kShown, [&](std::string_view one) { return equals_ignore_case(one, field); });
}

std::string Settings::list_variables() const {
  std::string out;
  for (const auto& [name, value] : variables_) out += value.empty() ? name + "\n" : name + "=\"" + value + "\"\n";
  return out;
}

}  // namespace angarium::mua
