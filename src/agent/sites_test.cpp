#include "agent/sites.h"

#include "support/test.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;
using Hosts = std::vector<std::string>;

struct World {
  Moment now{1'000'000};
  Sites sites;
  Duration fail(const Hosts& hosts) {
    return sites.failed("p.test", hosts, {.status = "4.4.1", .diagnostic = hosts.front(), .remote = {}, .at = {}}, now,
                        [](std::uint32_t times) { return times * 5min; });
  }
  bool off(const Hosts& hosts, const std::string& site = "p.test") {
    return sites.put_off(site, hosts, now).has_value();
  }
};

}  // namespace

TEST_CASE("a host that failed is left alone until its pause is over, and every domain that names it alone with it") {
  World world;
  CHECK(!world.off({"mx1"}));
  CHECK(world.fail({"mx1"}) == 5min);
  const auto put_off = world.sites.put_off("p.test", {"mx1"}, world.now + 1min);
  REQUIRE(put_off);
  CHECK(put_off->rest == 4min);
  CHECK(put_off->trouble.diagnostic == "mx1");
  CHECK(!world.off({"mx1"}, "other.test"));
  world.now = world.now + 5min;
  CHECK(!world.off({"mx1"}));
}

TEST_CASE("a domain with another host is tried") {
  World world;
  world.fail({"mx1"});
  CHECK(!world.off({"mx1", "mx2"}));
  CHECK(!world.off({"mx2"}));
  world.fail({"mx1", "mx2"});
  CHECK(world.off({"mx1", "mx2"}));
}

TEST_CASE("pauses grow with the failures in a row of the host, and not while one lasts") {
  World world;
  CHECK(world.fail({"mx1"}) == 5min);
  CHECK(world.fail({"mx1"}) == 5min);
  world.now = world.now + 5min;
  CHECK(world.fail({"mx1"}) == 10min);
  world.now = world.now + 10min;
  CHECK(world.fail({"mx1"}) == 15min);
  world.sites.reached("p.test", "mx1");
  CHECK(!world.off({"mx1"}));
  CHECK(world.fail({"mx1"}) == 5min);
}

TEST_CASE("three hosts of a site in a row: the others that nobody knows are put off with them") {
  World world;
  world.fail({"mx1"});
  world.fail({"mx1"});
  world.fail({"mx2"});
  CHECK(!world.off({"mx4"}));
  world.fail({"mx3"});
  CHECK(world.off({"mx4"}));
  CHECK(!world.off({"mx4"}, "other.test"));
  world.now = world.now + 5min;
  CHECK(!world.off({"mx4"}));
}

TEST_CASE("a domain that names dead hosts of a provider does not hold up the provider's mail") {
  World world;
  world.sites.reached("p.test", "mx");
  for (const char* const host : {"www", "ftp", "ns1", "ns2", "ns3", "ns4"}) world.fail({host});
  CHECK(!world.off({"mx"}));
  CHECK(world.off({"other"}));
  world.sites.reached("p.test", "mx");
  CHECK(!world.off({"other"}));
  CHECK(world.off({"www"}));
}

TEST_CASE("one session at a time finds out whether a site is back") {
  World world;
  CHECK(!world.sites.troubled("p.test"));
  world.fail({"mx1"});
  CHECK(world.sites.troubled("p.test"));
  world.now = world.now + 5min;
  CHECK(world.sites.troubled("p.test"));
  world.sites.reached("p.test", "mx2");
  CHECK(!world.sites.troubled("p.test"));
  for (const char* const host : {"a", "b", "c"}) world.fail({host});
  CHECK(world.sites.troubled("p.test"));
}

TEST_CASE("who wants a destination tried ends the pauses of its site, and of no other") {
  World world;
  world.sites.learn("one.test", "p.test");
  world.sites.learn("two.test", "other.test");
  for (const char* const host : {"a", "b", "c"}) world.fail({host});
  world.sites.end_pauses("two.test");
  CHECK(world.off({"a"}));
  CHECK(world.off({"d"}));
  world.sites.end_pauses("one.test");
  CHECK(!world.off({"a"}));
  CHECK(!world.off({"d"}));
  // Of a destination that nobody remembers.
  world.now = world.now + 1min;
  world.fail({"a"});
  world.sites.end_pauses("three.test");
  CHECK(!world.off({"a"}));
}

TEST_CASE("what is remembered has limits: of hosts and sites, those with a pause stay longest") {
  World world;
  // No site's pause: each is tried on its own.
  for (std::size_t i = 0; i + 1 < Sites::kHostsMax; ++i) world.fail({"h" + std::to_string(i)});
  world.sites.reached("p.test", "mx");
  CHECK(world.off({"h0"}));
  world.fail({"one more"});
  CHECK(!world.off({"h0"}));
  CHECK(!world.off({"mx"}));
  CHECK(world.off({"one more"}));
  for (std::size_t i = 0; i < Sites::kSitesMax; ++i) world.sites.reached("s" + std::to_string(i), "mx");
  world.fail({"one more"});
  CHECK(world.off({"one more"}));
  for (std::size_t i = 0; i < Sites::kDestinationsMax; ++i) world.sites.learn("d" + std::to_string(i), "p.test");
  CHECK(world.sites.site_of("d0") == "p.test");
  world.sites.learn("d", "p.test");
  CHECK(world.sites.site_of("d0").empty());
  CHECK(world.sites.site_of("d") == "p.test");
}

}  // namespace angarium::agent
