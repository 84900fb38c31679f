#include "alias/table.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/text.h"

namespace angarium::alias {
namespace {

constexpr std::string_view kOwner = "owner-";

/// The name before the colon in lower case, and what follows; an empty name when the line is no entry.
struct Split {
  std::string name;
  std::string_view targets;
};
Split split(std::string_view line) {
  line = trim(line);
  std::size_t end = 0;
  std::string name;
  if (line.starts_with('"')) {
    end = quoted_end(line);
    if (end == std::string_view::npos) return {};
    name = trim(unquote(line.substr(0, end)));
  } else {
    end = std::min(line.find_first_of(":\"@"), line.size());
    name = trim(line.substr(0, end));
    if (name.find_first_of(" \t,\\|<>()") != std::string::npos || name.starts_with('/')) return {};
  }
  auto after = trim(line.substr(end));
  if (!after.starts_with(':')) return {};
  after.remove_prefix(1);
  if (name.size() > kAliasNameMax || !valid_utf8(name) || std::ranges::any_of(name, is_control)) return {};
  return {.name = to_lower(name), .targets = after};
}

}  // namespace

Result<Table> Table::parse(std::string_view text) {
  if (text.size() > kAliasesMax) return fail(kTooLarge, "the aliases have more than 16 MiB");
  Table table;
  const auto found = [&](std::size_t line, std::string what) {
    if (table.findings_.size() < kFindingsMax) table.findings_.push_back({line, std::move(what)});
  };
  LogicalLines lines(text);
  while (lines.next()) {
    const auto [name, targets] = split(lines.text());
    if (name.empty()) {
      found(lines.line(), "no 'NAME: TARGET, …': '" + escape_controls(lines.text(), 80) + "'");
      continue;
    }
    List list;
    parse_targets(targets, lines.line(), list);
    if (list.targets.empty()) {
      Bad nobody{escape_controls(name) + " stands for nobody"};
      list.findings.push_back({lines.line(), nobody.reason});
      list.targets.emplace_back(std::move(nobody));
    }
    for (auto& finding : list.findings) found(finding.line, std::move(finding.text));
    table.entries_.push_back({.name = name, .targets = std::move(list.targets), .line = lines.line()});
  }
  std::ranges::sort(table.entries_, {}, [](const Entry& entry) { return std::tie(entry.name, entry.line); });
  const auto same = [&](const Entry& first, const Entry& second) {
    const bool twice = first.name == second.name;
    if (twice)
      found(second.line, "'" + escape_controls(second.name) + "' stands in line " + std::to_string(first.line));
    return twice;
  };
  const auto rest = std::ranges::unique(table.entries_, same);
  table.entries_.erase(rest.begin(), rest.end());
  return table;
}

const Entry* Table::find(std::string_view name) const {
  const auto key = to_lower(name);
  const auto at = std::ranges::lower_bound(entries_, key, {}, &Entry::name);
  return at != entries_.end() && at->name == key ? &*at : nullptr;
}

const Entry* Table::owner_of(std::string_view name) const {
  if (starts_with_ignore_case(name, kOwner)) return nullptr;
  return find(std::string(kOwner) + std::string(name));
}

}  // namespace angarium::alias
