// Any octets are targets and entries or findings; what is read is written in the form that gives the same again.
#include <cstdint>
#include <cstdlib>

#include "alias/table.h"

using namespace angarium;
using namespace angarium::alias;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void require_inverse(const Target& target) {
  if (std::holds_alternative<Bad>(target)) return;
  const auto text = target_text(target);
  if (text.size() > kTargetMax) return;  // quoting made it longer
  require(parse_target(text) == target);
  const auto list = parse_list(text);
  require(list.targets.size() == 1 && list.targets[0] == target);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto list = parse_list(text);
  require(list.targets.size() <= kTargetsMax + 1);
  for (const auto& target : list.targets) require_inverse(target);
  const auto table = Table::parse(text);
  require(table.has_value());
  for (const auto& entry : table->entries()) {
    require(!entry.targets.empty() && table->find(entry.name) == &entry);
    for (const auto& target : entry.targets) require_inverse(target);
  }
  return 0;
}
