// The directory's stored values: no octets crash the readers, and what is read is written alike.
#include "account/record.h"

#include <cstdint>
#include <cstdlib>

#include "base/text.h"

using namespace angarium;
using namespace angarium::account;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_entry(const Entry& entry) {
  const auto write = [](const auto& value) { return encode(value); };
  const std::string written = std::visit(write, entry);
  const auto again = decode_entry(written);
  require(again.has_value() && again->index() == entry.index() && std::visit(write, *again) == written);
  // A record that is cut short is never taken for a whole one, but for the one of before there were keys on demand.
  std::string older;
  if (const auto* const account = std::get_if<Account>(&entry)) {
    Account plain = *account;
    plain.credentials.on_demand = {};
    older = encode(plain);
  }
  for (std::size_t length = 0; length < written.size() && length < 300; ++length) {
    const std::string_view cut = std::string_view(written).substr(0, length);
    require(cut == older || !decode_entry(cut));
  }
}

void check_names(std::string_view text) {
  if (const auto domain = canonical_domain(text))
    require(all_ascii(*domain) && canonical_domain(*domain).value_or("") == *domain);
  if (const auto address = canonical_address(text))
    require(address->size() <= kAddressMax && canonical_address(*address).value_or("") == *address);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (const auto entry = decode_entry(octets)) check_entry(*entry);
  if (const auto domain = decode_domain(octets)) {
    const auto again = decode_domain(encode(*domain));
    require(again.has_value() && encode(*again) == encode(*domain));
  }
  check_names(octets);
  return 0;
}
