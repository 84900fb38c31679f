#include "agent/alias_verbs.h"

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "base/text.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;

std::string_view word(account::Resolution::Kind kind) {
  using Kind = account::Resolution::Kind;
  switch (kind) {
    case Kind::accounts: return "accounts";
    case Kind::unknown: return "unknown";
    case Kind::not_local: return "not-local";
    case Kind::disabled: return "disabled";
    case Kind::too_deep: return "too-deep";
  }
  return "unknown";
}

/// One look through all files.
class Check {
 public:
  Check(Services& services, const LocalTerms& local) : services_(services), local_(local) {}

  void file(const std::string& path);
  Result<> follow_all();
  std::string result() && {
    return json::serialize(json::object{{"files", std::move(files_)}, {"findings", std::move(findings_)}});
  }

 private:
  void found(const std::string& file, std::size_t line, const std::string& text) {
    if (findings_.size() < kAliasFindingsMax)
      findings_.push_back(
          json::object{{"file", escape_controls(file, 1024)}, {"line", line}, {"text", escape_controls(text, 1024)}});
  }
  void entries(const std::string& path, const alias::Table& table, alias::Trust trust);
  void target(const std::string& path, const alias::Entry& entry, const alias::Target& target, alias::Trust trust);
  void included(const std::string& path);

  /// Where an alias stands.
  struct Place {
    std::string file;
    std::size_t line = 0;
    bool bad = false;  ///< a target of it cannot be read, which is told already
  };
  Services& services_;
  const LocalTerms& local_;
  json::array files_;
  json::array findings_;
  std::map<std::string, Place> names_;
  std::set<std::string> included_;
};

void Check::file(const std::string& path) {
  json::object shown{{"file", escape_controls(path, 1024)}, {"there", false}, {"aliases", 0}, {"commands", false}};
  auto file = local_.files->read(path, alias::kAliasesMax);
  if (!file) {
    found(path, 0, file.error().text());
  } else if (*file && !(*file)->status.regular) {
    found(path, 0, "is no regular file");
  } else if (*file) {
    const auto trust = alias::trust_of((*file)->status, geteuid());
    const auto table = alias::Table::parse((*file)->text);
    shown["there"] = true;
    shown["commands"] = trust == alias::Trust::all;
    if (table) {
      shown["aliases"] = table->entries().size();
      for (const alias::Finding& finding : table->findings()) found(path, finding.line, finding.text);
      entries(path, *table, trust);
    } else {
      found(path, 0, table.error().text());
    }
  }
  files_.push_back(std::move(shown));
}

void Check::entries(const std::string& path, const alias::Table& table, alias::Trust trust) {
  for (const alias::Entry& entry : table.entries()) {
    const bool bad = std::ranges::any_of(
        entry.targets, [](const alias::Target& one) { return std::holds_alternative<alias::Bad>(one); });
    const auto [at, is_new] = names_.try_emplace(entry.name, Place{.file = path, .line = entry.line, .bad = bad});
    if (!is_new) {
      found(path, entry.line, entry.name + " stands in " + at->second.file + " already, which counts");
      continue;
    }
    for (const alias::Target& one : entry.targets) target(path, entry, one, trust);
  }
}

void Check::target(const std::string& path, const alias::Entry& entry, const alias::Target& target,
                   alias::Trust trust) {
  if (const auto* include = std::get_if<alias::Include>(&target)) included(include->path);
  if (std::holds_alternative<alias::Pipe>(target) && trust == alias::Trust::all && geteuid() == 0)
    found(path, entry.line, entry.name + ": commands do not run while the server is root; set server.user");
}

void Check::included(const std::string& path) {
  if (!included_.insert(path).second) return;
  // One that is not there or cannot be read is told with the alias that does not reach everybody for it.
  const auto file = local_.files->read(path, alias::kIncludeMax);
  if (!file || !*file || !(*file)->status.regular) return;
  for (const alias::Finding& finding : alias::parse_list((*file)->text).findings)
    found(path, finding.line, finding.text);
}

Result<> Check::follow_all() {
  const std::string home = TRY(services_.directory().home(local_.hostname));
  std::size_t followed = 0;
  for (const auto& [name, place] : names_) {
    if (++followed > kAliasesFollowedMax) {
      found(place.file, place.line,
            "only " + std::to_string(kAliasesFollowedMax) + " aliases were followed to their end");
      break;
    }
    if (!home.empty()) {
      const auto own = TRY(services_.directory().resolve(name, home));
      if (own->kind == account::Resolution::Kind::accounts && !own->by_default) {
        found(place.file, place.line, name + "@" + home + " is an address of the directory, which counts");
        continue;
      }
    }
    const Sorted sorted = TRY(sort_mail(services_, &local_, {.local_part = name, .domain = {}}));
    for (const alias::Problem& problem : sorted.problems)
      if (!place.bad || problem.enhanced != "4.3.5") found(place.file, place.line, name + ": " + problem.text);
    for (const route::Fact& fact : sorted.facts)
      if (fact.about == "later") found(place.file, place.line, name + ": " + fact.text);
  }
  return {};
}

}  // namespace

Result<std::string> check_aliases(Services& services, const LocalTerms& local, const std::vector<std::string>& paths) {
  Check check(services, local);
  for (const std::string& path : paths) check.file(path);
  TRY(check.follow_all());
  return std::move(check).result();
}

std::string sorted_json(const Sorted& sorted) {
  json::array accounts;
  for (const account::Destination& account : sorted.accounts) accounts.push_back(json::string(account.address));
  json::array onward;
  for (const Sorted::Onward& one : sorted.onward)
    onward.push_back(json::string(escape_controls(one.target.empty() ? one.to.text() : one.target, 1024)));
  json::array steps;
  for (const route::Fact& fact : sorted.facts)
    steps.push_back(json::object{{"about", fact.about}, {"text", escape_controls(fact.text, 1024)}});
  json::array problems;
  for (const alias::Problem& problem : sorted.problems)
    problems.push_back(json::object{{"status", problem.enhanced}, {"text", escape_controls(problem.text, 1024)}});
  return json::serialize(json::object{{"kind", word(sorted.kind)},
                                      {"accounts", std::move(accounts)},
                                      {"onward", std::move(onward)},
                                      {"discarded", sorted.discarded},
                                      {"steps", std::move(steps)},
                                      {"problems", std::move(problems)}});
}

}  // namespace angarium::agent
