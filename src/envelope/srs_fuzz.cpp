// Any local part, as a sender to be rewritten and as an address to be read back: what we made leads back, what we did
// not make does not.
#include "envelope/srs.h"

#include <cstdint>
#include <cstdlib>

using namespace angarium;
using namespace angarium::envelope;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string local(reinterpret_cast<const char*>(data), size);
  const Srs srs({"key"}, "our.example");
  const Srs other({"another"}, "our.example");
  const WallTime now{1'700'000'000'000'000};
  require(!srs.reverse(local, now) || is_srs(local));
  const auto made = srs.forward({.local_part = local, .domain = "their.example"}, now);
  if (!made) {
    require(local.size() > 100);
    return 0;
  }
  require(is_srs(made->local_part) && made->local_part.size() <= kSrsLocalPartMax && made->domain == "our.example");
  require(!other.reverse(made->local_part, now));
  const auto back = srs.reverse(made->local_part, now);
  if (local.empty()) return 0;
  require(back.has_value());
  if (!is_srs(local)) require(*back == Mailbox{.local_part = local, .domain = "their.example"});
  return 0;
}
