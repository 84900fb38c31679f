// Addresses, prefixes and endpoints as text: what is read is written in the one form that gives the same again.
#include "io/address.h"

#include <cstdint>
#include <cstdlib>

using namespace angarium;
using namespace angarium::io;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto address = IpAddress::parse(text)) require(IpAddress::parse(address->text()) == *address);
  if (const auto endpoint = Endpoint::parse(text)) require(Endpoint::parse(endpoint->text()).value() == *endpoint);
  if (const auto prefix = Prefix::parse(text)) {
    const auto again = Prefix::parse(prefix->text());
    require(again.has_value() && again->text() == prefix->text());
    const auto first = IpAddress::parse(text.substr(0, text.find('/')));
    require(first && prefix->contains(*first));
  }
  return 0;
}
