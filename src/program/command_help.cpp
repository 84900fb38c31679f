#include "program/command_help.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "base/text.h"
#include "configuration/schema.h"

namespace angarium::program {

bool name_unknown_command(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  for (const std::string& word : words) {
    if (word.starts_with('-')) return false;
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const CLI::App* below : at->get_subcommands([](const CLI::App*) { return true; })) {
      if (below->get_name() == word) next = below;
      names.push_back(below->get_name());
    }
    if (names.empty()) return false;
    if (next == nullptr) {
      const std::vector<std::string_view> candidates(names.begin(), names.end());
      const std::string_view best = configuration::nearest(word, candidates);
      const std::string path = at == &app ? "" : at->get_name() + " ";
      fmt::print(stderr, "angarium: there is no command '{}{}'{}\n", path, escape_controls(word),
                 best.empty() ? "; angarium " + path + "--help lists them"
                              : "; did you mean '" + path + std::string(best) + "'?");
      return true;
    }
    at = next;
  }
  return false;
}

bool list_commands(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  if (at->get_subcommands([](const CLI::App*) { return true; }).empty()) return false;
  fmt::print(stderr, "{}", app.help());
  return true;
}

void or_location(CLI::App& command, CLI::Option* place, const char* flag, bool& own, const char* description) {
  CLI::Option* const made = command.add_flag(flag, own, description);
  for (CLI::Option* const other : command.get_options()) {
    const bool of_all = other == made || other == command.get_help_ptr() ||
                        std::ranges::count(std::array<std::string_view, 4>{"--account", "--dir", "--json", "--dry-run"},
                                           other->get_name()) > 0;
    if (!of_all) made->excludes(other);
  }
  command.parse_complete_callback([place, flag, &own] {
    if (place->count() == 0 && !own)
      throw CLI::ValidationError("say which " + place->get_name() + ", or " + std::string(flag));
  });
}

}  // namespace angarium::program
