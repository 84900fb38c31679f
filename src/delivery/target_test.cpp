#include "delivery/target.h"

#include "delivery/letter.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::delivery;

TEST_CASE("the text forms of targets") {
  CHECK(parse_target("mbox:/var/mail/anna").value() == Target(MboxTarget{.path = "/var/mail/anna"}));
  CHECK(parse_target("maildir:/home/anna/Maildir/").value() == Target(MaildirTarget{.path = "/home/anna/Maildir"}));
  CHECK(parse_target("maildir:/home/anna/Maildir").value() == Target(MaildirTarget{.path = "/home/anna/Maildir"}));
  CHECK(parse_target("maildir:/M/.Work//").value() == Target(MaildirTarget{.path = "/M/.Work"}));
  CHECK(parse_target("pipe: vacation -a 'anna b' ").value() == Target(PipeTarget{.command = "vacation -a 'anna b'"}));
  CHECK(parse_target("exec:/usr/bin/procmail  -d\tanna").value() ==
        Target(PipeTarget{.command = std::vector<std::string>{"/usr/bin/procmail", "-d", "anna"}}));
}

TEST_CASE("what is no target is refused with a word on why") {
  for (const char* text : {"",           "mbox",          "mbox:",           "mbox:box",   "mbox:/",    "mbox://",
                           "mbox:/box/", "maildir:",      "maildir:M/",      "maildir:/",  "pipe:",     "pipe:  ",
                           "exec:",      "exec:procmail", "exec: -d /bin/x", "MBOX:/box",  "file:/box", "/box",
                           "|command",   "mbox:/a\nb",    "pipe:a\x1b",      "exec:/a\x7f"}) {
    CAPTURE(text);
    const Result<Target> target = parse_target(text);
    REQUIRE_FALSE(target);
    CHECK(target.error().is(kBadTarget));
    CHECK_FALSE(target.error().text().empty());
  }
}

TEST_CASE("a target has up to kTargetMax octets, exec: up to kArgumentsMax words") {
  const std::string path(kTargetMax - 6, 'a');
  CHECK(parse_target("mbox:/" + path));
  CHECK_FALSE(parse_target("mbox:/" + path + "a"));
  std::string words = "exec:/a";
  for (std::size_t i = 1; i < kArgumentsMax; ++i) words += " a";
  CHECK(parse_target(words));
  CHECK_FALSE(parse_target(words + " a"));
}

TEST_CASE("what is written is read back") {
  for (const char* text : {"mbox:/var/mail/anna", "maildir:/home/anna/Maildir/", "pipe:a | b", "exec:/a b c"})
    CHECK(format_target(parse_target(text).value()) == text);
}

TEST_CASE("CR LF becomes LF wherever a letter is cut; a CR alone stays") {
  const std::string_view text = "a\r\n\r\nb\rc\r\r\nd\n\r";
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      UnixLines lines;
      std::string out;
      for (std::string_view piece : {text.substr(0, first), text.substr(first, second - first), text.substr(second)})
        while (!piece.empty()) out += lines.take(piece);
      out += lines.finish();
      REQUIRE(out == "a\n\nb\rc\r\nd\n\r");
    }
  }
}
