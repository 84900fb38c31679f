#include "envelope/delivery_id.h"

#include "base/text.h"
#include "support/test.h"

using namespace angarium;
using envelope::DeliveryId;

TEST_CASE("a delivery id is twelve letters that give it back, in any case") {
  SeededRandom random(3);
  for (int i = 0; i < 1000; ++i) {
    const DeliveryId id = DeliveryId::make(random);
    REQUIRE(id.text().size() == DeliveryId::kLetters);
    CHECK(DeliveryId::parse(id.text()) == id);
    CHECK(DeliveryId::parse(to_upper(id.text())) == id);
  }
  CHECK(DeliveryId(UINT64_MAX).text() == "zzzzzzzzzzzz");
  CHECK(DeliveryId(33).text() == "110000000000");
}

TEST_CASE("what is no delivery id is none") {
  for (const char* const text : {"", "00000000000", "0000000000000", "00000000000i", "00000000000 ", "00000000000\x80"})
    CHECK(!DeliveryId::parse(text));
}
