#include "route/location.h"

#include "support/test.h"

namespace angarium::route {

TEST_CASE("a location is a Maildir, an mbox file, or a folder of mbox files and INBOX elsewhere") {
  for (const char* const text :
       {"maildir:/home/anna/Maildir", "mbox:/var/mail/anna", "mbox:/home/anna/mail:INBOX=/var/mail/anna",
        "maildir:/home/anna/Maildir:USER=anna", "mbox:/home/anna/mail:INBOX=/var/mail/anna:USER=anna"})
    CHECK(format_location(parse_location(text).value()) == text);
  CHECK(parse_location("maildir:/home/anna/Maildir/").value().inbox == "/home/anna/Maildir");
  for (const char* const text :
       {"", "maildir:", "maildir:Maildir", "mbox:~/mail", "mbox:/a:INBOX=b", "imap:/x", "maildir:/a/../b",
        "maildir:/a/..", "maildir:/a\nb", "mbox:/a:INBOX=", "maildir:/a:USER=b/c", "maildir:/a:USER=b:INBOX=/c"}) {
    const auto parsed = parse_location(text);
    CHECK_MESSAGE((!parsed && parsed.error().is(kBadLocation)), text);
  }
  CHECK(parse_location("maildir:/" + std::string(kLocationMax - 9, 'a')));
  CHECK_FALSE(parse_location("maildir:/" + std::string(kLocationMax - 8, 'a')));
}

TEST_CASE("a table says whose mail lies where") {
  const auto map = LocationMap::make({{"anna@example.test", "store"},
                                      {"example.test", "maildir:/srv/mail/{user}/Maildir"},
                                      {"*", "mbox:/srv/{user}/mail:INBOX=/srv/spool/{user}"}});
  REQUIRE(map);
  CHECK_FALSE(map->decide({"anna", "example.test"}).value());
  CHECK(map->decide({"bob", "example.test"}).value()->inbox == "/srv/mail/bob/Maildir");
  const auto other = map->decide({"eve", "other.test"}).value();
  CHECK(format_location(*other) == "mbox:/srv/eve/mail:INBOX=/srv/spool/eve");
  for (const auto* const name : {"..", ".x", "a/b", "a b", "-x"}) CHECK_FALSE(map->decide({name, "example.test"}));
  CHECK(LocationMap().empty());
  for (const auto* const wrong : {"", "maildir", "maildir:{user}", "mbox:/x/{user}/{name}", "pipe:x"})
    CHECK_FALSE(check_location(wrong));
  CHECK(check_location("maildir:{home}/Maildir"));
  CHECK(check_location("mbox:{home}/{user}:INBOX=/var/mail/{user}:USER={user}"));
  CHECK_FALSE(LocationMap::make({{"from a@b.test", "store"}}));
}

TEST_CASE("the boxes of a user of the host are that user's, those of others the server's or whose the line says") {
  const auto map = LocationMap::make({{"host.test", "maildir:{home}/Maildir"},
                                      {"shared@host.test", "maildir:/srv/{user}:USER="},
                                      {"alice@example.test", "mbox:{home}/mail:INBOX=/var/mail/alice:USER=anna"},
                                      {"example.test", "maildir:{home}/{user}:USER={user}"}});
  REQUIRE(map);
  const auto home_of = [](const std::string& user) -> Result<std::string> {
    if (user == "eve") return fail(kBadLocation, "nobody");
    return "/home/" + user;
  };
  const auto text = [&](const envelope::Mailbox& account, const std::string& user) {
    const auto place = map->decide(account, user, home_of);
    return place && *place ? format_location(**place) : "none";
  };
  CHECK(text({"anna", "host.test"}, "anna") == "maildir:/home/anna/Maildir:USER=anna");
  // An account that was added is nobody's of the host, and has no home there.
  CHECK(text({"anna", "host.test"}, "") == "none");
  CHECK(text({"shared", "host.test"}, "shared") == "maildir:/srv/shared");
  CHECK(text({"alice", "example.test"}, "") == "mbox:/home/anna/mail:INBOX=/var/mail/alice:USER=anna");
  CHECK(text({"bob", "example.test"}, "") == "maildir:/home/bob/bob:USER=bob");
  CHECK(text({"eve", "example.test"}, "") == "none");
  CHECK_FALSE(map->decide({"bob", "example.test"}));
}

}  // namespace angarium::route
