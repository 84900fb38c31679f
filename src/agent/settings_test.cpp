#include "agent/settings.h"

#include <algorithm>

#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

configuration::Configuration read(std::string_view text) {
  auto c = configuration::parse(text, "/d");
  REQUIRE_MESSAGE(c, c.error().text());
  return *std::move(c);
}
bool has(const route::HostsOptions& options, const char* address) {
  return std::ranges::find(options.own_addresses, *io::IpAddress::parse(address)) != options.own_addresses.end();
}

}  // namespace

TEST_CASE("dns.dnssec: off checks nothing, auto takes what it cannot check for unsigned, strict for no answer") {
  using Bogus = io::ResolverOptions::Bogus;
  CHECK(resolver_options(read("[dns]\ndnssec = \"off\"\ntrust_anchor = \"k\"")).trust_anchor_file.empty());
  const auto automatic = resolver_options(read("[dns]\ntrust_anchor = \"k\""));
  CHECK(automatic.trust_anchor_file == "/d/k");
  CHECK(automatic.bogus == Bogus::insecure);
  const auto strict = resolver_options(read("[dns]\ndnssec = \"strict\""));
  CHECK(strict.trust_anchor_file == io::kSystemTrustAnchor);
  CHECK(strict.bogus == Bogus::temporary);
}

TEST_CASE("dns.servers, dns.unsigned_domains and dns.timeout arrive where the DNS is asked") {
  const auto c =
      read("[dns]\nservers = [\"127.0.0.1:5353\", \"::1\"]\nunsigned_domains = [\"corp.example\"]\ntimeout = \"3s\"");
  const auto options = resolver_options(c);
  REQUIRE(options.servers.size() == 2);
  CHECK(options.servers[0].text() == "127.0.0.1:5353");
  CHECK(options.servers[1].text() == "[::1]:53");
  CHECK(options.insecure_domains == std::vector<std::string>{"corp.example"});
  CHECK(hosts_options(c).question_timeout == std::chrono::seconds(3));
}

TEST_CASE("RFC 5321 section 5.1: this host is known by its name and by the addresses where it listens for SMTP") {
  const auto some = hosts_options(
      read("[server]\nhostname = \"mx.example\"\n[[listener]]\nprotocol = \"smtp\"\naddress = \"192.0.2.7:25\"\n"
           "[[listener]]\nprotocol = \"imap\"\naddress = \"192.0.2.8:143\"\n"));
  CHECK(some.own_names == std::vector<std::string>{"mx.example"});
  CHECK(has(some, "192.0.2.7"));
  CHECK(!has(some, "192.0.2.8"));
  CHECK(has(hosts_options(read("[[listener]]\nprotocol = \"smtp\"\naddress = \"0.0.0.0:25\"\n")), "127.0.0.1"));
}

TEST_CASE("[[odmr]] joins the map: what a customer fetches has no other way") {
  const auto map = transport_map(
      read("[transport]\n\"*\" = \"discard\"\n[[odmr]]\naccount = \"a@b.example\"\ndomains = [\"C.example\"]\n"));
  REQUIRE(map);
  const envelope::Mailbox there{.local_part = "x", .domain = "c.example"};
  CHECK(route::transport_text(map->decide(there, {}).transport) == "atrn");
  const auto policy = smtp_policy({}, protocol::smtp::Role::odmr, protocol::smtp::TlsUse::offered);
  CHECK(policy.auth == protocol::smtp::AuthUse::required);
}

TEST_CASE("RFC 2033 section 4.4: who hands over by LMTP logs in where that is configured") {
  using protocol::smtp::AuthUse;
  const auto use = [](const std::string& text) {
    return smtp_policy(read(text), protocol::smtp::Role::lmtp, protocol::smtp::TlsUse::offered).auth;
  };
  CHECK(use("") == AuthUse::none);
  CHECK(use("[lmtp]\nauth = \"offered\"\n") == AuthUse::offered);
  CHECK(use("[lmtp]\nauth = \"required\"\n") == AuthUse::required);
  const auto other = read("[lmtp]\nauth = \"required\"\n");
  CHECK(smtp_policy(other, protocol::smtp::Role::mx, protocol::smtp::TlsUse::offered).auth == AuthUse::none);
}

TEST_CASE("[transport] becomes the map") {
  const auto map = transport_map(read("[transport]\n\"*\" = \"discard\"\n\"a.example\" = \"dns\"\n"));
  REQUIRE(map);
  CHECK(map->size() == 2);
}
