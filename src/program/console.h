// The user's terminal, or what stands in its place: standard input, output and error.
#pragma once

#include <string>

#include "mua/terminal.h"

namespace angarium::program {

/// One a process: while it lives, an interrupt ends the reading of a line.
class Console final : public mua::Terminal {
 public:
  Console(std::string shell, std::string pager);
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console() override;

  Line read_line(std::string_view prompt) override;
  Result<std::string> read_all(std::size_t max) override;
  void write(std::string_view text) override;
  void complain(std::string_view text) override;
  void flush() override;
  [[nodiscard]] bool interactive() const override { return interactive_; }
  [[nodiscard]] std::size_t lines() const override;
  [[nodiscard]] std::size_t columns() const override;
  void page(std::string_view text) override;

 private:
  /// False at the end, when reading failed (failed_), or when a signal came.
  bool fill();

  std::string shell_;
  std::string pager_;
  std::string input_;
  bool over_ = false;
  int failed_ = 0;  ///< the number of the error that reading ended with
  bool interactive_;
};

}  // namespace angarium::program
