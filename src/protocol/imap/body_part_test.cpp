#include "protocol/imap/body_part.h"

#include <vector>

#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::imap;

namespace {

std::string part(std::string_view body, std::vector<std::uint32_t> numbers) {
  return std::string(body_of_part(body, numbers).value_or("none"));
}

constexpr std::string_view kText = R"(("TEXT" "PLAIN" ("CHARSET" "a)\"b") NIL NIL "7BIT" 5 1))";
constexpr std::string_view kPng = "(\"IMAGE\" {5}\r\nPN)G( NIL NIL NIL \"BASE64\" 4)";

}  // namespace

TEST_CASE("RFC 9051 6.4.5.1: parts of a BODY by their numbers; strings and literals may hold anything") {
  const std::string both = "(" + std::string(kText) + std::string(kPng) + " \"MIXED\")";
  CHECK(part(kText, {}) == kText);
  CHECK(part(kText, {1}) == kText);
  CHECK(part(kText, {2}) == "none");
  CHECK(part(kText, {1, 1}) == "none");
  CHECK(part(both, {1}) == kText);
  CHECK(part(both, {2}) == kPng);
  CHECK(part(both, {3}) == "none");
  CHECK(part(both, {2, 1}) == "none");
  // An enclosed message: its own parts, or itself as part 1.
  const auto enclosed = [&](std::string_view body) {
    return R"(("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 99 ("d" NIL NIL NIL NIL NIL NIL NIL NIL NIL) )" +
           std::string(body) + " 7)";
  };
  const std::string outer = "(" + enclosed(both) + enclosed(kText) + " \"MIXED\")";
  CHECK(part(outer, {1}) == enclosed(both));
  CHECK(part(outer, {1, 2}) == kPng);
  CHECK(part(outer, {2, 1}) == kText);
  CHECK(part(outer, {2, 2}) == "none");
  CHECK(part(outer, {1, 2, 1}) == "none");
  for (const char* const odd : {"", "(", "()", "((", "(\"", "({9}\r\nx)", "({x)", ")", "((\"A\""}) {
    CHECK(part(odd, {1, 1}) != "x");
    CHECK(body_without_encoding(odd, 1) == odd);
  }
}

TEST_CASE("RFC 5524 3.2: a part told without its encoding has the octets that come") {
  CHECK(body_without_encoding(kPng, 3) == "(\"IMAGE\" {5}\r\nPN)G( NIL NIL NIL \"BINARY\" 3)");
  CHECK(body_without_encoding(kText, 9) == R"(("TEXT" "PLAIN" ("CHARSET" "a)\"b") NIL NIL "BINARY" 9 1))");
  const std::string multipart = "(" + std::string(kPng) + " \"MIXED\")";
  CHECK(body_without_encoding(multipart, 3) == multipart);
}
