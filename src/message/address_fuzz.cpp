#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "message/address.h"

using namespace angarium;
using namespace angarium::message;

// Any octets give addresses; what the strict grammar takes is read without a defect; what is written reads back the
// same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const AddressList list = parse_addresses(input);
  for (const AddressGroup& group : list.groups) {
    if (group.begin > group.end || group.end > list.addresses.size()) std::abort();
  }
  for (const Address& address : list.addresses) {
    if (!valid_utf8(address.name) || !valid_utf8(address.comment)) std::abort();
    (void)address_key(address.local_part, address.domain);
  }
  const auto grade = check_addresses(input, AddressSyntax::address_list);
  if (grade && list.defects != 0) std::abort();
  if (grade && *grade == Conformance::standard && list.addresses.size() == 1 && list.groups.empty()) {
    const Address& address = list.addresses[0];
    const std::string written = format_address(address.name, address.local_part, address.domain);
    const AddressList again = parse_addresses(written);
    if (again.defects != 0 || again.addresses.size() != 1 || again.addresses[0].local_part != address.local_part ||
        again.addresses[0].domain != address.domain) {
      std::abort();
    }
  }
  return 0;
}
