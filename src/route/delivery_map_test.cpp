#include "route/delivery_map.h"

#include "support/test.h"

namespace angarium::route {

TEST_CASE("the first key that is there wins: address, domain, domains below, all") {
  const auto map = DeliveryMap::make({{"anna@example.test", "store"},
                                      {"Example.test", "mbox:/var/mail/{user}"},
                                      {".example.test", "maildir:{home}/Maildir/"},
                                      {"*", "pipe:/bin/sort-mail {user}"}});
  REQUIRE(map);
  CHECK(map->decide({"anna", "example.test"}).place.empty());
  CHECK(map->decide({"Anna", "EXAMPLE.test"}).rule == "anna@example.test");
  CHECK(map->decide({"bob", "example.test"}).place == "mbox:/var/mail/{user}");
  CHECK(map->decide({"bob", "a.example.test"}).place == "maildir:{home}/Maildir/");
  CHECK(map->decide({"bob", "other.test"}).place == "pipe:/bin/sort-mail {user}");
  CHECK(!map->empty());
  CHECK(DeliveryMap().empty());
  CHECK(DeliveryMap().decide({"bob", "other.test"}).place.empty());
  const auto some = DeliveryMap::make({{"a.test", "mbox:/x"}});
  CHECK(some->decide({"bob", "b.test"}).place.empty());
  CHECK(some->decide({"bob", "b.test"}).rule.empty());
}

TEST_CASE("{user} and {home} are filled in by what is safe, or not at all") {
  const Resident anna{.user = "anna", .home = "/home/anna"};
  CHECK(fill_place("mbox:/var/mail/{user}", anna) == "mbox:/var/mail/anna");
  CHECK(fill_place("maildir:{home}/Maildir/", anna) == "maildir:/home/anna/Maildir/");
  CHECK(fill_place("pipe:deliver {user} {user} {home}", anna) == "pipe:deliver anna anna /home/anna");
  CHECK(fill_place("mbox:/x", {.user = "a;b", .home = ""}) == "mbox:/x");
  for (const auto* const name : {"", ".", "..", ".x", "-x", "a/b", "a b", "a;b", "$(x)", "a\"", "{home}"})
    CHECK(!fill_place("mbox:/var/mail/{user}", {.user = name, .home = "/home/x"}));
  for (const auto* const home : {"", "home", "/a b", "/a;b", "/$(x)", "/{user}"})
    CHECK(!fill_place("pipe:x {home}", {.user = "anna", .home = home}));
  CHECK(fill_place("mbox:/var/mail/{user}", {.user = "a.b-c_d+e", .home = ""}) == "mbox:/var/mail/a.b-c_d+e");
}

TEST_CASE("lines that are wrong are told") {
  CHECK(check_place("store"));
  CHECK(check_place("mbox:/var/mail/{user}"));
  CHECK(check_place("maildir:{home}/Maildir/"));
  CHECK(check_place("pipe:x ${HOME} {user}"));
  for (const auto* const wrong : {"", "stor", "mbox:relative", "mbox:/x/{name}", "mbox:{user}"})
    CHECK(!check_place(wrong));
  CHECK(!DeliveryMap::make({{"from bob@example.test", "store"}}));
  CHECK(!DeliveryMap::make({{"a b", "store"}}));
  CHECK(!DeliveryMap::make({{"a.test", "nowhere"}}));
  CHECK(!DeliveryMap::make({{"a.test", "store"}, {"A.test", "store"}}));
}

}  // namespace angarium::route
