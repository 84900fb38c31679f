#include "mailbox/name.h"

#include "base/text.h"
#include "mailbox/limits.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;

TEST_CASE("RFC 9051 5.1: INBOX in any case is one name, also as a first level") {
  CHECK(canonical_name("iNbOx") == "INBOX");
  CHECK(canonical_name("inbox/Work") == "INBOX/Work");
  CHECK(canonical_name("Inboxes") == "Inboxes");
  CHECK(canonical_name("Work/inbox") == "Work/inbox");
}

TEST_CASE("RFC 9051 6.3.4: one separator at the end is taken away") {
  CHECK(canonical_name("a/b/") == "a/b");
  CHECK(!canonical_name("a/b//"));
  CHECK(!canonical_name("/"));
}

TEST_CASE("names are kept in normal form C") {
  CHECK(canonical_name("Caf\x65\xCC\x81") == "Caf\xC3\xA9");
  CHECK(canonical_name("\xC3\x84rzte") == "\xC3\x84rzte");
}

TEST_CASE("names that are refused: empty levels, '#', controls, line separators, what is not UTF-8") {
  for (std::string_view bad : {""sv, "a//b"sv, "/a"sv, "#news"sv, "a\x01"sv, "a\nb"sv, "a\x7F"sv, "a\0b"sv,
                               "\xC2\x85"sv, "\xE2\x80\xA8"sv, "\xE2\x80\xA9"sv, "\xFF"sv, "\xED\xA0\x80"sv}) {
    auto name = canonical_name(bad);
    REQUIRE_MESSAGE(!name, bad);
    CHECK(name.error().is(kBadName));
  }
  CHECK(canonical_name("a#b"));
  CHECK(canonical_name("100% * really"));
}

TEST_CASE("limits of names hold at the limit and not one past it") {
  CHECK(canonical_name(std::string(kLevelMax, 'a')));
  CHECK(!canonical_name(std::string(kLevelMax + 1, 'a')));
  std::string deep = "a";
  for (std::size_t i = 1; i < kDepthMax; ++i) deep += "/a";
  CHECK(canonical_name(deep));
  CHECK(!canonical_name(deep + "/a"));
  std::string longest;
  while (longest.size() + 200 <= kNameMax) longest += std::string(199, 'x') + "/";
  longest += std::string(kNameMax - longest.size(), 'y');
  if (longest.ends_with('/')) longest.back() = 'y';
  CHECK(longest.size() == kNameMax);
  CHECK(canonical_name(longest));
  CHECK(!canonical_name(longest + "z"));
}

TEST_CASE("levels: parent, leaf, inferior") {
  CHECK(parent_of("a/b/c") == "a/b");
  CHECK(parent_of("a").empty());
  CHECK(leaf_of("a/b/c") == "c");
  CHECK(is_inferior("a/b", "a"));
  CHECK(!is_inferior("ab", "a"));
  CHECK(!is_inferior("a", "a"));
}
