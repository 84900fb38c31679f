#include "store/keys.h"

#include <string>
#include <vector>

#include "support/test.h"

namespace angarium::store {

TEST_CASE("keys order as their parts do") {
  std::vector<std::string> texts{"",
                                 std::string("\0", 1),
                                 std::string("\0\0", 2),
                                 std::string("\0\x01", 2),
                                 "\x01",
                                 "a",
                                 std::string("a\0", 2),
                                 std::string("a\0\xFF", 3),
                                 "a\x01",
                                 "aa",
                                 "b",
                                 "\xFF"};
  std::vector<std::string> keys;
  for (const auto& text : texts)
    for (std::uint32_t number : {0u, 1u, 255u, 256u, 0xFFFFFFFFu})
      keys.push_back(KeyWriter().u8(7).text(text).u32(number).key());
  for (std::size_t i = 1; i < keys.size(); ++i) CHECK(keys[i - 1] < keys[i]);
}

TEST_CASE("a key is read back part by part") {
  std::string key = KeyWriter().u8(0xFE).u64(0x0102030405060708).text(std::string("x\0y", 3)).u32(9).rest("tail").key();
  KeyReader reader(key);
  CHECK(reader.u8() == 0xFE);
  CHECK(reader.u64() == 0x0102030405060708);
  CHECK(reader.text() == std::string("x\0y", 3));
  CHECK(reader.u32() == 9);
  CHECK_FALSE(reader.done());
  CHECK(reader.rest() == "tail");
  CHECK(reader.done());
}

TEST_CASE("a key that ends too early or has a broken text is not ok, at every cut") {
  std::string key = KeyWriter().text(std::string("a\0b", 3)).u32(5).key();
  for (std::size_t cut = 0; cut < key.size(); ++cut) {
    KeyReader reader(std::string_view(key).substr(0, cut));
    reader.text();
    reader.u32();
    CHECK_FALSE(reader.ok());
  }
  KeyReader broken(std::string_view("a\0\x02", 3));
  CHECK(broken.text().empty());
  CHECK_FALSE(broken.ok());
}

TEST_CASE("after_prefix is the first key beyond all with the prefix") {
  CHECK(after_prefix("ab") == "ac");
  CHECK(after_prefix("a\xFF\xFF") == "b");
  CHECK(after_prefix("\xFF").empty());
  CHECK(after_prefix("").empty());
}

}  // namespace angarium::store
