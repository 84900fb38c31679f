#include "location/location.h"

#include <algorithm>

#include "box/testing.h"
#include "location/open_box.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::location;

TEST_CASE("a mailbox lies where other programs look for it, and is found there again") {
  const box::testing::Home home;
  const Location maildir{.form = Location::Form::maildir, .inbox = home.path() + "/Maildir", .folders = {}};
  const Location mbox{.form = Location::Form::mbox, .inbox = home.path() + "/spool", .folders = home.path() + "/mail"};
  CHECK(path_of(maildir, "lists/a b") == maildir.inbox + "/.lists.a b");
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

TEST_CASE("a mailbox whose box would be found under another name, or taken for something else, has none") {
  const box::testing::Home home;
  const Location maildir{.form = Location::Form::maildir, .inbox = home.path() + "/Maildir", .folders = {}};
  const Location mbox{.form = Location::Form::mbox, .inbox = home.path() + "/spool", .folders = home.path() + "/mail"};
  for (const char* const name : {"example.com", "x/INBOX", "x/inbox", "a*b", "a%b", "#x"})
    CHECK_MESSAGE(path_of(maildir, name).empty(), name);
  for (const char* const name : {".foo", "foo.sbd", "Sent.mbox", "x.lock", "foo.rewrite", "foo.rewrite.aside",
                                 "a.rewrite.2", "dovecot-x", "x/INBOX", "a*b", "x/y.msf"})
    CHECK_MESSAGE(path_of(mbox, name).empty(), name);
  // All others come back.
  home.put("mail/.keep", "");
  REQUIRE(make_box(maildir, maildir.inbox));
  for (const char* const name : {"a&b", "&-", "Größe/klein", "a~b", "_x", "cur", "new", "sent mail", "a=b", "日本"})
    for (const Location& location : {maildir, mbox}) {
      const std::string path = path_of(location, name);
      if (path.empty()) continue;
      REQUIRE(make_box(location, path));
      const auto found = find_boxes(location).value();
      CHECK_MESSAGE(
          std::ranges::any_of(found, [&](const Found& one) { return one.mailbox == name && one.path == path; }), name);
    }
}

TEST_CASE("links that lead to a location do not change the paths of its boxes") {
  const box::testing::Home home;
  std::filesystem::create_directories(home.path() + "/disk");
  std::filesystem::create_directory_symlink(home.path() + "/disk", home.path() + "/home");
  const Location location{.form = Location::Form::maildir, .inbox = home.path() + "/home/Maildir", .folders = {}};
  REQUIRE(make_box(location, location.inbox));
  REQUIRE(make_box(location, path_of(location, "x")));
  const auto found = find_boxes(location).value();
  REQUIRE(found.size() == 2);
  CHECK(found[0].path == location.inbox);
  CHECK(found[1].path == path_of(location, "x"));
}

TEST_CASE("a message has one name whatever fields of state stand in it, with blanks before their colons, too") {
  const std::string name = content_name("Subject: a\r\n\r\ntext\r\n");
  CHECK(content_name("Status : RO\r\nX-Keywords\t: one\r\n two\r\nSubject: a\r\n\r\ntext\r\n") == name);
  CHECK(content_name("Status x: RO\r\nSubject: a\r\n\r\ntext\r\n") != name);
}
