#include "route/location.h"

#include "support/test.h"

namespace angarium::route {

TEST_CASE("a location is a Maildir, an mbox file, or a folder of mbox files and INBOX elsewhere") {
  for (const char* const text :
       {"maildir:/home/anna/Maildir", "mbox:/var/mail/anna", "mbox:/home/anna/mail:INBOX=/var/mail/anna"})
    CHECK(format_location(parse_location(text).value()) == text);
  CHECK(parse_location("maildir:/home/anna/Maildir/").value().inbox == "/home/anna/Maildir");
  for (const char* const text : {"", "maildir:", "maildir:Maildir", "mbox:~/mail", "mbox:/a:INBOX=b", "imap:/x",
                                 "maildir:/a/../b", "maildir:/a/..", "maildir:/a\nb", "mbox:/a:INBOX="}) {
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
  for (const auto* const wrong :
       {"", "maildir", "maildir:{user}", "maildir:/x/{home}", "mbox:/x/{user}/{name}", "pipe:x"})
    CHECK_FALSE(check_location(wrong));
  CHECK_FALSE(LocationMap::make({{"from a@b.test", "store"}}));
}

}  // namespace angarium::route
