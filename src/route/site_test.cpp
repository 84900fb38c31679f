#include "route/site.h"

#include <vector>

#include "support/test.h"

namespace angarium::route {
namespace {

/// "preference host" each.
std::string site(const std::vector<std::pair<int, std::string>>& hosts) {
  std::vector<Hop> hops;
  for (const auto& [preference, host] : hosts)
    hops.push_back({.host = host,
                    .address = *io::IpAddress::parse("192.0.2.1"),
                    .preference = static_cast<std::uint16_t>(preference)});
  return site_of(hops);
}

}  // namespace

TEST_CASE("what somebody registered of a host's name") {
  struct Case {
    std::string host;
    std::string registered;
  };
  for (const Case& one : std::vector<Case>{
           {"aspmx.l.google.com", "google.com"},
           {"google.com", "google.com"},
           {"MX.Firm.CO.UK.", "firm.co.uk"},
           {"mx.b.test", "b.test"},
           // Public suffixes themselves, those of the private section, and names of one label.
           {"co.uk", "co.uk"},
           {"com", "com"},
           {"github.io", "github.io"},
           {"one.github.io", "one.github.io"},
           {"mx.two.github.io", "two.github.io"},
           {"localhost", "localhost"},
           // A rule with an exception: *.ck, !www.ck.
           {"mx.firm.co.ck", "firm.co.ck"},
           {"mx.www.ck", "www.ck"},
           // Internationalised names, as the DNS has them: below .xn--p1ai, and below a suffix of two labels.
           {"mx.xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"},
           {"a.mx.firm.xn--55qx5d.cn", "firm.xn--55qx5d.cn"},
           {"mx.xn--bcher-kva.example", "xn--bcher-kva.example"},
           // What is no name stays what it is.
           {"", ""},
           {".", ""},
       }) {
    CAPTURE(one.host);
    CHECK(registrable_domain(one.host) == one.registered);
  }
}

TEST_CASE("the site of a domain is what all its hosts are registered under") {
  CHECK(site({{10, "mx1.provider.net"}, {10, "mx2.provider.net"}, {20, "backup.provider.net"}}) == "provider.net");
  CHECK(site({}).empty());
}

TEST_CASE("hosts of several names: one site, whatever order chance gives them, and none of either alone") {
  CHECK(site({{10, "mx.provider.net"}, {10, "mx.provider.com"}}) == "provider.com+provider.net");
  CHECK(site({{10, "mx.provider.com"}, {10, "mx.provider.net"}}) == "provider.com+provider.net");
  // A stranger's own host takes no place of the provider that it names before it.
  CHECK(site({{10, "mx1.provider.net"}, {20, "tarpit.stranger.net"}}) == "provider.net+stranger.net");
}

TEST_CASE("customers of one public suffix are several sites") {
  CHECK(site({{10, "one.github.io"}}) != site({{10, "two.github.io"}}));
  CHECK(site({{10, "mx.one.co.uk"}}) != site({{10, "mx.two.co.uk"}}));
}

TEST_CASE("an address literal is a site of its own, however it is written") {
  CHECK(site({{0, "[192.0.2.1]"}}) == "[192.0.2.1]");
  const auto address = *io::IpAddress::parse("2001:db8::1");
  const std::vector<Hop> one = {{.host = "[IPv6:2001:DB8:0::1]", .address = address}};
  const std::vector<Hop> other = {{.host = "[IPv6:2001:db8::1]", .address = address}};
  CHECK(site_of(one) == site_of(other));
}

}  // namespace angarium::route
