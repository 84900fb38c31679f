// Keywords that a mailbox and its box have in common.
#include <filesystem>
#include <set>

#include "box/mbox_box.h"
#include "location/test_house.h"
#include "store/keys.h"

using namespace angarium;
using namespace angarium::location;
using namespace angarium::location::testing;

namespace {

using Words = std::set<std::string>;

/// Boxes that take keywords: a Maildir, and an mbox that a program which knows of them has opened.
std::unique_ptr<House> make_house(Setting setting) {
  auto house = std::make_unique<House>(setting);
  if (setting.form == Location::Form::mbox) {
    house->home.put("spool",
                    "From a@b Tue Nov 14 10:00:00 2023\nX-IMAPbase: 1700000000 0000000001\nSubject: first\n\ntext\n\n");
  } else {
    // Dovecot keeps its numbers in it.
    house->home.put("Maildir/dovecot-uidlist", "3 V1700000000 N2\n");
    house->put("INBOX", "first");
  }
  house->settle();
  return house;
}

Words here(House& house, const std::string& word) {
  Words found;
  const mailbox::ViewPtr view = house.view(house.inbox);
  view->for_each([&](std::uint32_t, const mailbox::Entry& entry) {
    if (subject_of(house.octets(*house.mail, entry.email)) != word) return;
    view->keywords_of(entry).for_each(
        [&](std::uint16_t index) { found.insert(to_lower(view->keywords().name(index))); });
  });
  return found;
}
Words there(House& house, const std::string& word) {
  Words found;
  house.with_box("INBOX", [&](box::Box& box, std::size_t i, const std::string& subject) {
    for (std::size_t k = 0; k < box.keyword_names().size(); ++k)
      if (subject == word && (box.at(i).keywords >> k & 1) != 0) found.insert(to_lower(box.keyword_names()[k]));
  });
  return found;
}
void set_here(House& house, const std::string& word, mailbox::FlagMode mode, std::vector<std::string> keywords) {
  house.must(house.mail->change_flags(house.inbox, house.uids_of("INBOX", word),
                                      mailbox::test::flags(mode, 0, std::move(keywords))));
}
/// As another program: names what it needs, in the next free place.
void set_there(House& house, const std::string& word, const std::string& keyword, bool on) {
  house.with_box("INBOX", [&](box::Box& box, std::size_t i, const std::string& subject) {
    if (subject != word) return;
    auto names = box.keyword_names();
    std::size_t k = 0;
    while (!names[k].empty() && !equals_ignore_case(names[k], keyword)) ++k;
    names[k] = keyword;
    box.name_keywords(names);
    const box::Keywords bit = box::Keywords{1} << k;
    box.at(i).keywords = on ? box.at(i).keywords | bit : box.at(i).keywords & ~bit;
  });
}

}  // namespace

TEST_CASE("keywords that either side sets or takes away, the other does") {
  for (const Setting form : kForms) {
    const auto kept = make_house(form);
    House& house = *kept;
    house.put("INBOX", "second");
    house.settle();
    set_here(house, "first", mailbox::FlagMode::add, {"$Label1", "Work"});
    set_there(house, "second", "$Junk", true);
    house.settle();
    CHECK(there(house, "first") == Words{"$label1", "work"});
    CHECK(here(house, "first") == Words{"$label1", "work"});
    CHECK(here(house, "second") == Words{"$junk"});
    CHECK(there(house, "second") == Words{"$junk"});
    // Each on both sides, whoever set it, and however it is spelled.
    set_here(house, "second", mailbox::FlagMode::remove, {"$JUNK"});
    set_here(house, "second", mailbox::FlagMode::add, {"WORK"});
    set_there(house, "first", "work", false);
    house.settle();
    CHECK(there(house, "second") == Words{"work"});
    CHECK(here(house, "second") == Words{"work"});
    CHECK(here(house, "first") == Words{"$label1"});
    CHECK(there(house, "first") == Words{"$label1"});
    CHECK_FALSE(house.settle().changed());
    house.begin_again();
    CHECK_FALSE(house.settle().changed());
    CHECK(here(house, "first") == Words{"$label1"});
  }
}

TEST_CASE("mail that comes and mail that goes has its keywords with it") {
  for (const Setting form : kForms) {
    const auto kept = make_house(form);
    House& house = *kept;
    house.put("INBOX", "theirs");
    set_there(house, "theirs", "$MDNSent", true);
    house.append("INBOX", "ours", kSeen);
    set_here(house, "ours", mailbox::FlagMode::add, {"Later"});
    house.settle();
    CHECK(here(house, "theirs") == Words{"$mdnsent"});
    CHECK(there(house, "ours") == Words{"later"});
    CHECK(house.there("INBOX").contains("ours"));
    CHECK_FALSE(house.settle().changed());
  }
}

TEST_CASE("keywords that a box has no room for stay here, are told, and hinder nothing") {
  for (const Setting form : kForms) {
    const auto kept = make_house(form);
    House& house = *kept;
    const std::size_t room = form == Location::Form::maildir ? 26 : 30;
    std::vector<std::string> keywords;
    for (std::size_t i = 0; i < room; ++i) keywords.push_back("k" + std::to_string(i));
    set_here(house, "first", mailbox::FlagMode::add, keywords);
    CHECK(house.settle().keywords_left.empty());
    CHECK(there(house, "first").size() == room);
    set_here(house, "first", mailbox::FlagMode::add, {"beyond"});
    house.append("INBOX", "second");
    const Report report = house.settle();
    CHECK(report.keywords_left == std::map<std::string, std::string>{{house.location.inbox, "beyond"}});
    CHECK(report.troubles.empty());
    CHECK(here(house, "first").contains("beyond"));
    CHECK(there(house, "first").size() == room);
    CHECK(house.there("INBOX").size() == 2);
    house.begin();
    CHECK_FALSE(house.settle().changed());
  }
}

TEST_CASE("keywords of an mbox in which nobody keeps any stay here, and come to it once somebody does") {
  House house({Location::Form::mbox});
  house.put("INBOX", "first");
  house.settle();
  set_here(house, "first", mailbox::FlagMode::add, {"Work"});
  CHECK(house.settle().keywords_left.empty());
  CHECK_FALSE(house.home.get("spool").contains("Work"));
  house.append("INBOX", "given");
  set_here(house, "given", mailbox::FlagMode::add, {"$Forwarded"});
  house.settle();
  CHECK_FALSE(house.home.get("spool").contains("X-Keywords"));
  std::string box = house.home.get("spool");
  box.insert(box.rfind("Subject: given"), "X-UID: 1\n");
  box.insert(box.find('\n') + 1, "X-IMAPbase: 1700000000 0000000001\n");
  house.home.put("spool", box);
  house.settle();
  CHECK(there(house, "first") == Words{"work"});
  CHECK(here(house, "first") == Words{"work"});
  // Its first message, which tells of them, is removed here.
  house.put("INBOX", "second");
  house.settle();
  set_here(house, "second", mailbox::FlagMode::add, {"Work"});
  house.settle();
  house.expunge("INBOX", "first");
  house.settle();
  CHECK(there(house, "second") == Words{"work"});
  CHECK(here(house, "second") == Words{"work"});
}

TEST_CASE("a keyword for which the mailbox has no room is told and stays in the box, and the rest goes on") {
  for (const Setting form : kForms) {
    const auto kept = make_house(form);
    House& house = *kept;
    house.put("INBOX", "second");
    house.settle();
    std::vector<std::string> keywords;
    for (std::size_t i = 0; i < mailbox::kKeywordsMax; ++i) keywords.push_back("k" + std::to_string(i));
    set_here(house, "first", mailbox::FlagMode::add, keywords);
    for (const char* const word : {"first", "second"}) set_there(house, word, "theirs", true);
    set_there(house, "second", "k7", true);
    house.mark_there("INBOX", "second", kBoxSeen);
    house.put("INBOX", "third");
    set_there(house, "third", "theirs", true);
    for (int look = 0; look < 3; ++look) {
      const Report report = house.must(house.keeper->settle(kAlice, house.location));
      REQUIRE(report.troubles.size() >= 1);
      CHECK(report.troubles.front().contains("too many keywords"));
      CHECK(here(house, "first").size() == mailbox::kKeywordsMax);
      CHECK(here(house, "second") == Words{"k7"});
      CHECK(house.here("INBOX") == Contents{{"first", 0}, {"second", kBoxSeen}, {"third", 0}});
      for (const char* const word : {"first", "second", "third"})
        CHECK_MESSAGE(there(house, word).contains("theirs"), std::string(word), " at look ", look);
      if (look > 0) CHECK_FALSE(report.changed());
      house.begin();
    }
    set_here(house, "first", mailbox::FlagMode::remove, {"k500"});
    house.begin_again();  // its place is free once the mailbox is read anew
    house.settle();
    for (const char* const word : {"first", "second", "third"}) CHECK(here(house, word).contains("theirs"));
  }
}

TEST_CASE("letters of a Maildir whose names were lost are not taken for others, and no keyword here is lost by it") {
  for (const char* const left : {"", "0 On", "1 Other\n"}) {
    const auto kept = make_house({Location::Form::maildir});
    House& house = *kept;
    house.put("INBOX", "second");
    house.settle();
    set_here(house, "first", mailbox::FlagMode::add, {"One"});
    house.settle();
    CHECK(there(house, "first") == Words{"one"});
    const std::string table = house.location.inbox + "/dovecot-keywords";
    std::filesystem::remove(table);
    if (*left != 0) house.home.put("Maildir/dovecot-keywords", left);
    set_here(house, "second", mailbox::FlagMode::add, {"Two"});
    house.settle();
    CHECK(here(house, "first").contains("one"));
    CHECK_FALSE(here(house, "first").contains("two"));
    CHECK(there(house, "first").contains("one"));
    CHECK(there(house, "second") == Words{"two"});
    CHECK_FALSE(house.settle().changed());
    // It is a keyword like others again.
    set_there(house, "first", "one", false);
    house.settle();
    CHECK_FALSE(here(house, "first").contains("one"));
  }
}

TEST_CASE("an mbox whose base was lost and made anew without its names gets them back") {
  const auto kept = make_house({Location::Form::mbox});
  House& house = *kept;
  set_here(house, "first", mailbox::FlagMode::add, {"One", "$Forwarded"});
  house.settle();
  CHECK(there(house, "first") == Words{"one"});
  CHECK(house.there("INBOX") == Contents{{"first", message::kBoxPassed}});
  const std::string text = "Subject: first\n\ntext\n\n";
  const std::string separator = "From a@b Tue Nov 14 10:00:00 2023\n";
  house.home.put("spool", separator + text);
  house.settle();
  CHECK(here(house, "first") == Words{"one", "$forwarded"});
  CHECK(house.home.get("spool") == separator + text);
  // As it is by now where another program names the same for messages of its own.
  for (const char* const names : {" One $Forwarded", ""}) {
    house.home.put("spool", separator + "X-IMAPbase: 1700000001 0000000001" + names + "\n" + text);
    house.settle();
    CHECK(here(house, "first") == Words{"one", "$forwarded"});
    CHECK(there(house, "first") == Words{"one"});
    CHECK(house.there("INBOX") == Contents{{"first", message::kBoxPassed}});
    if (*names == 0) break;
    house.home.put("spool", separator + text);
    house.settle();
  }
}

TEST_CASE("whatever call a naming is cut off before: a keyword whose name was lost comes back to its messages") {
  bool done = false;
  for (std::uint64_t at = 1; !done; ++at) {
    REQUIRE(at < 200);
    const auto kept = make_house({Location::Form::maildir});
    House& house = *kept;
    set_here(house, "first", mailbox::FlagMode::add, {"One"});
    house.settle();
    std::filesystem::remove(house.location.inbox + "/dovecot-keywords");
    ManualClock clock;
    delivery::FaultyFiles files(1, clock);
    house.begin({.files = files, .clock = clock});
    files.arm({.fail_at = at, .failing = 1'000'000});
    (void)house.must(house.keeper->settle(kAlice, house.location));
    done = files.calls() < at;
    files.arm({});
    std::filesystem::remove(house.location.inbox + "/dovecot-uidlist.lock");
    house.begin_again();
    house.settle();
    CHECK(here(house, "first") == Words{"one"});
    CHECK(there(house, "first").contains("one"));
  }
}

TEST_CASE("that a message was forwarded is told both ways, of an mbox where its base names it") {
  for (const Setting form : kForms) {
    const auto kept = make_house(form);
    House& house = *kept;
    set_here(house, "first", mailbox::FlagMode::add, {"$Forwarded"});
    house.settle();
    CHECK(house.there("INBOX") == Contents{{"first", message::kBoxPassed}});
    house.mark("INBOX", "first", kSeen);
    house.settle();
    CHECK(house.there("INBOX") == Contents{{"first", kBoxSeen}});
    if (form == Location::Form::mbox) {
      const std::string spool = house.home.get("spool");
      CHECK(spool.contains("X-IMAPbase: 1700000000 0000000001 $Forwarded\n"));
      CHECK_FALSE(spool.contains("X-Keywords"));
    }
    house.mark_there("INBOX", "first", message::kBoxPassed);
    house.settle();
    CHECK(here(house, "first") == Words{"$forwarded"});
    house.append("INBOX", "second");
    set_here(house, "second", mailbox::FlagMode::add, {"$Forwarded"});
    house.settle();
    CHECK(house.there("INBOX") == Contents{{"first", message::kBoxPassed}, {"second", message::kBoxPassed}});
    CHECK_FALSE(house.settle().changed());
  }
}

TEST_CASE("in a Maildir where somebody names letters $Forwarded gets one, too") {
  for (const Setting form : {kForms[0], kForms[2]}) {
    const auto kept = make_house(form);
    House& house = *kept;
    house.home.put("Maildir/dovecot-keywords", "0 Work\n");
    set_here(house, "first", mailbox::FlagMode::add, {"$Forwarded"});
    house.settle();
    CHECK(house.home.get("Maildir/dovecot-keywords") == "0 Work\n1 $Forwarded\n");
    for (const auto& entry : std::filesystem::directory_iterator(house.location.inbox + "/cur"))
      CHECK(entry.path().native().ends_with(":2,b"));
  }
}

TEST_CASE("looks that find nothing to do leave boxes octet for octet and at their time") {
  for (const Setting form : kForms) {
    const auto kept = make_house(form);
    House& house = *kept;
    house.put("INBOX", "second");
    set_there(house, "second", "Theirs", true);
    set_here(house, "first", mailbox::FlagMode::add, {"One", "$Forwarded", std::string(60, 'x')});
    house.mark("INBOX", "first", 0);
    set_here(house, "first", mailbox::FlagMode::add, {"One", "$Forwarded", std::string(60, 'x')});
    house.settle();
    const auto image = [&] {
      std::map<std::string, std::pair<std::string, std::filesystem::file_time_type>> files;
      for (const auto& entry : std::filesystem::recursive_directory_iterator(house.home.path()))
        if (entry.is_regular_file())
          files[entry.path()] = {house.home.get(entry.path().native().substr(house.home.path().size() + 1)),
                                 entry.last_write_time()};
      return files;
    };
    const auto before = image();
    for (int look = 0; look < 2; ++look) {
      house.begin();
      CHECK_FALSE(house.settle().changed());
      CHECK(image() == before);
    }
  }
}

TEST_CASE("a keyword that is too long for an mbox stays here, is told, and hinders nothing; a Maildir has it") {
  const std::string fits(box::kMboxKeywordOctetsMax, 'x');
  const std::string longer = fits + "y";
  for (const Setting form : kForms) {
    const auto kept = make_house(form);
    House& house = *kept;
    const bool mbox = form == Location::Form::mbox;
    set_here(house, "first", mailbox::FlagMode::add, {longer, fits});
    const Report report = house.settle();
    CHECK(there(house, "first") == (mbox ? Words{fits} : Words{fits, longer}));
    CHECK(here(house, "first") == Words{fits, longer});
    CHECK(report.keywords_left.contains(house.location.inbox) == mbox);
  }
}

TEST_CASE("a letter without a name stays with its message, and no keyword of ours gets it") {
  for (const Setting form : {kForms[0], kForms[2]}) {
    const auto kept = make_house(form);
    House& house = *kept;
    const std::string file = house.location.inbox + "/cur/1700000000.a.b:2,a";
    house.home.put("Maildir/cur/1700000000.a.b:2,a", letter("lettered"));
    house.put("INBOX", "second");
    house.settle();
    for (const char* const word : {"lettered", "second"}) set_here(house, word, mailbox::FlagMode::add, {"Two"});
    house.settle();
    CHECK(std::filesystem::exists(file + "b"));
    CHECK(there(house, "second") == Words{"two"});
    set_here(house, "lettered", mailbox::FlagMode::remove, {"Two"});
    house.settle();
    CHECK(std::filesystem::exists(file));
    CHECK(here(house, "lettered").empty());
    CHECK(here(house, "second") == Words{"two"});
  }
}

TEST_CASE("new letters are above those that are named or used, and holes are filled when there is none") {
  const auto kept = make_house({Location::Form::maildir});
  House& house = *kept;
  const char* const table = "Maildir/dovecot-keywords";
  house.home.put(table, "1 one\n");
  house.home.put("Maildir/cur/1700000000.a.b:2,d", letter("lettered"));
  set_here(house, "first", mailbox::FlagMode::add, {"two"});
  house.settle();
  CHECK(house.home.get(table) == "1 one\n4 two\n");
  house.home.put(table, "1 one\n4 two\n25 last\n");
  set_here(house, "first", mailbox::FlagMode::add, {"three"});
  house.settle();
  CHECK(house.home.get(table) == "0 three\n1 one\n4 two\n25 last\n");
}

TEST_CASE("names that a Maildir gets behind its letters are seen, and numbers that Dovecot begins to keep in it") {
  for (const Setting form : {kForms[0], kForms[2]}) {
    House house(form);
    house.home.put("Maildir/cur/1700000000.a.b:2,a", letter("first"));
    house.put("INBOX", "second");
    house.settle();
    const auto stamp = [&] { return house.boxes->stamp(house.location, house.location.inbox).value(); };
    // As when all is long settled.
    const auto same = [](Stamp a, Stamp b) {
      a.settled = b.settled = true;
      return a.same(b);
    };
    const Stamp before = stamp();
    CHECK(same(before, stamp()));
    house.home.put("Maildir/dovecot-uidlist", "3 V1700000000 N2\n");
    const Stamp numbered = stamp();
    CHECK_FALSE(same(before, numbered));
    house.home.put("Maildir/dovecot-keywords", "0 one\n");
    const Stamp named = stamp();
    CHECK_FALSE(same(numbered, named));
    CHECK_FALSE(named.settled);
    house.home.put("Maildir/other", "0 one\n");
    std::filesystem::rename(house.home.path() + "/Maildir/other", house.home.path() + "/Maildir/dovecot-keywords");
    CHECK_FALSE(same(named, stamp()));
    house.settle();
    CHECK(here(house, "first") == Words{"one"});
  }
}

TEST_CASE("a Maildir in which Dovecot keeps no numbers gets no letters, and its keywords stay here") {
  for (const Setting form : {kForms[0], kForms[2]}) {
    House house(form);
    house.put("INBOX", "first");
    house.settle();
    set_here(house, "first", mailbox::FlagMode::add, {"One", "$Forwarded"});
    house.settle();
    CHECK_FALSE(std::filesystem::exists(house.location.inbox + "/dovecot-keywords"));
    CHECK(here(house, "first") == Words{"one", "$forwarded"});
    CHECK(house.there("INBOX") == Contents{{"first", message::kBoxPassed}});
    CHECK_FALSE(house.settle().changed());
    house.home.put("Maildir/dovecot-uidlist", "3 V1700000000 N2\n");
    house.settle();
    CHECK(there(house, "first") == Words{"one"});
  }
}

TEST_CASE("places that a box has named, or that its messages use, are nobody's to name") {
  House house({Location::Form::maildir});
  house.home.put("Maildir/dovecot-keywords", "0 one\n");
  house.home.put("Maildir/cur/1700000000.a.b:2,ab", letter("lettered"));
  const auto change = [&](std::size_t places, std::size_t place, const std::string& keyword) {
    const auto box = open_here(house.location.inbox, {.delivery = {}, .home = house.home.path()}).value();
    KeywordNames names = box->keyword_names();
    CHECK(names[1] == box::kTakenPlace);
    names.resize(places);
    if (place < names.size()) names[place] = keyword;
    return box->change({}, {{0, Flags{5} << kKeywordShift}}, names);
  };
  CHECK(change(26, 0, "other").error().is(kTrouble));
  CHECK(change(26, 0, "").error().is(kTrouble));
  CHECK(change(25, 26, "").error().is(kTrouble));
  CHECK(change(27, 26, "other").error().is(kTrouble));
  CHECK(house.home.get("Maildir/dovecot-keywords") == "0 one\n");
  REQUIRE(change(26, 2, "two"));
  CHECK(house.home.get("Maildir/dovecot-keywords") == "0 one\n2 two\n");
  CHECK(std::filesystem::exists(house.location.inbox + "/cur/1700000000.a.b:2,abc"));
}

TEST_CASE("pairs of before there were keywords are read, and those with keywords tell them by their names") {
  House house(kForms[0]);
  store::Batch batch;
  const std::string key = store::KeyWriter().u8(kKeyOctet).u64(kAlice).u32(house.inbox).u32(7).key();
  batch.put(key, std::string("\x01\x05") + "1.a.b");
  const KeywordNames names{"one", "two"};
  note_pair(kAlice, house.inbox, {8, "2.a.b", kBoxSeen | keyword_bit(names, "two")}, batch, names);
  REQUIRE(house.tablet->commit_and_wait(std::move(batch)));
  const KeywordNames others{"", "three", "TWO"};
  const auto pairs = pairs_of(*house.tablet, kAlice, house.inbox, others).value();
  REQUIRE(pairs.size() == 2);
  CHECK(pairs[0] == Pair{7, "1.a.b", 5});
  CHECK(pairs[1] == Pair{8, "2.a.b", kBoxSeen | Flags{1} << (kKeywordShift + 2)});
  const auto without = pairs_of(*house.tablet, kAlice, house.inbox).value();
  CHECK(without[1].flags == kBoxSeen);
  CHECK(without[1].had_others);
  CHECK_FALSE(without[0].had_others);
  for (const std::string& damaged :
       {std::string("\x02\x01\x01\x09one"), std::string("\x02\x01\x01"), std::string("\x03\x01x"),
        std::string("\x01\x01"), std::string("\x02\x01\x01\x03one")}) {
    store::Batch wrong;
    wrong.put(key, damaged);
    REQUIRE(house.tablet->commit_and_wait(std::move(wrong)));
    CHECK_FALSE(pairs_of(*house.tablet, kAlice, house.inbox));
  }
}
