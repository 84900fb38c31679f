// Any aliases, with the same octets as .forward and as a file to include: an expansion ends, within its limits.
#include <cstdint>
#include <cstdlib>

#include "alias/expand.h"
#include "alias/memory_files.h"

using namespace angarium;
using namespace angarium::alias;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// Everybody whose name is short is a user with the same .forward.
class House final : public Household {
 public:
  explicit House(std::string_view text) : forward_{.list = parse_list(text)} {}
  bool is_here(std::string_view domain) override { return domain == "h"; }
  Result<bool> comes_first(const std::string& name) override { return name.starts_with('!'); }
  Result<std::optional<User>> user(const std::string& name) override {
    if (name.size() > 2) return std::nullopt;
    return User{.uid = 1, .forward = forward_};
  }

 private:
  Forward forward_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  House house(text);
  MemoryFiles files;
  files.write("/i", std::string(text));
  auto aliases = std::make_shared<Aliases>();
  aliases->table = Table::parse(text).value();
  const auto expansion = expand({aliases, aliases}, files, house, {.local_part = "a", .domain = {}});
  require(expansion.destinations.size() <= kDestinationsMax && expansion.problems.size() <= kProblemsMax);
  require(expansion.facts.size() <= kFactsMax);
  return 0;
}
