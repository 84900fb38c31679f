// Mailbox names: one form for all ways to write one.
#include "mailbox/name.h"

#include <cstdint>
#include <cstdlib>

#include "base/text.h"
#include "mailbox/limits.h"

using namespace angarium;
using namespace angarium::mailbox;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto name = canonical_name(text);
  if (!name) {
    require(name.error().is(kBadName));
    return 0;
  }
  require(valid_utf8(*name) && !name->empty() && name->size() <= kNameMax);
  require(canonical_name(*name).value_or("") == *name);
  const std::string_view parent = parent_of(*name);
  require(!leaf_of(*name).empty());
  if (!parent.empty()) require(is_inferior(*name, parent) && canonical_name(parent).value_or("") == parent);
  return 0;
}
