// TLS of both kinds between us and the servers that boxes lie at.
#include <boost/json.hpp>

#include "agent/test_fetch.h"

namespace angarium::agent {

using namespace fetching;
using namespace std::chrono_literals;

namespace {

wire::tls::Identity identity(World& world, const std::string& name = "there.test") {
  return wire::tls::make_self_signed({.names = {name}}, world.loop.clock().wall()).value();
}

/// TLS when it is asked for (RFC 2595), and also from the first octet on (RFC 8314).
constexpr const char* kAsked[] = {"imap://there.test", "pop3://there.test"};
constexpr const char* kBoth[] = {"imaps://there.test", "pop3s://there.test", "imap://there.test", "pop3://there.test"};

/// Nothing that a stranger might want was said.
bool kept(const World& world) {
  return std::ranges::none_of(std::vector{"LOGIN", "AUTH", "USER", "PASS ", "APOP", "fred"},
                              [&](const char* word) { return holds(world.there.heard, word); });
}

void put_letter(World& world) {
  world.there.drop() = {{"id1", letter("one")}};
  imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("one"));
}

}  // namespace

TEST_CASE("mail comes over TLS of both kinds when the certificate is right, and its trace says so") {
  for (const char* const url : kBoth) {
    CAPTURE(url);
    World world;
    world.configuration().auth.plaintext_without_tls = configuration::PlaintextWithoutTls::never;
    const auto shown = identity(world);
    world.there.show(shown);
    world.trust(shown);
    put_letter(world);
    world.add(url);
    world.loop.advance(1min);
    CHECK(holds(world.about(), "\"state\":\"ok\""));
    REQUIRE(world.mail().size() == 1);
    CHECK(holds(world.mail()[0], "TLSv1.3"));
  }
}

TEST_CASE("a certificate that nobody vouches for, or of another name, is told nothing") {
  for (const char* const url : kBoth) {
    for (const bool other_name : {false, true}) {
      CAPTURE(url);
      World world;
      const auto shown = identity(world, other_name ? "elsewhere.test" : "there.test");
      world.there.show(shown);
      world.trust(other_name ? shown : identity(world));
      put_letter(world);
      world.add(url);
      world.loop.advance(1h);
      CHECK(holds(world.about(), "\"state\":\"failing\""));
      CHECK(world.mail().empty());
      CHECK(kept(world));
    }
  }
}

TEST_CASE("a server that has no STARTTLS is told nothing, whatever certificate would do") {
  for (const bool any : {false, true}) {
    for (const char* const url : kAsked) {
      CAPTURE(url);
      World world;
      put_letter(world);
      if (any) {
        world.add(url, {{"any_certificate", "yes"}});
      } else {
        world.add(url);
      }
      world.loop.advance(1h);
      CHECK(world.mail().empty());
      CHECK(kept(world));
      CHECK(!holds(world.about(), "\"state\":\"ok\""));
    }
  }
}

TEST_CASE("STARTTLS is asked for also where somebody hides that the server has it") {
  for (const char* const url : kAsked) {
    CAPTURE(url);
    World world;
    const auto shown = identity(world);
    world.there.show(shown);
    world.trust(shown);
    world.there.hide = holds(url, "pop3") ? "STLS" : "STARTTLS";
    put_letter(world);
    world.add(url);
    world.loop.advance(1h);
    // Or not at all: never in the clear.
    for (const std::string& one : world.mail()) CHECK(holds(one, "TLSv1.3"));
    CHECK((kept(world) || !world.mail().empty()));
  }
}

TEST_CASE("a server that speaks no TLS at a port of TLS is told nothing") {
  for (const char* const url : {"imaps://there.test:143", "pop3s://there.test:110"}) {
    CAPTURE(url);
    World world;
    put_letter(world);
    world.add(url);
    world.loop.advance(1h);
    CHECK(holds(world.about(), "\"state\":\"failing\""));
    CHECK(world.mail().empty());
    CHECK(kept(world));
  }
}

TEST_CASE("--any-certificate: the first key is the server's; another is told nothing until somebody has looked") {
  for (const char* const url : {"imaps://there.test", "imap://there.test", "pop3s://there.test", "pop3://there.test"}) {
    CAPTURE(url);
    World world;
    const wire::tls::Identity first = identity(world);
    const wire::tls::Identity second = identity(world);
    const wire::tls::Identity third = identity(world);
    world.there.show(first);
    world.there.drop() = {{"id1", letter("one")}};
    imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("one"));
    world.add(url, {{"any_certificate", "yes"}});
    world.loop.advance(1min);
    CHECK(world.mail().size() == 1);
    // The same key in another session, and after a start of the server.
    world.down();
    world.up();
    world.there.drop().push_back({"id2", letter("two")});
    imap::MemoryStore::deliver(world.there.fred(), "INBOX", letter("two"));
    world.loop.advance(20min);
    CHECK(world.mail().size() == 2);
    world.there.show(second);
    world.there.heard.clear();
    world.loop.advance(1h);
    CHECK(holds(world.about(), "\"state\":\"refused\""));
    CHECK(holds(world.about(), "another key"));
    for (const char* const word : {"LOGIN", "AUTH", "USER", "PASS", "secret", "APOP"})
      CHECK(!holds(world.there.heard, word));
    // Looking again, by whoever does not know of the key, believes none.
    for (const wire::tls::Identity* const other : {&second, &third}) {
      world.there.show(*other);
      world.about("resume");
      world.loop.advance(1min);
      CHECK(holds(world.about(), "\"state\":\"refused\""));
    }
    world.there.show(second);
    world.about("resume");
    world.loop.advance(1min);
    CHECK(!holds(world.there.heard, "secret"));
    const auto key_of = [&](const std::string& name) {
      const auto shown = boost::json::parse(world.about()).as_object();
      return std::string(shown.at(name).as_string());
    };
    const std::string known = key_of("key");
    const std::string refused = key_of("key_refused");
    CHECK(known != refused);
    CHECK(holds(world.about(), "another key than before, when it was " + known));
    CHECK(holds(world.about(), "angarium fetch resume alice@a.test box --key " + refused));
    const auto resume = [&](const std::string& key) {
      return world.ask("resume", {{"address", "alice@a.test"}, {"name", "box"}, {"key", key}});
    };
    // Only the one that was shown is taken, and by that name.
    CHECK(holds(resume("sha256:" + std::string(64, 'a')), "error: "));
    CHECK(holds(resume(known), "error: "));
    CHECK(holds(resume(""), "error: "));
    CHECK(holds(world.about(), "\"state\":\"refused\""));
    // It was the second that somebody looked at.
    world.there.show(third);
    CHECK(!holds(resume(refused), "error: "));
    world.loop.advance(1min);
    CHECK(holds(world.about(), "\"state\":\"refused\""));
    CHECK(key_of("key") == refused);
    world.there.show(second);
    world.about("resume");
    world.loop.advance(1min);
    CHECK(holds(world.about(), "\"state\":\"ok\""));
    CHECK(holds(world.about(), "\"key_refused\":null"));
    CHECK(holds(resume(refused), "error: "));
    CHECK(times(world.mail(), "two") == 1);
  }
}

TEST_CASE("a box that was refused for its password is not told to another key by resume") {
  World world;
  world.there.show(identity(world));
  world.there.store->logins.users["fred"] = "other";
  world.add("imaps://there.test", {{"any_certificate", "yes"}});
  world.loop.advance(1min);
  CHECK(holds(world.about(), "\"state\":\"refused\""));
  world.there.show(identity(world));
  world.there.heard.clear();
  world.about("resume");
  world.loop.advance(1min);
  CHECK(holds(world.about(), "another key"));
  CHECK(!holds(world.there.heard, "AUTH"));
}

}  // namespace angarium::agent
