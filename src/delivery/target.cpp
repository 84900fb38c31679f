#include "delivery/target.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace angarium::delivery {
namespace {

/// A path that begins with '/' and names something below it.
Result<std::string> absolute_path(std::string_view path) {
  if (!path.starts_with('/') || path.find_first_not_of('/') == std::string_view::npos)
    return fail(kBadTarget, fmt::format("\"{}\" is no path that begins with '/'", escape_controls(path)));
  return std::string(path);
}

Result<std::vector<std::string>> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!(text = trim(text)).empty()) {
    if (words.size() == kArgumentsMax)
      return fail(kBadTarget, fmt::format("exec: takes at most {} words", kArgumentsMax));
    const std::size_t size = std::min(text.find_first_of(" \t"), text.size());
    words.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  if (words.empty()) return fail(kBadTarget, "exec: names no program");
  TRY(absolute_path(words.front()));
  return words;
}

std::string text_of(const MboxTarget& target) { return "mbox:" + target.path; }
std::string text_of(const MaildirTarget& target) { return "maildir:" + target.path + "/"; }
std::string text_of(const PipeTarget& target) {
  if (const auto* command = std::get_if<std::string>(&target.command)) return "pipe:" + *command;
  std::string text = "exec:";
  for (const std::string& word : std::get<std::vector<std::string>>(target.command)) text += word + " ";
  text.pop_back();
  return text;
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  if (text.size() > kTargetMax) return fail(kBadTarget, fmt::format("a target has at most {} octets", kTargetMax));
  if (std::ranges::any_of(text, [](char c) { return is_control(c) && c != '\t'; }))
    return fail(kBadTarget, "control characters have no place in a target");
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? "" : trim(text.substr(colon + 1));
  if (colon != std::string_view::npos && kind == "mbox") {
    if (rest.ends_with('/'))
      return fail(kBadTarget, fmt::format("\"{}\" ends with '/': a folder is \"maildir:\"", escape_controls(rest)));
    return MboxTarget{.path = TRY(absolute_path(rest))};
  }
  if (colon != std::string_view::npos && kind == "maildir") {
    std::string path = TRY(absolute_path(rest));
    path.erase(path.find_last_not_of('/') + 1);
    return MaildirTarget{.path = std::move(path)};
  }
  if (colon != std::string_view::npos && kind == "pipe") {
    if (rest.empty()) return fail(kBadTarget, "pipe: names no command");
    return PipeTarget{.command = std::string(rest)};
  }
  if (colon != std::string_view::npos && kind == "exec") return PipeTarget{.command = TRY(words_of(rest))};
  return fail(kBadTarget, fmt::format("\"{}\" is no target: mbox:, maildir:, pipe: or exec: begins one",
                                      escape_controls(text, 100)));
}

std::string format_target(const Target& target) {
  return std::visit([](const auto& each) { return text_of(each); }, target);
}

}  // namespace angarium::delivery
