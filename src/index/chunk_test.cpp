#include "index/chunk.h"

#include <array>

#include "index/error.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::index;

TEST_CASE("the table of a chunk's documents comes back as it was, up to the highest id that is indexed") {
  const std::vector<Document> all = {{1, true}, {2, false}, {1000, true}, {kEmailMax - 1, false}, {kEmailMax, true}};
  CHECK(decode_documents(encode_documents(all)).value() == all);
  CHECK(decode_documents(encode_documents({})).value().empty());
}

TEST_CASE("a table with an id beyond those that are indexed is damage: a search would make a set of that size") {
  for (const EmailId email : {kEmailMax + 1, kEmailMax * 2, EmailId{1} << 40, EmailId{1} << 62}) {
    const auto read = decode_documents(encode_documents(std::array{Document{7, true}, Document{email, true}}));
    REQUIRE(!read);
    CHECK(read.error().is(kDamaged));
  }
  // Each gap is small enough, their sum is not.
  std::vector<Document> rising;
  for (EmailId email = kEmailMax - 2; email < kEmailMax + 2; ++email) rising.push_back({email, true});
  CHECK(!decode_documents(encode_documents(rising)));
}
