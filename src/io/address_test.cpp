#include "io/address.h"

#include "io/error.h"
#include "support/test.h"

namespace angarium::io {
namespace {

TEST_CASE("addresses are read from text and written as RFC 5952 says") {
  auto text = [](std::string_view from) { return IpAddress::parse(from).value().text(); };
  CHECK(text("192.0.2.1") == "192.0.2.1");
  CHECK(text("2001:DB8:0:0:0:0:0:1") == "2001:db8::1");
  CHECK(text("::") == "::");
  CHECK(text("fe80::1%3") == "fe80::1%3");
  CHECK(text("::ffff:192.0.2.1") == "192.0.2.1");
  for (std::string_view bad :
       {"", "192.0.2", "192.0.2.256", "192.0.2.1 ", "1.2.3.4%1", "::g", "fe80::1%eth0", "[::1]", "host"})
    CHECK_MESSAGE(!IpAddress::parse(bad), bad);
  CHECK_FALSE(IpAddress::parse(std::string(65, '1')));
  CHECK_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST_CASE("loopback is 127.0.0.0/8 and ::1") {
  CHECK(IpAddress::parse("127.9.9.9")->is_loopback());
  CHECK(IpAddress::parse("::1")->is_loopback());
  CHECK(IpAddress::parse("::ffff:127.0.0.1")->is_loopback());
  CHECK_FALSE(IpAddress::parse("128.0.0.1")->is_loopback());
  CHECK_FALSE(IpAddress::parse("1::1")->is_loopback());
  CHECK(Endpoint().is_local_host());
}

TEST_CASE("a prefix holds the addresses that begin with its bits, of its family only") {
  auto holds = [](std::string_view prefix, std::string_view address) {
    return Prefix::parse(prefix).value().contains(*IpAddress::parse(address));
  };
  CHECK(holds("192.0.2.0/24", "192.0.2.255"));
  CHECK_FALSE(holds("192.0.2.0/24", "192.0.3.0"));
  CHECK(holds("192.0.2.128/25", "192.0.2.129"));
  CHECK_FALSE(holds("192.0.2.128/25", "192.0.2.127"));
  CHECK(holds("0.0.0.0/0", "203.0.113.9"));
  CHECK_FALSE(holds("0.0.0.0/0", "::1"));
  CHECK(holds("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(holds("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(holds("192.0.2.1", "192.0.2.1"));
  CHECK_FALSE(holds("192.0.2.1", "192.0.2.0"));
  CHECK(Prefix::parse("2001:db8::/32")->text() == "2001:db8::/32");
  for (std::string_view bad :
       {"192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "/8", "::/129", "::1%1/128", "192.0.2.0/-1"})
    CHECK_MESSAGE(Prefix::parse(bad).error().is(kBadAddress), bad);
}

TEST_CASE("endpoints are read and written") {
  for (std::string_view text :
       {"192.0.2.1:25", "[2001:db8::1]:993", "[::]:0", "unix:/run/x", "unix:", "127.0.0.1:65535"})
    CHECK(Endpoint::parse(text).value().text() == text);
  CHECK(Endpoint::parse("*:25")->text() == "[::]:25");
  CHECK(Endpoint::parse("192.0.2.1:25") == Endpoint(*IpAddress::parse("192.0.2.1"), 25));
  CHECK(Endpoint::parse("unix:" + std::string(107, 'p')));
  for (const std::string& bad :
       {std::string("192.0.2.1"), std::string("192.0.2.1:65536"), std::string("::1:25"), std::string("[::1]"),
        std::string(":25"), std::string("host:25"), std::string("[]:1"), "unix:" + std::string(108, 'p')})
    CHECK_MESSAGE(Endpoint::parse(bad).error().is(kBadAddress), bad);
}

}  // namespace
}  // namespace angarium::io
