// What an alias stands for: the grammar of the right-hand side of aliases(5), which .forward and :include: files share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "envelope/path.h"

namespace angarium::alias {

/// Octets of one target as written: a path has at most 4,096 (PATH_MAX), a command rarely more.
inline constexpr std::size_t kTargetMax = 4096;
/// Targets of one entry or file; a list with more members belongs to a list manager.
inline constexpr std::size_t kTargetsMax = 10'000;
/// Findings that are kept of one file; who has more reads these first.
inline constexpr std::size_t kFindingsMax = 100;

/// An address, or a name of this host when the mailbox has no domain.
struct Address {
  envelope::Mailbox mailbox;
  /// `stop`: "\user", the mailbox itself, whatever aliases and .forward say of it.
  enum class Further { expand, stop } further = Further::expand;
  friend bool operator==(const Address&, const Address&) = default;
};
/// Appended to; "/dev/null" is mail thrown away.
struct File {
  std::string path;
  friend bool operator==(const File&, const File&) = default;
};
/// For a shell, without the bar.
struct Pipe {
  std::string command;
  friend bool operator==(const Pipe&, const Pipe&) = default;
};
/// The targets that stand in the file.
struct Include {
  std::string path;
  friend bool operator==(const Include&, const Include&) = default;
};
/// What cannot be read. It stays in its list, so that mail waits for the operator instead of missing a recipient.
struct Bad {
  std::string reason;
  friend bool operator==(const Bad&, const Bad&) = default;
};
using Target = std::variant<Address, File, Pipe, Include, Bad>;

/// One target, without commas around it:
///
///     name  "a name"  name@example.org  Some Words <name@example.org>
///     \name                          no further expansion
///     /file/name  "/file/name"
///     |command args  "|command args"  |"command args"
///     :include:/file/name  ":include:/file/name"
///
/// Within double quotes \" and \\ stand for the second octet. Quotes around a whole address change nothing.
Target parse_target(std::string_view text);
/// The inverse for all but Bad.
std::string target_text(const Target& target);

/// A mistake in a file.
struct Finding {
  std::size_t line;
  std::string text;
  friend bool operator==(const Finding&, const Finding&) = default;
};

struct List {
  std::vector<Target> targets;
  std::vector<Finding> findings;
};
/// Targets between commas and line ends, as in .forward and :include: files. Empty lines and lines whose first octet
/// that is no blank is "#" are skipped; a line that begins with a blank goes on with the one before.
List parse_list(std::string_view text);

/// Logical lines, shared with the reader of aliases.
class LogicalLines {
 public:
  explicit LogicalLines(std::string_view text) : rest_(text) {}
  /// False at the end.
  bool next();
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::size_t line() const { return line_; }  ///< where it begins, from 1

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
  std::string text_;
  std::size_t line_ = 0;
};
/// Splits at commas outside of quotes and angle brackets, and appends. A quote without an end is one Bad target.
void parse_targets(std::string_view text, std::size_t line, List& list);
/// Where the quoted string that begins at `text[0]` ends: one past its closing quote; npos without one.
std::size_t quoted_end(std::string_view text);
/// What stands between the quotes of a whole quoted string.
std::string unquote(std::string_view text);

}  // namespace angarium::alias
