// Only for this room's tests: a home folder, and a terminal of text.
#pragma once

#include <string>

#include "base/text.h"
#include "box/testing.h"
#include "mua/error.h"
#include "mua/surroundings.h"
#include "mua/terminal.h"

namespace angarium::mua::testing {

/// A home folder, and the host as mail(1) finds it there.
class Home : public box::testing::Home {
 public:
  Surroundings surroundings(Terminal& terminal) {
    Surroundings here{
        .terminal = terminal, .submit = [](const Letter&) -> Result<> { return {}; }, .delivery = host().delivery};
    here.user = "anna";
    here.home = path();
    here.spool = path() + "/spool";
    here.editor = "sed -i s/before/after/";
    here.visual = here.editor;
    return here;
  }
};

/// Prompts and what is typed are seen, as on a terminal, where somebody sits.
class Typed final : public Terminal {
 public:
  Typed(std::string input, bool interactive) : input_(std::move(input)), interactive_(interactive) {}

  Line read_line(std::string_view prompt) override {
    if (interactive_) seen += prompt;
    if (input_.empty()) return {.kind = Line::Kind::end, .text = {}};
    const std::size_t end = std::min(input_.find('\n'), input_.size());
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (interactive_) seen += line + "\n";
    if (line == "^C") return {.kind = Line::Kind::interrupted, .text = {}};
    if (line == "^D") return {.kind = Line::Kind::end, .text = {}};
    if (line == "^F") return {.kind = Line::Kind::failed, .text = "the input failed"};
    return {.kind = Line::Kind::text, .text = std::move(line)};
  }
  Result<std::string> read_all(std::size_t max) override {
    if (input_.size() > max) return fail(kHost, "too much");
    return std::exchange(input_, {});
  }
  void write(std::string_view text) override { seen += text; }
  void complain(std::string_view text) override { seen += std::string(text) + "\n"; }
  void flush() override {}
  [[nodiscard]] bool interactive() const override { return interactive_; }
  [[nodiscard]] std::size_t lines() const override { return 24; }
  [[nodiscard]] std::size_t columns() const override { return 80; }
  void page(std::string_view text) override { write(text); }

  std::string seen;

 private:
  std::string input_;
  bool interactive_;
};

}  // namespace angarium::mua::testing
