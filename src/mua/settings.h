// What the user has set: variables, aliases and the fields that are shown, from ~/.mailrc, -S and the command `set`.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace angarium::mua {

/// Lines of a file of settings, and how deep `source` may go.
inline constexpr std::size_t kSettingsOctetsMax = std::size_t{1} << 20;
inline constexpr int kSourceDepthMax = 10;
/// Aliases of aliases.
inline constexpr int kAliasDepthMax = 20;
/// What one list of names may become.
inline constexpr std::size_t kNamesMax = 10'000;

/// The words of a line, as the shell would part them: blanks, quotes and backslashes, no more. A quote that is not
/// closed goes to the end.
std::vector<std::string> split_words(std::string_view line);

class Settings {
 public:
  Settings();

  /// What stands in a variable; empty when it is not set or has no value.
  [[nodiscard]] std::string_view get(std::string_view name) const;
  [[nodiscard]] bool is_set(std::string_view name) const { return variables_.contains(name); }
  /// The number in a variable, or `otherwise`.
  [[nodiscard]] std::size_t number(std::string_view name, std::size_t otherwise) const;
  /// "name", "name=value" or "noname", which unsets.
  void set(std::string_view text);

  /// Carries a line out if it is one of settings: set, unset, alias (group), unalias, alternates, discard (ignore),
  /// retain, unignore, unretain, source, if, else, endif, and a comment. False for any other command. kUsage.
  Result<bool> run(std::string_view line);
  /// All lines of the file; words that are no settings are passed over. A file that is not there says nothing. `home`
  /// is for "~".
  Result<> read(const std::string& path, const std::string& home, int depth = 0);
  /// For `if r` and `if s`.
  void set_sending(bool sending) { sending_ = sending; }

  /// The members behind an alias, down to what is none: the names in order, each once. A ring leads nowhere. kUsage.
  Result<std::vector<std::string>> expand(const std::vector<std::string>& names) const;
  [[nodiscard]] const std::map<std::string, std::vector<std::string>>& aliases() const { return aliases_; }
  /// Other addresses of the user.
  [[nodiscard]] const std::set<std::string, LessIgnoreCase>& alternates() const { return alternates_; }
  /// Whether a field of the header is shown in a message that is printed.
  [[nodiscard]] bool shows(std::string_view field) const;

  /// The commands that show what is set.
  [[nodiscard]] std::string list_variables() const;

 private:
  Result<> expand_into(const std::string& name, std::vector<std::string>& out, std::set<std::string>& seen,
                       int depth) const;
  Result<bool> condition(const std::vector<std::string>& words);

  std::map<std::string, std::string, std::less<>> variables_;
  std::map<std::string, std::vector<std::string>> aliases_;
  std::set<std::string, LessIgnoreCase> alternates_;
  std::set<std::string, LessIgnoreCase> discarded_;
  std::set<std::string, LessIgnoreCase> retained_;
  std::vector<bool> conditions_;  ///< of the ifs that are open: whether their lines count
  bool sending_ = false;
  std::string home_;
  int depth_ = 0;
};

}  // namespace angarium::mua
