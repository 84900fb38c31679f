#include "location/location.h"

#include "box/testing.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::location;

TEST_CASE("a mailbox lies where other programs look for it, and is found there again") {
  const box::testing::Home home;
  const Location maildir{.form = Location::Form::maildir, .inbox = home.path() + "/Maildir", .folders = {}};
  const Location mbox{.form = Location::Form::mbox, .inbox = home.path() + "/spool", .folders = home.path() + "/mail"};
  CHECK(path_of(maildir, "lists/a.b") == maildir.inbox + "/.lists.a_b");
  CHECK(path_of(maildir, "Größe") == maildir.inbox + "/.Gr&APYA3w-e");
  CHECK(path_of(mbox, "lists/announce") == mbox.folders + "/lists.sbd/announce");
  CHECK(path_of({.form = Location::Form::mbox, .inbox = "/var/mail/anna", .folders = {}}, "Sent").empty());
  home.put("mail/.keep", "");
  for (const Location& location : {maildir, mbox}) {
    for (const char* const name : {"INBOX", "lists", "lists/announce", "Größe"})
      REQUIRE(make_box(location, path_of(location, name)));
    std::vector<std::string> names;
    for (const Found& found : find_boxes(location).value()) {
      CHECK(found.path == path_of(location, found.mailbox));
      names.push_back(found.mailbox);
    }
    CHECK(names == std::vector<std::string>{"INBOX", "Größe", "lists", "lists/announce"});
  }
}

TEST_CASE("a location that is not there is trouble, and no account without mail") {
  const box::testing::Home home;
  CHECK(find_boxes({.form = Location::Form::maildir, .inbox = home.path() + "/Maildir", .folders = {}})
            .error()
            .is(kTrouble));
  CHECK(find_boxes({.form = Location::Form::mbox, .inbox = home.path() + "/spool", .folders = home.path() + "/mail"})
            .error()
            .is(kTrouble));
  CHECK(find_boxes({.form = Location::Form::mbox, .inbox = home.path() + "/var/spool", .folders = {}})
            .error()
            .is(kTrouble));
  // A spool that is not there has had no mail yet.
  CHECK(find_boxes({.form = Location::Form::mbox, .inbox = home.path() + "/spool", .folders = {}}).value().empty());
}

TEST_CASE("a box with mail is not removed, and none is replaced by another's new name") {
  const box::testing::Home home;
  const Location location{.form = Location::Form::maildir, .inbox = home.path() + "/Maildir", .folders = {}};
  const std::string one = path_of(location, "one");
  const std::string two = path_of(location, "two");
  for (const std::string& path : {location.inbox, one, two}) REQUIRE(make_box(location, path));
  home.put("Maildir/.one/new/1.a.b", "Subject: a\n\n");
  CHECK(remove_box(location, one).error().is(kTrouble));
  CHECK(home.get("Maildir/.one/new/1.a.b") == "Subject: a\n\n");
  home.put("Maildir/.two/new/1.a.c", "Subject: b\n\n");
  CHECK(rename_box(location, one, two).error().is(kTrouble));
  CHECK(home.get("Maildir/.two/new/1.a.c") == "Subject: b\n\n");
  std::filesystem::remove(two + "/new/1.a.c");
  CHECK(remove_box(location, two));
  CHECK(rename_box(location, one, two));
  CHECK(home.get("Maildir/.two/new/1.a.b") == "Subject: a\n\n");
}
