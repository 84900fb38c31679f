#include "delivery/here.h"

#include <unistd.h>

#include <array>

#include "support/test.h"

using namespace angarium;
using namespace angarium::delivery;

TEST_CASE("where nothing is said, it is this process on this host: its locks say whose they are") {
  std::array<char, 256> host{};
  REQUIRE(::gethostname(host.data(), host.size() - 1) == 0);
  const Surroundings named = with_names({});
  CHECK(named.process == static_cast<std::uint64_t>(::getpid()));
  CHECK(named.host == host.data());
  const Surroundings said = with_names({.host = "other.test", .process = 7});
  CHECK(said.process == 7);
  CHECK(said.host == "other.test");
}
