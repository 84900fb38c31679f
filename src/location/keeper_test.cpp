#include "location/keeper.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "box/testing.h"
#include "delivery/files_faulty.h"
#include "mailbox/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::location;
using mailbox::kSeen;
using mailbox::test::kAlice;
using message::BoxFlags;
using message::kBoxFlagged;
using message::kBoxSeen;

namespace {

std::string letter(const std::string& word) {
  return "From: " + word + "@example.test\r\nSubject: " + word + "\r\n\r\nFrom the hand of\r\n>From " + word + "\r\n";
}

/// What names a test's message.
std::string subject_of(std::string_view octets) {
  const std::size_t at = octets.find("Subject: ") + 9;
  return std::string(octets.substr(at, octets.find('\r', at) - at));
}

using Contents = std::multimap<std::string, BoxFlags>;

/// An account with a location, and the programs that read its boxes.
struct House : mailbox::test::Ready {
  explicit House(Location::Form form) {
    location = form == Location::Form::maildir
                   ? Location{.form = form, .inbox = home.path() + "/Maildir", .folders = {}}
                   : Location{.form = form, .inbox = home.path() + "/spool", .folders = home.path() + "/mail"};
    if (form == Location::Form::mbox) home.put("mail/.keep", "");
    REQUIRE(make_box(location, location.inbox));
    begin();
  }
  void begin(delivery::Surroundings surroundings = {}) {
    keeper = std::make_unique<Keeper>(*store, *tablet, pool, box::Host{.delivery = surroundings, .home = home.path()});
  }
  void begin_again() {
    keeper.reset();
    again();
    begin();
  }

  Report settle() {
    Report report = must(keeper->settle(kAlice, location));
    std::string words;
    for (const std::string& line : report.troubles) words += line + "; ";
    CHECK_MESSAGE(words.empty(), words);
    return report;
  }

  // Other programs.
  std::string path(std::string_view mailbox) const { return path_of(location, mailbox); }
  void put(std::string_view mailbox, const std::string& word, BoxFlags flags = 0) {
    NewMessage message{.octets = letter(word), .flags = flags, .received = WallTime::from_seconds(1'700'000'000)};
    REQUIRE(add_message(location, path(mailbox), message, {}));
  }
  void with_box(std::string_view mailbox, const std::function<void(box::Box&, std::size_t, const std::string&)>& each) {
    auto box = box::open_box(path(mailbox), {.delivery = {}, .home = home.path()}, box::Access::change).value();
    for (std::size_t i = 0; i < box->size(); ++i) each(*box, i, subject_of(box->read(i, kMessageMax).value()));
    REQUIRE(box->write());
  }
  void mark_there(std::string_view mailbox, const std::string& word, BoxFlags flags) {
    with_box(mailbox, [&](box::Box& box, std::size_t i, const std::string& subject) {
      if (subject == word) box.at(i).flags = flags;
    });
  }
  void remove_there(std::string_view mailbox, const std::string& word) {
    with_box(mailbox, [&](box::Box& box, std::size_t i, const std::string& subject) {
      if (subject == word) box.at(i).deleted = true;
    });
  }
  Contents there(std::string_view mailbox) {
    Contents contents;
    with_box(mailbox, [&](box::Box& box, std::size_t i, const std::string& subject) {
      contents.emplace(subject, static_cast<BoxFlags>(box.at(i).flags & kSharedFlags));
    });
    return contents;
  }

  // Readers here.
  struct Message {
    mailbox::Uid uid;
    std::string word;
    mailbox::SystemFlags flags;
  };
  std::vector<Message> messages(std::string_view name) {
    const mailbox::ViewPtr shown = view(id(name));
    std::vector<Message> all;
    shown->for_each([&](std::uint32_t, const mailbox::Entry& entry) {
      all.push_back({entry.uid, subject_of(octets(*mail, entry.email)), entry.flags()});
    });
    return all;
  }
  Contents here(std::string_view name) {
    Contents contents;
    for (const Message& one : messages(name)) {
      unsigned flags = 0;
      if ((one.flags & kSeen) != 0) flags |= kBoxSeen;
      if ((one.flags & mailbox::kFlagged) != 0) flags |= kBoxFlagged;
      contents.emplace(one.word, static_cast<BoxFlags>(flags));
    }
    return contents;
  }
  void append(std::string_view name, const std::string& word, mailbox::SystemFlags flags = 0) {
    std::vector<mailbox::AppendItem> items;
    items.push_back({.content = mailbox::make_content(letter(word)), .flags = {flags, {}}, .received = {}});
    must(mail->append(id(name), std::move(items)));
  }
  mailbox::UidSet uids_of(std::string_view name, const std::string& word) {
    mailbox::UidSet uids;
    for (const Message& one : messages(name))
      if (one.word == word) uids.add(one.uid);
    return uids;
  }
  void mark(std::string_view name, const std::string& word, mailbox::SystemFlags flags) {
    must(mail->change_flags(id(name), uids_of(name, word), mailbox::test::flags(mailbox::FlagMode::replace, flags)));
  }
  void expunge(std::string_view name, const std::string& word) {
    must(mail->expunge(id(name), uids_of(name, word), mailbox::ExpungeOnly::any));
  }

  box::testing::Home home;
  Location location;
  std::unique_ptr<Keeper> keeper;
};

constexpr Location::Form kForms[] = {Location::Form::maildir, Location::Form::mbox};

}  // namespace

TEST_CASE("mail and flags come from the box and go to it, once") {
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
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

TEST_CASE("that a message was forwarded is told both ways, and no field grows by it") {
  for (const Location::Form form : kForms) {
    House house(form);
    house.put("INBOX", "a");
    house.settle();
    house.must(house.mail->change_flags(house.inbox, mailbox::UidSet::all(),
                                        mailbox::test::flags(mailbox::FlagMode::add, 0, {"$Forwarded"})));
    house.settle();
    CHECK(house.there("INBOX") == Contents{{"a", message::kBoxPassed}});
    house.mark("INBOX", "a", kSeen);
    house.settle();
    CHECK(house.there("INBOX") == Contents{{"a", kBoxSeen}});
    CHECK(house.home.get("spool").find("$Forwarded") == std::string::npos);
    house.mark_there("INBOX", "a", message::kBoxPassed);
    house.settle();
    CHECK(house.view(house.inbox)->keywords().find("$Forwarded"));
  }
}

TEST_CASE("what leaves one side leaves the other") {
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
    House house(form);
    const std::string name = form == Location::Form::maildir ? "example.com" : "example.lock";
    house.must(house.mail->create(name));
    house.append(name, "kept");
    for (int i = 0; i < 3; ++i) house.settle();
    CHECK(house.here(name) == Contents{{"kept", 0}});
    CHECK(house.mail->listing()->find("example_com") == nullptr);
    CHECK(find_boxes(house.location).value().size() == 1);
  }
}

TEST_CASE("messages that the quota does not let in stay in the box, and the rest goes on") {
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms) {
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
  for (const Location::Form form : kForms)
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

/// Takes an image of both sides before a call.
class Imaging final : public delivery::FaultyFiles {
 public:
  Imaging(House& house, std::uint64_t at, ManualClock& clock) : FaultyFiles(1, clock), house_(house), at_(at) {}
  using FaultyFiles::sync;
  delivery::Answer<> sync(const delivery::Descriptor& file) override {
    look();
    return FaultyFiles::sync(file);
  }
  delivery::Answer<std::size_t> write(const delivery::Descriptor& file, std::uint64_t offset,
                                      std::string_view octets) override {
    look();
    return FaultyFiles::write(file, offset, octets);
  }
  delivery::Answer<> remove(const delivery::Descriptor& folder, const std::string& name) override {
    look();
    return FaultyFiles::remove(folder, name);
  }
  delivery::Answer<> truncate(const delivery::Descriptor& file, std::uint64_t size) override {
    look();
    return FaultyFiles::truncate(file, size);
  }

  std::shared_ptr<store::MemoryDisk> store;

 private:
  void look() {
    if (++calls_ != at_) return;
    store = house_.image();
    std::filesystem::copy(house_.home.path(), house_.home.path() + ".image", std::filesystem::copy_options::recursive);
  }
  House& house_;
  std::uint64_t at_;
  std::uint64_t calls_ = 0;
};

/// Whether the settling was cut off before that call of the file system.
bool cut_off(Location::Form form, std::uint64_t at) {
  House house(form);
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
  for (const Location::Form form : kForms) {
    std::uint64_t at = 1;
    while (cut_off(form, at)) ++at;
    CHECK(at > (form == Location::Form::mbox ? 15 : 8));
  }
}

TEST_CASE("a full disk below the boxes loses nothing here") {
  for (const Location::Form form : kForms) {
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
