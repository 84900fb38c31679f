// The table: any octets with a right checksum give a table that is written and read alike, or an error.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/crc32c.h"
#include "store/keys.h"
#include "store/log_table.h"

using namespace angarium;
using namespace angarium::store;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_table(std::string_view body) {
  (void)Table::decode(body);
  const auto table = Table::decode(fmt::format("{}crc {:08x}\n", body, crc32c(body)));
  if (!table) return require(table.error().is(kDamaged) || table.error().is(kFormat));
  const auto again = Table::decode(table->encode());
  require(again.has_value() && again->segments == table->segments && again->tablet == table->tablet &&
          again->next == table->next && again->knows_cold() == table->knows_cold());
}

void check_keys(std::string_view key) {
  KeyReader reader(key);
  const std::string text = reader.text();
  if (!reader.ok()) return require(text.empty());
  const std::string_view rest = reader.rest();
  require(KeyWriter().text(text).rest(rest).key() == key);
  const std::string end = after_prefix(key);
  require(end.empty() || end > key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  check_table(octets);
  check_keys(octets);
  return 0;
}
