#include "transfer/name.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::transfer;

TEST_CASE("a level is read as modified UTF-7 where it is that, else as UTF-8") {
  CHECK(level_from("Entw&APw-rfe") == "Entwürfe");
  CHECK(level_from("Entwürfe") == "Entwürfe");
  CHECK(level_from("R&-D") == "R&D");
  CHECK(level_from("R&D") == "R&D");
  CHECK(level_from("a&AC8-b") == "a&AC8-b");  // a superfluous shift is no modified UTF-7
  CHECK(level_from("\xFCnchen") == "_nchen");
}

TEST_CASE("what no level may hold becomes an underscore, and none is empty or too long") {
  CHECK(level_from("") == "_");
  CHECK(level_from("a/b") == "a_b");
  CHECK(level_from("#news") == "_news");
  CHECK(level_from("a*b%c\x01") == "a_b_c_");
  CHECK(level_from(std::string(255, 'a')).size() == 255);
  CHECK(level_from(std::string(256, 'a')).size() == 255);
  CHECK(level_from(std::string(254, 'a') + "ü") == std::string(254, 'a'));
}

TEST_CASE("folders of other programs find their special use by name, whatever the case") {
  using mailbox::SpecialUse;
  CHECK(use_of("Sent") == SpecialUse::sent);
  CHECK(use_of("SENT ITEMS") == SpecialUse::sent);
  CHECK(use_of("[Gmail]/Spam") == SpecialUse::junk);
  CHECK(use_of("Deleted Messages") == SpecialUse::trash);
  CHECK(use_of("Archive") == SpecialUse::archive);
  CHECK(use_of("postponed") == SpecialUse::drafts);
  CHECK(use_of("work/Sent") == SpecialUse::none);
  CHECK(use_of("Sentinel") == SpecialUse::none);
}

TEST_CASE("names are put below others, INBOX in their place") {
  CHECK(below("", "INBOX") == "INBOX");
  CHECK(below("Old", "INBOX") == "Old");
  CHECK(below("Old", "a/b") == "Old/a/b");
}
