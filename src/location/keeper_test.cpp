#include "location/keeper.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "box/testing.h"
#include "delivery/files_faulty.h"
#include "location/test_house.h"
#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::location;
using namespace angarium::location::testing;

TEST_CASE("mail and flags come from the box and go to it, once") {
  for (const Setting form : kForms) {
    House house(form);
    house.put("INBOX", "old", kBoxSeen | kBoxFlagged);
    house.put("INBOX", "new");
    house.append("INBOX", "mine", kSeen);
    const Report report = house.settle();
    CHECK(report.brought == 2);
    CHECK(report.given == 1);
    const Contents wanted{{"mine", kBoxSeen}, {"new", 0}, {"old", kBoxSeen | kBoxFlagged}};
    CHECK(house.here("INBOX") == wanted);
    CHECK(house.there("INBOX") == wanted);
    CHECK_FALSE(house.settle().changed());
    house.begin_again();
    CHECK_FALSE(house.settle().changed());
    CHECK(house.here("INBOX") == wanted);
  }
}

TEST_CASE("a message keeps its octets and its date") {
  for (const Setting form : kForms) {
    House house(form);
    house.put("INBOX", "a");
    house.settle();
    const mailbox::ViewPtr view = house.view(house.inbox);
    CHECK(house.octets(*house.mail, view->at(1).email) == letter("a"));
    CHECK(view->at(1).date == 1'700'000'000);
    house.append("INBOX", "b");
    house.settle();
    house.with_box("INBOX", [](box::Box& box, std::size_t i, const std::string& subject) {
      CHECK(box.read(i, kMessageMax).value() == letter(subject));
    });
  }
}

TEST_CASE("flags that either side changes, the other gets; messages keep their UIDs") {
  for (const Setting form : kForms) {
    House house(form);
    for (const char* const word : {"a", "b", "c"}) house.put("INBOX", word);
    house.settle();
    const mailbox::UidSet before = house.view(house.inbox)->uids();
    house.mark("INBOX", "a", kSeen);
    house.mark_there("INBOX", "b", kBoxFlagged);
    house.mark("INBOX", "c", kSeen);
    house.mark_there("INBOX", "c", kBoxFlagged);
    house.settle();
    const Contents wanted{{"a", kBoxSeen}, {"b", kBoxFlagged}, {"c", kBoxSeen | kBoxFlagged}};
    CHECK(house.here("INBOX") == wanted);
    CHECK(house.there("INBOX") == wanted);
    house.mark("INBOX", "c", 0);
    house.mark_there("INBOX", "a", 0);
    house.settle();
    CHECK(house.here("INBOX") == Contents{{"a", 0}, {"b", kBoxFlagged}, {"c", 0}});
    CHECK(house.there("INBOX") == house.here("INBOX"));
    CHECK(house.view(house.inbox)->uids() == before);
    CHECK_FALSE(house.settle().changed());
  }
}

TEST_CASE("what leaves one side leaves the other") {
  for (const Setting form : kForms) {
    House house(form);
    for (const char* const word : {"a", "b", "c"}) house.put("INBOX", word);
    house.settle();
    house.expunge("INBOX", "a");
    house.remove_there("INBOX", "b");
    const Report report = house.settle();
    CHECK(report.expunged == 1);
    CHECK(report.removed == 1);
    CHECK(house.here("INBOX") == Contents{{"c", 0}});
    CHECK(house.there("INBOX") == Contents{{"c", 0}});
    CHECK_FALSE(house.settle().changed());
  }
}

TEST_CASE("equal messages are as many as they were") {
  for (const Setting form : kForms) {
    House house(form);
    house.put("INBOX", "same");
    house.put("INBOX", "same");
    house.settle();
    house.append("INBOX", "same");
    house.settle();
    CHECK(house.there("INBOX").size() == 3);
    CHECK(house.here("INBOX").size() == 3);
    CHECK_FALSE(house.settle().changed());
    mailbox::UidSet first;
    first.add(house.messages("INBOX").front().uid);
    house.must(house.mail->expunge(house.inbox, first, mailbox::ExpungeOnly::any));
    house.settle();
    CHECK(house.there("INBOX").size() == 2);
    CHECK(house.here("INBOX").size() == 2);
  }
}

TEST_CASE("mail that both sides had before there was a location is not doubled") {
  for (const Setting form : kForms) {
    House house(form);
    for (const char* const word : {"a", "b", "b", "c"}) house.append("INBOX", word, kSeen);
    for (const char* const word : {"b", "b", "c", "d"}) house.put("INBOX", word, kBoxFlagged);
    house.settle();
    const Contents wanted{{"a", kBoxSeen},
                          {"b", kBoxSeen | kBoxFlagged},
                          {"b", kBoxSeen | kBoxFlagged},
                          {"c", kBoxSeen | kBoxFlagged},
                          {"d", kBoxFlagged}};
    CHECK(house.here("INBOX") == wanted);
    CHECK(house.there("INBOX") == wanted);
  }
}

TEST_CASE("folders are made, renamed and deleted on both sides") {
  for (const Setting form : kForms) {
    House house(form);
    REQUIRE(make_box(house.location, house.path("theirs/deep")));
    house.put("theirs/deep", "a");
    house.must(house.mail->create("ours"));
    house.append("ours", "b");
    house.settle();
    CHECK(house.here("theirs/deep") == Contents{{"a", 0}});
    CHECK(house.mail->listing()->subscribed("theirs/deep"));
    CHECK(house.there("ours") == Contents{{"b", 0}});
    // What every account has is made there when there is something in it.
    CHECK_FALSE(std::filesystem::exists(house.path("Sent")));
    house.append("Sent", "c");
    house.must(house.mail->rename("ours", "renamed"));
    const mailbox::UidSet uids = house.view(house.id("renamed"))->uids();
    house.settle();
    CHECK(house.there("Sent") == Contents{{"c", 0}});
    CHECK(house.there("renamed") == Contents{{"b", 0}});
    CHECK_FALSE(std::filesystem::exists(house.path("ours")));
    CHECK(house.view(house.id("renamed"))->uids() == uids);
    house.must(house.mail->remove("renamed"));
    std::filesystem::remove_all(house.path("theirs/deep"));
    house.settle();
    CHECK_FALSE(std::filesystem::exists(house.path("renamed")));
    CHECK(house.mail->listing()->find("theirs/deep") == nullptr);
    CHECK_FALSE(house.settle().changed());
  }
}

TEST_CASE("of a folder that is deleted on one side, mail that the other had got meanwhile stays") {
  for (const Setting form : kForms) {
    House house(form);
    for (const char* const name : {"x", "y", "z"}) house.must(house.mail->create(name));
    for (const char* const name : {"x", "y", "z"}) house.append(name, "known");
    house.settle();
    house.must(house.mail->remove("x"));
    house.put("x", "late");
    std::filesystem::remove_all(house.path("y"));
    house.append("y", "late");
    house.settle();
    house.settle();
    CHECK(house.here("x") == Contents{{"late", 0}});
    CHECK(house.there("x") == Contents{{"late", 0}});
    CHECK(house.here("y").contains("late"));
    CHECK(house.there("y").contains("late"));
  }
}

TEST_CASE("boxes that are not there tell nothing: no mail is lost with them") {
  for (const Setting form : kForms) {
    House house(form);
    house.put("INBOX", "a");
    house.must(house.mail->create("folder"));
    house.append("folder", "b");
    house.settle();
    const std::string away = house.home.path() + "/away";
    const std::string root = form == Location::Form::maildir ? house.location.inbox : house.location.folders;
    // The disk is not mounted: its place is not there,
    std::filesystem::rename(root, away);
    CHECK(house.run(house.keeper->settle(kAlice, house.location)).error().is(kTrouble));
    // or an empty folder.
    std::filesystem::create_directories(root);
    if (form == Location::Form::maildir) REQUIRE(make_box(house.location, root));
    if (form == Location::Form::mbox) {
      std::filesystem::remove(house.location.inbox);
      const Report report = house.must(house.keeper->settle(kAlice, house.location));
      std::string words;
      for (const std::string& line : report.troubles) words += line + "; ";
      CHECK_MESSAGE(report.troubles.size() == 2, words);
      CHECK(house.here("INBOX") == Contents{{"a", 0}});
    }
    CHECK(house.mail->listing()->find("folder") != nullptr);
    CHECK(house.here("folder") == Contents{{"b", 0}});
  }
}

TEST_CASE("a location that is another now begins anew by octets: nothing is expunged, doubled or deleted") {
  for (const Setting form : kForms) {
    House house(form);
    for (const char* const name : {"x", "y"}) house.must(house.mail->create(name));
    for (const char* const name : {"x", "y"}) house.append(name, "kept");
    house.put("INBOX", "a");
    house.settle();
    // Its boxes are elsewhere, some with mail, some empty.
    house.location.inbox = house.home.path() + "/other/box";
    if (form == Location::Form::mbox) house.location.folders = house.home.path() + "/other/mail";
    std::filesystem::create_directories(house.home.path() + "/other/mail");
    REQUIRE(make_box(house.location, house.location.inbox));
    REQUIRE(make_box(house.location, house.path("x")));
    house.put("INBOX", "a");
    house.settle();
    CHECK(house.here("INBOX") == Contents{{"a", 0}});
    for (const char* const name : {"x", "y"}) {
      CHECK(house.here(name) == Contents{{"kept", 0}});
      CHECK(house.there(name) == Contents{{"kept", 0}});
    }
    CHECK_FALSE(house.settle().changed());
  }
}

TEST_CASE("a box that is another one now and holds nothing of what it held is not believed") {
  for (const Setting form : kForms) {
    House house(form);
    house.put("INBOX", "a");
    house.settle();
    house.settle();
    // The disk is not mounted, and somebody has delivered into its place.
    const std::string root = form == Location::Form::maildir ? house.location.inbox : house.location.folders;
    const std::string above = house.home.path() + "/elsewhere";
    std::filesystem::create_directories(above);
    Location other = house.location;
    other.inbox = above + "/box";
    REQUIRE(make_box(other, other.inbox));
    REQUIRE(add_message(other, other.inbox, {.octets = letter("b"), .received = {}}, {}));
    std::filesystem::remove_all(house.location.inbox);
    std::filesystem::create_symlink(other.inbox, house.location.inbox);
    store::Batch batch;
    note_box(kAlice, {house.inbox, house.location.inbox, 12345}, batch);  // of the disk that is away
    REQUIRE(house.tablet->commit_and_wait(std::move(batch)));
    const Report report = house.must(house.keeper->settle(kAlice, house.location));
    CHECK(report.troubles.size() == 1);
    CHECK(house.here("INBOX") == Contents{{"a", 0}});
  }
}

TEST_CASE("a renaming that a sudden end cut off is taken up, and one that cannot be leaves the mail the same") {
  for (const Setting form : kForms) {
    House house(form);
    for (const char* const name : {"x", "y", "z"}) house.must(house.mail->create(name));
    for (const char* const name : {"x", "y", "z"}) house.append(name, name);
    house.settle();
    const mailbox::UidSet uids = house.view(house.id("x"))->uids();
    house.must(house.mail->rename("x", "renamed"));
    REQUIRE(rename_box(house.location, house.path("x"), house.path("renamed")));  // and no note of it
    // y and z change their names with each other.
    house.must(house.mail->rename("y", "t"));
    house.must(house.mail->rename("z", "y"));
    house.must(house.mail->rename("t", "z"));
    for (int i = 0; i < 2; ++i) (void)house.must(house.keeper->settle(kAlice, house.location));
    CHECK(house.view(house.id("renamed"))->uids() == uids);
    CHECK(house.there("renamed") == Contents{{"x", 0}});
    CHECK(house.here("y") == Contents{{"z", 0}});
    CHECK(house.here("z") == Contents{{"y", 0}});
    CHECK(house.mail->listing()->find("x") == nullptr);
  }
}

TEST_CASE("a mailbox whose name no box can have stays here alone, whatever becomes of its neighbours") {
  for (const Setting form : kForms) {
    House house(form);
    const std::string name = form == Location::Form::maildir ? "example.com" : "example.lock";
    house.must(house.mail->create(name));
    house.append(name, "kept");
    for (int i = 0; i < 3; ++i) CHECK(house.settle().without_box == std::set<std::string>{name});
    CHECK(house.here(name) == Contents{{"kept", 0}});
    CHECK(house.mail->listing()->find("example_com") == nullptr);
    CHECK(find_boxes(house.location).value().size() == 1);
  }
}

TEST_CASE("of mailboxes that no box can be called like, a number is named") {
  House house(Setting{Location::Form::maildir});
  for (std::size_t i = 0; i <= kWithoutBoxTold; ++i) house.must(house.mail->create("a." + std::to_string(i)));
  const Report report = house.settle();
  CHECK(report.without_box.size() == kWithoutBoxTold);
  CHECK(!report.troubled());
}

TEST_CASE("messages that the quota does not let in stay in the box, and the rest goes on") {
  for (const Setting form : kForms) {
    House house(form);
    house.must(house.mail->set_quota({.octets = 0, .messages = 2}));
    for (const char* const word : {"a", "b", "c", "d"}) house.put("INBOX", word);
    const Report report = house.must(house.keeper->settle(kAlice, house.location));
    CHECK(report.troubles.size() >= 1);
    CHECK(house.here("INBOX").size() == 2);
    CHECK(house.there("INBOX").size() == 4);
    house.must(house.mail->set_quota({}));
    house.begin();
    house.settle();
    CHECK(house.here("INBOX").size() == 4);
  }
}

TEST_CASE("a message that is larger than a box takes stays where it is, and is no hindrance") {
  for (const Setting form : kForms) {
    House house(form);
    std::string large = letter("large");
    large.resize(kMessageMax + 1, 'x');
    const std::string name = form == Location::Form::maildir ? "Maildir/new/1.a.b" : "spool";
    house.home.put(name,
                   (form == Location::Form::maildir ? "" : "From a@b Tue Nov 14 10:00:00 2023\n") + large + "\n\n");
    house.put("INBOX", "small");
    house.settle();
    CHECK(house.here("INBOX") == Contents{{"small", 0}});
    CHECK_FALSE(house.settle().changed());
  }
}

TEST_CASE("both sides change at random, and nothing is lost, doubled or brought back") {
  for (const Setting form : kForms)
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      House house(form);
      SeededRandom random(seed);
      std::map<std::string, int> alive;  // subject → where it was made: 0 here, 1 there
      int made = 0;
      for (int step = 0; step < 40; ++step) {
        std::string some;
        if (!alive.empty())
          some = std::next(alive.begin(), static_cast<std::ptrdiff_t>(random.below(alive.size())))->first;
        const bool on_both = !some.empty() && house.here("INBOX").contains(some) && house.there("INBOX").contains(some);
        switch (random.below(7)) {
          case 0: house.put("INBOX", "t" + std::to_string(++made)), alive["t" + std::to_string(made)] = 1; break;
          case 1: house.append("INBOX", "h" + std::to_string(++made)), alive["h" + std::to_string(made)] = 0; break;
          case 2:
            if (on_both) house.mark("INBOX", some, random.below(2) == 0 ? kSeen : mailbox::kFlagged);
            break;
          case 3:
            if (on_both) house.mark_there("INBOX", some, random.below(2) == 0 ? kBoxSeen : kBoxFlagged);
            break;
          case 4:
            if (on_both) house.expunge("INBOX", some), alive.erase(some);
            break;
          case 5:
            if (on_both) house.remove_there("INBOX", some), alive.erase(some);
            break;
          default:
            if (random.below(4) == 0) house.begin_again();
            house.settle();
        }
      }
      house.settle();
      std::set<std::string> wanted;
      for (const auto& [word, side] : alive) wanted.insert(word);
      std::set<std::string> found;
      for (const auto& [word, flags] : house.here("INBOX")) CHECK_MESSAGE(found.insert(word).second, "twice: ", word);
      CHECK_MESSAGE(found == wanted, "seed ", seed);
      CHECK(house.there("INBOX") == house.here("INBOX"));
      CHECK_FALSE(house.settle().changed());
    }
}

namespace {

/// Whether the settling was cut off before that call of the file system.
bool cut_off(Location::Form form, std::uint64_t at) {
  House house({form});
  for (const char* const word : {"a", "b", "c", "d"}) house.put("INBOX", word);
  house.settle();
  house.put("INBOX", "e");
  house.append("INBOX", "f", kSeen);
  house.append("INBOX", "g");
  house.expunge("INBOX", "a");
  house.remove_there("INBOX", "b");
  house.mark("INBOX", "c", kSeen);
  house.mark_there("INBOX", "d", kBoxFlagged);
  ManualClock clock;
  Imaging files(house, at, clock);
  house.begin({.files = files});
  house.settle();
  house.begin();
  if (!files.store) return false;
  const std::string folder = house.home.path();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) std::filesystem::remove_all(entry.path());
  std::filesystem::copy(folder + ".image", folder, std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(folder + ".image");
  // Its process is gone with its locks.
  std::filesystem::remove(folder + "/spool.lock");
  house.keeper.reset();
  house.mail.reset();
  house.restart(files.store);
  house.mail = house.account(kAlice);
  house.begin();
  house.settle();
  const Contents wanted{{"c", kBoxSeen}, {"d", kBoxFlagged}, {"e", 0}, {"f", kBoxSeen}, {"g", 0}};
  CHECK_MESSAGE(house.here("INBOX") == wanted, "call ", at);
  CHECK_MESSAGE(house.there("INBOX") == wanted, "call ", at);
  CHECK_FALSE(house.settle().changed());
  return true;
}

}  // namespace

TEST_CASE("a settling that is cut off anywhere is ended by the next: no message is lost or doubled") {
  for (const Setting form : kFormsHere) {
    std::uint64_t at = 1;
    while (cut_off(form, at)) ++at;
    CHECK(at > (form == Location::Form::mbox ? 15 : 8));
  }
}

TEST_CASE("a full disk below the boxes loses nothing here") {
  for (const Setting form : kFormsHere) {
    House house(form);
    house.put("INBOX", "a");
    house.append("INBOX", "b");
    ManualClock clock;
    delivery::FaultyFiles files(1, clock);
    files.arm({.room = 0});
    house.begin({.files = files});
    const Report report = house.must(house.keeper->settle(kAlice, house.location));
    CHECK(report.troubles.size() == 1);
    CHECK(house.here("INBOX").contains("b"));
    house.begin();
    house.settle();
    CHECK(house.here("INBOX") == Contents{{"a", 0}, {"b", 0}});
    CHECK(house.there("INBOX") == Contents{{"a", 0}, {"b", 0}});
  }
}

namespace {

/// Where a process that works on the boxes dies.
enum class Dies { before_a_call, before_an_answer };

/// Does as a servant does, and dies at that call or answer.
location::testing::Processes::Work dying(location::testing::SharedCount& count, Dies dies, std::uint64_t at) {
  return [&count, dies, at](const Descriptor& socket, const cage::Servant::Errand& errand) {
    if (dies == Dies::before_a_call) {
      ManualClock clock;
      location::testing::DyingFiles files(count, at, clock);
      BoxServant({.files = files}).serve(socket, errand);
      return;
    }
    Hand hand(route::parse_location(errand.place).value(), errand.spool_file,
              {.delivery = {}, .home = errand.user.home});
    while (const auto octets = cage::read_frame(socket, kOrderMax, system_clock().now() + kUnasked)) {
      const std::string reply = encode(hand.follow(decode_order(*octets).value()));
      if (count.next() == at) ::kill(::getpid(), SIGKILL);
      (void)cage::write_frame(socket, reply, system_clock().now() + kUnasked);
    }
  };
}

/// Whether it died.
bool died(Location::Form form, Dies dies, std::uint64_t at) {
  House house({form, true});
  for (const char* const word : {"a", "b", "c", "d"}) house.put("INBOX", word);
  house.put("INBOX", "x", kBoxSeen);
  house.settle();
  house.put("INBOX", "e");
  house.append("INBOX", "f", kSeen);
  house.append("INBOX", "g");
  house.expunge("INBOX", "a");
  house.remove_there("INBOX", "b");
  house.mark("INBOX", "c", kSeen);
  house.mark_there("INBOX", "d", kBoxFlagged);
  house.must(house.mail->create("Papers"));
  house.append("Papers", "p");
  location::testing::SharedCount count;
  house.begin({}, dying(count, dies, at));
  (void)house.run(house.keeper->settle(kAlice, house.location));
  if (count.now() < at) return false;
  // The process that worked on them is another one now.
  (void)house.run(house.keeper->settle(kAlice, house.location));
  house.begin();
  house.settle();
  const Contents wanted{{"c", kBoxSeen}, {"d", kBoxFlagged}, {"e", 0}, {"f", kBoxSeen}, {"g", 0}, {"x", kBoxSeen}};
  CHECK_MESSAGE(house.here("INBOX") == wanted, "death ", at);
  CHECK_MESSAGE(house.there("INBOX") == wanted, "death ", at);
  CHECK(house.here("Papers") == Contents{{"p", 0}});
  CHECK(house.there("Papers") == Contents{{"p", 0}});
  CHECK_FALSE(house.settle().changed());
  return true;
}

}  // namespace

TEST_CASE("who works on a user's boxes dies at any call, or before any answer: no message is lost or doubled") {
  for (const Location::Form form : {Location::Form::maildir, Location::Form::mbox})
    for (const Dies dies : {Dies::before_a_call, Dies::before_an_answer}) {
      std::uint64_t at = 1;
      while (died(form, dies, at)) ++at;
      CHECK(at > 15);
    }
}

namespace {

/// Whether it died, where both sides had mail before there was a location.
bool died_while_matching(Location::Form form, Dies dies, std::uint64_t at) {
  House house({form, true});
  for (const char* const word : {"a", "b", "b", "c"}) house.append("INBOX", word);
  for (const char* const word : {"b", "b", "c", "d"}) house.put("INBOX", word);
  location::testing::SharedCount count;
  house.begin({}, dying(count, dies, at));
  (void)house.run(house.keeper->settle(kAlice, house.location));
  if (count.now() < at) return false;
  (void)house.run(house.keeper->settle(kAlice, house.location));
  house.begin();
  house.settle();
  const Contents wanted{{"a", 0}, {"b", 0}, {"b", 0}, {"c", 0}, {"d", 0}};
  CHECK_MESSAGE(house.here("INBOX") == wanted, "death ", at);
  CHECK_MESSAGE(house.there("INBOX") == wanted, "death ", at);
  CHECK_FALSE(house.settle().changed());
  return true;
}

enum class Unreadable { first, each };

/// A servant of boxes that cannot read the first message, or any, so many times.
location::testing::Processes::Work unreadable(location::testing::SharedCount& count, std::uint64_t times,
                                              Unreadable which) {
  return [&count, times, which](const Descriptor& socket, const cage::Servant::Errand& errand) {
    Hand hand(route::parse_location(errand.place).value(), errand.spool_file,
              {.delivery = {}, .home = errand.user.home});
    while (const auto octets = cage::read_frame(socket, kOrderMax, system_clock().now() + kUnasked)) {
      const Order order = decode_order(*octets).value();
      const auto* const read = std::get_if<ReadMessage>(&order);
      const bool refused = read != nullptr && (which == Unreadable::each || read->index == 0) && count.next() <= times;
      const Reply reply = refused ? Reply(Refused{"it cannot be read"}) : hand.follow(order);
      (void)cage::write_frame(socket, encode(reply), system_clock().now() + kUnasked);
    }
  };
}

}  // namespace

TEST_CASE("who works on a user's boxes dies while equal mail is looked for on both sides: none is doubled") {
  for (const Location::Form form : {Location::Form::maildir, Location::Form::mbox})
    for (const Dies dies : {Dies::before_a_call, Dies::before_an_answer}) {
      std::uint64_t at = 1;
      while (died_while_matching(form, dies, at)) ++at;
      CHECK(at > (dies == Dies::before_a_call ? 5 : 10));
    }
}

TEST_CASE("equal mail that was found on both sides is known as such, though who works on the box dies after it") {
  for (const Location::Form form : {Location::Form::maildir, Location::Form::mbox}) {
    House house({form, true});
    for (const char* const word : {"a", "b", "c"}) house.append("INBOX", word);
    for (const char* const word : {"b", "c", "d"}) house.put("INBOX", word);
    location::testing::SharedCount reads;
    // The fourth reading is that of the message that is brought.
    house.begin({}, [&reads](const Descriptor& socket, const cage::Servant::Errand& errand) {
      Hand hand(route::parse_location(errand.place).value(), errand.spool_file,
                {.delivery = {}, .home = errand.user.home});
      while (const auto octets = cage::read_frame(socket, kOrderMax, system_clock().now() + kUnasked)) {
        const Order order = decode_order(*octets).value();
        if (std::holds_alternative<ReadMessage>(order) && reads.next() == 4) ::kill(::getpid(), SIGKILL);
        (void)cage::write_frame(socket, encode(hand.follow(order)), system_clock().now() + kUnasked);
      }
    });
    CHECK(house.must(house.keeper->settle(kAlice, house.location)).troubles.size() == 1);
    CHECK(reads.now() == 4);
    CHECK(pairs_of(*house.tablet, kAlice, house.inbox).value().size() == 2);
    house.begin();
    house.settle();
    CHECK(house.here("INBOX") == Contents{{"a", 0}, {"b", 0}, {"c", 0}, {"d", 0}});
    CHECK(house.there("INBOX") == house.here("INBOX"));
  }
}

TEST_CASE("troubles are told one by one up to a number, and counted from there") {
  for (const std::size_t count : {kTroublesTold, kTroublesTold + 1}) {
    House house({Location::Form::maildir, true});
    for (std::size_t i = 0; i < count; ++i) house.put("INBOX", std::to_string(i));
    location::testing::SharedCount calls;
    house.begin({}, unreadable(calls, count, Unreadable::each));
    const Report report = house.must(house.keeper->settle(kAlice, house.location));
    CHECK(report.troubles.size() == kTroublesTold);
    CHECK(report.further_troubles == count - kTroublesTold);
    CHECK(report.brought == 0);
  }
}

TEST_CASE("while a message of the box cannot be read, its like is neither given nor brought; the rest is, later") {
  for (const Location::Form form : {Location::Form::maildir, Location::Form::mbox})
    for (const std::uint64_t times : {std::uint64_t{1}, std::uint64_t{100}}) {
      House house({form, true});
      for (const char* const word : {"a", "b"}) house.append("INBOX", word);
      for (const char* const word : {"b", "c"}) house.put("INBOX", word);
      location::testing::SharedCount count;
      house.begin({}, unreadable(count, times, Unreadable::first));
      const Report report = house.must(house.keeper->settle(kAlice, house.location));
      CHECK(report.given == 0);
      CHECK(report.troubles.size() == 2);
      CHECK(house.there("INBOX") == Contents{{"b", 0}, {"c", 0}});
      CHECK(house.here("INBOX").count("b") == 1);
      if (times == 1) house.settle();
      // Readable by now, though nothing of the box tells of it.
      house.begin();
      house.settle();
      CHECK(house.here("INBOX") == Contents{{"a", 0}, {"b", 0}, {"c", 0}});
      CHECK(house.there("INBOX") == Contents{{"a", 0}, {"b", 0}, {"c", 0}});
      CHECK_FALSE(house.settle().changed());
    }
}

namespace {

/// Boxes into which a letter comes whenever somebody looks at them, so many times.
class BusyBoxes final : public Boxes {
 public:
  BusyBoxes(House& house, int letters) : house_(house), letters_(letters) {}
  Result<std::vector<Found>> find(const Location& location) override { return here_.find(location); }
  Result<> make(const Location& location, const std::string& path) override { return here_.make(location, path); }
  Result<> rename(const Location& location, const std::string& from, const std::string& to) override {
    return here_.rename(location, from, to);
  }
  Result<> remove(const Location& location, const std::string& path) override { return here_.remove(location, path); }
  Result<bool> is_missing(const Location& location, const std::string& path) override {
    return here_.is_missing(location, path);
  }
  Result<Stamp> stamp(const Location& location, const std::string& path) override {
    if (came_ < letters_) house_.put("INBOX", "n" + std::to_string(++came_));
    return here_.stamp(location, path);
  }
  Result<std::shared_ptr<OpenBox>> open(const Location& location, const std::string& path) override {
    return here_.open(location, path);
  }
  Result<There> add(const Location& location, const std::string& path, const NewMessage& message) override {
    return here_.add(location, path, message);
  }

 private:
  House& house_;
  int letters_;
  int came_ = 0;
  BoxesHere here_{{.delivery = {}, .home = house_.home.path()}};
};

}  // namespace

TEST_CASE("a box that somebody writes to all the time is compared so many times in one go, and the rest in the next") {
  for (const Setting form : kFormsHere)
    for (const int letters : {kRoundsMax, kRoundsMax + 1}) {
      House house(form);
      BusyBoxes busy(house, letters);
      house.keeper = std::make_unique<Keeper>(*house.store, *house.tablet, house.pool, busy);
      CHECK(house.settle().brought == kRoundsMax);
      CHECK(house.settle().brought == static_cast<std::uint64_t>(letters - kRoundsMax));
      CHECK_FALSE(house.settle().changed());
      house.keeper.reset();
    }
}
