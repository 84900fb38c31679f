// The user's terminal, or what stands in its place: standard input, output and error.
#pragma once

#include <cstdint>
#include <string>

#include "mua/terminal.h"

namespace angarium::program {

/// What an interrupt (Ctrl-C) does where somebody sits.
enum class Interrupt : std::uint8_t {
  ends_line,     ///< the reading of a line ends
  ends_program,  ///< as everywhere
};

/// One a process.
class Console final : public mua::Terminal {
 public:
  Console(std::string shell, std::string pager, Interrupt interrupt);
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
  bool catching_;
};

}  // namespace angarium::program
