#include "agent/user_forward.h"

#include <set>
#include <string>
#include <utility>

#include "alias/expand.h"
#include "base/text.h"
#include "cage/steward.h"

namespace angarium::agent {
namespace {

class Flattening {
 public:
  Flattening(cage::ForwardFiles& files, std::uint32_t user) : files_(files), user_(user) {}

  alias::List flatten(alias::List list) {
    alias::List flat{.targets = {}, .findings = std::move(list.findings)};
    add(std::move(list.targets), alias::Trust::all, 0, flat);
    return flat;
  }

 private:
  void add(std::vector<alias::Target> targets, alias::Trust trust, std::size_t depth, alias::List& into) {
    for (alias::Target& target : targets) {
      if (into.targets.size() >= alias::kTargetsMax) return into.targets.push_back(alias::Bad{"too many targets"});
      if (const auto* const include = std::get_if<alias::Include>(&target)) {
        if (seen_.insert(include->path).second) add_file(include->path, trust, depth + 1, into);
      } else if (trust == alias::Trust::addresses && !harmless(target)) {
        into.targets.emplace_back(alias::Bad{"a command or file in an included file that others may write"});
      } else {
        into.targets.push_back(std::move(target));
      }
    }
  }

  void add_file(const std::string& path, alias::Trust trust, std::size_t depth, alias::List& into) {
    const auto bad = [&](const std::string& why) {
      into.targets.emplace_back(alias::Bad{":include:" + escape_controls(path) + ": " + why});
    };
    if (depth > alias::kDepthMax) return bad("too deep");
    const auto file = files_.read(path, alias::kIncludeMax);
    if (!file) return bad(file.error().text());
    if (!*file || !(*file)->status.regular) return bad("there is no such file");
    if (alias::trust_of((*file)->status, user_) == alias::Trust::addresses) trust = alias::Trust::addresses;
    add(alias::parse_list((*file)->text).targets, trust, depth, into);
  }

  static bool harmless(const alias::Target& target) {
    const auto* const file = std::get_if<alias::File>(&target);
    return file != nullptr ? file->path == "/dev/null" : !std::holds_alternative<alias::Pipe>(target);
  }

  cage::ForwardFiles& files_;
  std::uint32_t user_;
  std::set<std::string> seen_;
};

}  // namespace

Result<std::optional<alias::Forward>> user_forward(cage::Forward forward) {
  const auto user = static_cast<std::uint32_t>(forward.user.uid);
  cage::ForwardFiles files(std::move(forward));
  auto read = TRY(alias::read_forward(files, files.forward_path(), user));
  if (read) read->list = Flattening(files, user).flatten(std::move(read->list));
  return read;
}

}  // namespace angarium::agent
