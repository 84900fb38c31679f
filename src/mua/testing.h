// Only for this room's tests: a home folder, and a terminal of text.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/text.h"
#include "mua/error.h"
#include "mua/surroundings.h"
#include "mua/terminal.h"

namespace angarium::mua::testing {

/// Made empty, removed with all that is in it. In memory where the host has a place for that: all is synced often.
class Home {
 public:
  Home() {
    const std::filesystem::path memory = "/dev/shm";
    path_ = ((::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path()) /
             "angarium-mua-XXXXXX")
                .string();
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  ~Home() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  void put(const std::string& name, std::string_view octets) const {
    const std::filesystem::path path = path_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << octets;
  }
  [[nodiscard]] std::string get(const std::string& name) const {
    std::ifstream file(path_ + "/" + name, std::ios::binary);
    if (!file) return "(not there)\n";
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  /// The time stands still, randomness is always the same.
  Surroundings surroundings(Terminal& terminal) {
    Surroundings here{.terminal = terminal,
                      .submit = [](const Letter&) -> Result<> { return {}; },
                      .delivery = {.files = delivery::local_files(),
                                   .clock = clock_,
                                   .random = random_,
                                   .host = "host.test",
                                   .process = 4712}};
    here.user = "anna";
    here.home = path_;
    here.spool = path_ + "/spool";
    here.editor = "sed -i s/before/after/";
    here.visual = here.editor;
    return here;
  }

 private:
  std::string path_;
  /// Its day stands still; intervals pass, for locks are waited for.
  class OneDay final : public Clock {
   public:
    [[nodiscard]] Moment now() const override { return system_clock().now(); }
    [[nodiscard]] WallTime wall() const override { return WallTime::from_seconds(1'700'000'000); }
  };
  OneDay clock_;
  SeededRandom random_{1};
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
