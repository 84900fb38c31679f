// What the commands leave behind: nothing is lost that was not wholly kept elsewhere.
#include "mua/reader.h"

#include "mua/mail.h"
#include "mua/options.h"
#include "mua/testing.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mua;
using testing::Home;
using testing::Typed;

namespace {

constexpr std::string_view kLeaves = "unset hold\nunset keepsave\n";
constexpr std::string_view kPlain =
    "From a@example.test Tue Nov 14 10:00:00 2023\nSubject: plain\n\nall of it is text, every single word\n\n";
constexpr std::string_view kMixed =
    "From a@example.test Tue Nov 14 10:00:00 2023\nSubject: mixed\nContent-Type: multipart/mixed; boundary=b\n\n"
    "--b\n\ntext\n--b\nContent-Type: application/x\n\nvaluable\n--b--\n\n";
constexpr std::string_view kHtml =
    "From a@example.test Tue Nov 14 10:00:00 2023\nSubject: html\nContent-Type: text/html\n\n<a href=x>y</a>\n\n";

struct Played {
  int code = 0;
  std::string seen;
};
/// `words` of the command line; the spool and .mailrc are in the home folder.
Played play(Home& home, const std::string& typed, std::size_t message_max = kMessageMax,
            std::vector<std::string> words = {"-n"}) {
  Typed terminal(typed, true);
  Surroundings here = home.surroundings(terminal);
  here.message_max = message_max;
  const auto options = parse_options(words);
  REQUIRE(options);
  const int code = mua::mail(here, *options, "");
  return {code, terminal.seen};
}

}  // namespace

TEST_CASE("a message above the limit is neither saved in part nor removed") {
  const std::string spool(kPlain);
  const std::size_t whole = spool.size() - spool.find('\n') - 2 + 3;  // without separator and empty line; with CR LF
  for (const bool fits : {true, false}) {
    CAPTURE(fits);
    for (const std::string command : {"s 1 ", "mbox 1"}) {
      CAPTURE(command);
      Home home;
      home.put(".mailrc", kLeaves);
      home.put("spool", spool);
      const bool saves = command.starts_with('s');
      const auto played =
          play(home, command + (saves ? home.path() + "/mbox" : "") + "\nq\n", fits ? whole : whole - 1);
      CHECK(home.get("mbox").contains("every single word") == fits);
      CHECK(home.get("spool").contains("every single word") == !fits);
      CHECK(played.seen.contains("larger than") == !fits);
    }
  }
}

TEST_CASE("a Maildir's message above the limit is refused whole; its beginning can be had") {
  Home home;
  home.put("box/cur/1.a.b:2,", "Subject: x\n\nyz\n");
  home.put("box/new/.keep", "");
  Typed terminal("", false);
  Surroundings here = home.surroundings(terminal);
  auto box = open_box(home.path() + "/box", here, Access::read_only);
  REQUIRE(box);
  CHECK((*box)->read(0, 18).value() == "Subject: x\r\n\r\nyz\r\n");
  CHECK(!(*box)->read(0, 17));
  CHECK((*box)->start(0, 9).value() == "Subject: ");
}

TEST_CASE("w counts as saved only where the text is the whole message") {
  for (const auto& [message, leaves] : {std::pair{kPlain, true}, {kMixed, false}, {kHtml, false}}) {
    Home home;
    home.put(".mailrc", kLeaves);
    home.put("spool", message);
    play(home, "w 1 " + home.path() + "/text\nq\n");
    CHECK(home.get("text") != "(not there)\n");
    CHECK(home.get("spool").contains("Subject") == !leaves);
  }
}

TEST_CASE("| takes a list only of whole words before the command") {
  Home home;
  home.put("spool", std::string(kPlain) + std::string(kHtml));
  const std::string to = home.path() + "/";
  play(home, "|$0 -c 'cat > " + to + "dollar'\n" +                                //
                 "|../../../../../../../../bin/sh -c 'cat > " + to + "dots'\n" +  //
                 "|2 cat > " + to + "second\n" +                                  //
                 "|1-2 cat > " + to + "range\n" +                                 //
                 "|^ $ cat > " + to + "ends\n" +                                  //
                 "|* cat > " + to + "all\n" +                                     //
                 "| cat > " + to + "last\nx\n");
  CHECK(home.get("dollar").contains("plain"));
  CHECK(home.get("dots").contains("plain"));
  CHECK(home.get("second").contains("html"));
  CHECK_FALSE(home.get("second").contains("plain"));
  for (const std::string name : {"range", "ends", "all"}) {
    CAPTURE(name);
    CHECK(home.get(name).contains("plain"));
    CHECK(home.get(name).contains("html"));
  }
  CHECK(play(home, "|\nx\n").seen.contains("| takes a command"));
}

TEST_CASE("no complaint brings a control character to the terminal") {
  Home home;
  home.put("spool", kPlain);
  CHECK_FALSE(play(home, "p :\x1b[2J\nx\n").seen.contains("& p :\x1b[2J\n:\x1b"));
  CHECK_FALSE(play(home, "m b@example.test\nsubject\n~r /no\x1b[2J\n~x\nx\n").seen.contains("~r /no\x1b[2J\n/no\x1b"));
}

TEST_CASE("the copy for record is kept of what was sent, and a copy that cannot be kept is told") {
  const auto send = [](Home& home, const std::string& record, bool refused, std::string& seen) {
    home.put(".mailrc", "set record=" + record + "\n");
    Typed terminal("text\n", false);
    Surroundings here = home.surroundings(terminal);
    here.submit = [refused](const Letter&) -> Result<> {
      if (refused) return fail(kHost, "the server says no");
      return {};
    };
    const int code = mua::mail(here, parse_options(std::vector<std::string>{"-n", "b@example.test"}).value(), "");
    seen = terminal.seen;
    return code;
  };
  Home home;
  std::string seen;
  CHECK(send(home, home.path() + "/sent", true, seen) != 0);
  CHECK(home.get("sent") == "(not there)\n");
  CHECK(send(home, home.path() + "/sent", false, seen) == 0);
  CHECK(home.get("sent").contains("text"));
  home.put("dead.letter", "");
  CHECK(send(home, home.path() + "/no/such/place", false, seen) == 0);
  CHECK(seen.contains("the message is sent"));
  CHECK(home.get("dead.letter").empty());
}

TEST_CASE("letters that were given up or refused are messages of an mbox, which can be read") {
  Home home;
  const auto mail = [&](const std::vector<std::string>& words, const std::string& typed, bool interactive) {
    Typed terminal(typed, interactive);
    Surroundings here = home.surroundings(terminal);
    here.submit = [](const Letter&) -> Result<> { return fail(kHost, "the server says no"); };
    (void)mua::mail(here, parse_options(words).value(), "");
    return terminal.seen;
  };
  mail({"-n", "-s", "first", "b@example.test"}, "one\n\nFrom here on\n", false);
  mail({"-n", "-s", "second", "c@example.test"}, "Grüße\n~b d@example.test\n~q\n", true);
  const std::string dead = home.get("dead.letter");
  CHECK(dead.starts_with("From "));
  CHECK(dead.contains("\n>From here on\n"));
  CHECK(dead.contains("\nBcc: d@example.test\n"));
  const std::string headers = mail({"-n", "-H", "-f", home.path() + "/dead.letter"}, "", false);
  CHECK(headers.contains("first"));
  CHECK(headers.contains("second"));
  const std::string read = mail({"-n", "-f", home.path() + "/dead.letter"}, "p 2\nx\n", true);
  CHECK(read.contains("Grüße"));
  const std::string none = mail({"-n", "-S", "DEAD=/dev/null", "-s", "x", "b@example.test"}, "four\n", false);
  CHECK(!none.contains("lost"));
  CHECK(home.get("dead.letter") == dead);
}
