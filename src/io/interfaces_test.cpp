#include "io/interfaces.h"

#include <algorithm>

#include "support/test.h"

TEST_CASE("this host has addresses, that of the loopback interface among them, each once") {
  using angarium::io::IpAddress;
  auto addresses = angarium::io::interface_addresses();
  CHECK(std::ranges::find(addresses, IpAddress::v4({127, 0, 0, 1})) != addresses.end());
  std::ranges::sort(addresses);
  CHECK(std::ranges::adjacent_find(addresses) == addresses.end());
}
