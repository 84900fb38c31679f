#include "protocol/imap/text_table.h"

#include <string>

#include "support/test.h"

using namespace angarium::protocol::imap;

TEST_CASE("a table of texts finds each text's number and no other") {
  std::vector<std::string> texts;
  for (int i = 0; i < 20'000; ++i)
    texts.push_back(std::string(static_cast<std::size_t>(i % 19), 'x') + std::to_string(i));
  for (const std::uint64_t secret : {0ULL, 1ULL, ~0ULL}) {
    TextTable table(secret);
    if (secret == 1) table.expect(texts.size());
    CHECK(table.find("") == TextTable::kNone);
    for (std::uint32_t i = 0; i < texts.size(); ++i) {
      REQUIRE(table.find(texts[i]) == TextTable::kNone);
      table.add(texts[i], i);
    }
    table.add("", 7);
    CHECK(table.size() == texts.size() + 1);
    for (std::uint32_t i = 0; i < texts.size(); ++i) REQUIRE(table.find(texts[i]) == i);
    CHECK(table.find("") == 7);
    CHECK(table.find("none") == TextTable::kNone);
  }
}
