// Where the user sits: a terminal, a script at standard input, or the text of a test.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace angarium::mua {

/// Octets of a line that is read; the rest of a longer one comes as the next.
inline constexpr std::size_t kLineMax = 65536;

/// One thread.
class Terminal {
 public:
  virtual ~Terminal() = default;

  struct Line {
    /// failed: reading did, and goes on failing; what was typed before it is not all that was meant.
    enum class Kind { text, end, interrupted, failed } kind = Kind::text;
    std::string text;  ///< without its line end; of failed: why
  };
  /// The next line; `prompt` is shown where somebody sits.
  virtual Line read_line(std::string_view prompt) = 0;
  /// All that comes, up to so many octets. kHost: it cannot be read, or is more.
  virtual Result<std::string> read_all(std::size_t max) = 0;
  /// Shows text that is fit to be shown (screen.h).
  virtual void write(std::string_view text) = 0;
  /// A line about what went wrong, without its line end.
  virtual void complain(std::string_view text) = 0;
  /// What was written is with the user before a program takes the terminal.
  virtual void flush() = 0;

  /// Whether somebody sits there: prompts are shown, escapes of a letter count.
  [[nodiscard]] virtual bool interactive() const = 0;
  [[nodiscard]] virtual std::size_t lines() const = 0;
  [[nodiscard]] virtual std::size_t columns() const = 0;
  /// Shows a long text; through the user's pager where there is one.
  virtual void page(std::string_view text) = 0;
};

}  // namespace angarium::mua
