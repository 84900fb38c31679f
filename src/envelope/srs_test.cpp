#include "envelope/srs.h"

#include "base/text.h"
#include "support/test.h"

namespace angarium::envelope {
namespace {

constexpr std::int64_t kDay = 86'400'000'000;
constexpr WallTime kNow{19'000 * kDay + kDay / 2};

Srs ours(std::vector<std::string> keys = {"secret"}) { return {std::move(keys), "our.example"}; }
Mailbox mailbox(const std::string& text) { return parse_mailbox(text).value(); }
std::string forward(const std::string& text) { return ours().forward(mailbox(text), kNow)->local_part; }

}  // namespace

TEST_CASE("a sender becomes an address of ours, and comes back") {
  // Made with Python's hmac and base64: HMAC-SHA1("secret", "rytheir.examplealice").
  const auto made = ours().forward(mailbox("Alice@their.example"), kNow);
  REQUIRE(made);
  CHECK(made->text() == "SRS0=bgnFpA=RY=their.example=Alice@our.example");
  CHECK(ours().reverse(made->local_part, kNow)->text() == "Alice@their.example");
}

TEST_CASE("what another hop has made is handed back to that hop: SRS0 becomes SRS1, SRS1 keeps the first hop") {
  const std::string first = "SRS0=abcd=SO=their.example=alice@hop.example";
  const std::string made = forward(first);
  CHECK(made == "SRS1=I4mu6G=hop.example==abcd=SO=their.example=alice");
  CHECK(ours().reverse(made, kNow)->text() == first);
  const std::string again = forward("SRS1=xyzt=hop.example==abcd=SO=their.example=alice@second.example");
  CHECK(again == made);
  CHECK(ours().reverse(again, kNow)->text() == first);
  // The other separators of libsrs2 stay what they were.
  CHECK(ours().reverse(forward("srs0+abcd=SO=their.example=alice@hop.example"), kNow)->text() ==
        "SRS0+abcd=SO=their.example=alice@hop.example");
}

TEST_CASE("an address is good for twenty-one days, also when the count of days begins anew") {
  for (const std::int64_t start : {std::int64_t{19'000}, std::int64_t{1024} * 19 - 1, std::int64_t{1024} * 19 - 21}) {
    const auto made = ours().forward(mailbox("a@their.example"), {start * kDay});
    CHECK(ours().reverse(made->local_part, {start * kDay}));
    CHECK(ours().reverse(made->local_part, {(start + kSrsDays) * kDay + kDay - 1}));
    CHECK(ours().reverse(made->local_part, {(start + kSrsDays + 1) * kDay}).error().is(kExpiredSrs));
  }
}

TEST_CASE("whoever changes an octet has no address of ours; the case of letters does not count") {
  for (const std::string sender : {"alice@their.example", "SRS0=abcd=SO=their.example=alice@hop.example"}) {
    const std::string made = forward(sender);
    CHECK(ours().reverse(to_lower(made), kNow));
    CHECK(equals_ignore_case(ours().reverse(to_lower(made), kNow)->text(), sender));
    for (std::size_t i = 5; i < made.size(); ++i) {
      std::string changed = made;
      changed[i] = changed[i] == 'q' || changed[i] == 'Q' ? 'x' : 'q';
      CAPTURE(changed);
      CHECK(!ours().reverse(changed, kNow));
    }
    for (std::size_t cut = 0; cut < made.size(); ++cut) CHECK(!ours().reverse(made.substr(0, cut), kNow));
    CHECK(ours({"other"}).reverse(made, kNow).error().is(kForgedSrs));
  }
}

TEST_CASE("keys change: the newest signs, the older ones are still believed") {
  const std::string old = forward("a@their.example");
  const Srs rotated = ours({"newer", "secret"});
  CHECK(rotated.reverse(old, kNow));
  const auto made = rotated.forward(mailbox("a@their.example"), kNow);
  CHECK(made->local_part != old);
  CHECK(rotated.reverse(made->local_part, kNow));
  CHECK(!ours().reverse(made->local_part, kNow));
}

TEST_CASE("local parts of any kind come back as they were: separators, quotes, UTF-8, the longest") {
  for (const std::string sender : {"a=b=c", "=", "a b", "x+y", "SRS", "SRS0", "SRS0x=1", "SRS1=a", "J\xc3\xb6rg"}) {
    CAPTURE(sender);
    const auto made = ours().forward({.local_part = sender, .domain = "their.example"}, kNow);
    REQUIRE(made);
    CHECK(ours().reverse(made->local_part, kNow)->local_part == sender);
  }
  const std::size_t around = std::string("SRS0=123456=SO=t.example=").size();
  CHECK(ours().forward({std::string(kSrsLocalPartMax - around, 'x'), "t.example"}, kNow));
  CHECK(ours().forward({std::string(kSrsLocalPartMax - around + 1, 'x'), "t.example"}, kNow).error().is(kSrsTooLong));
}

}  // namespace angarium::envelope
