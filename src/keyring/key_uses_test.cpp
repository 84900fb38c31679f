#include "keyring/key_uses.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::keyring;

TEST_CASE("NIST SP 800-38D 8.3: a key seals 2^32 times and not once more") {
  KeyUses uses;
  CHECK(uses.use(kUsesMax - 1));
  CHECK(uses.use());
  CHECK(uses.used() == 1ULL << 32);
  const auto refused = uses.use();
  CHECK(refused.error().is(kKeyWorn));
  CHECK(refused.error().temporary());
  CHECK(uses.used() == kUsesMax);
  CHECK(!KeyUses().use(kUsesMax + 1));
  // Nobody's sum runs over.
  CHECK(KeyUses(UINT64_MAX).worn());
  CHECK(!KeyUses(UINT64_MAX).use());
}

TEST_CASE("another key is made long before that: at the bound, and not one use earlier") {
  KeyUses uses;
  REQUIRE(uses.use(kUsesRenewed - 1));
  CHECK(!uses.worn());
  REQUIRE(uses.use());
  CHECK(uses.worn());
  CHECK(uses.use());
  CHECK(!KeyUses(kUsesRenewed - kUsesStride - 1).worn());
  CHECK(KeyUses(kUsesRenewed - kUsesStride).worn());
}

TEST_CASE("the record is ahead of what is used, by a stride; one that was refused is put again") {
  KeyUses uses;
  for (std::uint64_t i = 0; i < kUsesStride; ++i) {
    CHECK(uses.has_room());
    REQUIRE(uses.use());
    CHECK(!uses.to_record());
  }
  CHECK(!uses.has_room());
  REQUIRE(uses.use());
  CHECK(uses.to_record() == 2 * kUsesStride + 1);
  // In the same batch it is there already.
  CHECK(!uses.to_record(2 * kUsesStride + 1));
  CHECK(uses.to_record());
  uses.recorded(2 * kUsesStride + 1);
  CHECK(!uses.to_record());
  CHECK(uses.has_room());
  uses.refused();
  CHECK(uses.to_record());
  CHECK(!uses.has_room());
  uses.recorded(5000);
  uses.recorded(4000);
  REQUIRE(uses.use(5000 - uses.used()));
  CHECK(!uses.to_record());
}

TEST_CASE("a new process counts from the record on, whatever was used of it; a key that nobody counted is not used") {
  KeyUses uses(5000);
  CHECK(!uses.has_room());
  CHECK(uses.used() >= 5000);
  REQUIRE(uses.use());
  CHECK(*uses.to_record() > 5000);
  CHECK(KeyUses(std::nullopt).worn());
  CHECK(!KeyUses(std::nullopt).use());
}

TEST_CASE("the record reads as it was written, and nothing else is one") {
  for (const std::uint64_t uses : {std::uint64_t{0}, kUsesStride, kUsesMax, UINT64_MAX})
    CHECK(KeyUses::decode(KeyUses::encode(uses)) == uses);
  for (const std::string& wrong : {std::string(), std::string("\1"), std::string("\2\1"), std::string("\1\x80")})
    CHECK(!KeyUses::decode(wrong));
}
