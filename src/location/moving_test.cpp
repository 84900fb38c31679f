// Accounts that move from their place into the own store, and back.
#include <filesystem>
#include <set>

#include "location/test_house.h"
#include "location/verify.h"
#include "store/keys.h"

using namespace angarium;
using namespace angarium::location;
using namespace angarium::location::testing;

namespace {

const WallTime kNow = WallTime::from_seconds(1'700'000'100);

Report move_in(House& house) { return house.must(house.keeper->move_in(kAlice, house.location, kNow)); }
Report move_out(House& house) { return house.must(house.keeper->move_out(kAlice, house.location)); }
bool has_moved(House& house) { return moved_in(*house.tablet, kAlice).value().has_value(); }

/// Every file of the account's place with its octets.
std::map<std::string, std::string> files_of(const House& house) {
  std::map<std::string, std::string> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(house.home.path()))
    if (entry.is_regular_file()) {
      const std::string name = std::filesystem::relative(entry.path(), house.home.path()).native();
      all[name] = house.home.get(name);
    }
  return all;
}

std::vector<mailbox::Uid> uids(House& house) {
  std::vector<mailbox::Uid> all;
  for (const House::Message& one : house.messages("INBOX")) all.push_back(one.uid);
  return all;
}

}  // namespace

TEST_CASE("an account moves in with all that both sides have, and keeps its UIDs") {
  for (const Setting form : kForms) {
    House house(form);
    house.put("INBOX", "a", kBoxSeen);
    house.settle();
    const auto before = uids(house);
    // Not yet known on the other side.
    house.put("INBOX", "b");
    house.append("INBOX", "c", kSeen);
    REQUIRE(make_box(house.location, house.path("folder")));
    house.put("folder", "d", kBoxFlagged);
    const Report report = move_in(house);
    CHECK(report.brought == 2);
    CHECK(report.troubles.empty());
    CHECK(has_moved(house));
    CHECK(house.here("INBOX") == Contents{{"a", kBoxSeen}, {"b", 0}, {"c", kBoxSeen}});
    CHECK(house.here("folder") == Contents{{"d", kBoxFlagged}});
    CHECK(uids(house).front() == before.front());
    CHECK(moved_in(*house.tablet, kAlice).value()->at.seconds() == kNow.seconds());
    CHECK(all_moved_in(*house.tablet).value().size() == 1);
    CHECK(mailbox::verify_mail(*house.tablet).value().damage.empty());
  }
}

TEST_CASE(
    "from when it has moved in, nothing that is done here changes its boxes, and nothing done there the mailboxes") {
  for (const Setting form : kForms) {
    House house(form);
    house.must(house.mail->create("folder"));
    house.append("folder", "kept");
    for (const char* const word : {"a", "b", "c"}) house.put("INBOX", word);
    (void)move_in(house);
    const auto files = files_of(house);
    house.expunge("INBOX", "a");
    house.mark("INBOX", "b", kSeen);
    house.append("INBOX", "d");
    house.must(house.mail->remove("folder"));
    house.must(house.mail->create("new"));
    house.append("new", "e");
    for (const bool anew : {false, true}) {
      if (anew) house.begin_again();
      const Report report = house.settle();
      CHECK(report.moved_in);
      CHECK_FALSE(report.changed());
      CHECK(files_of(house) == files);
    }
    house.remove_there("INBOX", "b");
    house.mark_there("INBOX", "c", kBoxFlagged);
    CHECK(house.settle().moved_in);
    CHECK_FALSE(move_in(house).changed());
    CHECK(house.here("INBOX") == Contents{{"b", kBoxSeen}, {"c", 0}, {"d", 0}});
    // Its mail is known: whoever deleted the mailbox does not get it back.
    CHECK(house.mail->listing()->find("folder") == nullptr);
  }
}

TEST_CASE("what others put into the boxes of an account that has moved in comes by the next move, once") {
  for (const Setting form : kForms) {
    House house(form);
    house.must(house.mail->create("folder"));
    house.append("folder", "kept");
    for (const char* const word : {"a", "b", "b"}) house.put("INBOX", word);
    (void)move_in(house);
    // Whatever becomes of it here.
    house.expunge("INBOX", "a");
    house.must(house.mail->remove("folder"));
    house.put("INBOX", "b");
    house.put("INBOX", "late", kBoxSeen);
    house.put("folder", "late");
    REQUIRE(make_box(house.location, house.path("further")));
    house.put("further", "late");
    const Report report = move_in(house);
    CHECK(report.brought == 4);
    CHECK(report.moved_in);
    const Contents wanted{{"b", 0}, {"b", 0}, {"b", 0}, {"late", kBoxSeen}};
    for (int again = 0; again < 2; ++again) {
      CHECK(house.here("INBOX") == wanted);
      CHECK(house.here("folder") == Contents{{"late", 0}});
      CHECK(house.here("further") == Contents{{"late", 0}});
      house.begin_again();
      CHECK_FALSE(move_in(house).changed());
    }
    // A mailbox that was deleted and came back is deleted once more, and another one made in its place.
    house.must(house.mail->remove("folder"));
    house.must(house.mail->create("folder"));
    CHECK_FALSE(move_in(house).changed());
    house.put("folder", "later");
    CHECK(move_in(house).brought == 1);
    CHECK(house.here("folder") == Contents{{"later", 0}});
    CHECK_FALSE(move_in(house).changed());
  }
}

TEST_CASE("a mailbox that is to take up a box's mail, and was only begun to be told of what is known, is told again") {
  for (const Setting form : kForms) {
    House house(form);
    REQUIRE(make_box(house.location, house.path("folder")));
    for (const char* const word : {"a", "b", "c"}) house.put("folder", word);
    (void)move_in(house);
    const mailbox::MailboxId before = house.id("folder");
    house.must(house.mail->remove("folder"));
    house.must(house.mail->create("folder"));
    house.put("folder", "late");
    // What a sudden end leaves, where the pairs are more than a batch takes.
    Pair pair = pairs_of(*house.tablet, kAlice, before).value().front();
    pair.uid = UINT32_MAX;
    store::Batch batch;
    note_box(kAlice, {.mailbox = house.id("folder"), .path = house.path("folder")}, batch);
    note_pair(kAlice, house.id("folder"), pair, batch);
    REQUIRE(house.tablet->commit_and_wait(std::move(batch)));
    const Report report = move_in(house);
    CHECK(report.brought == 1);
    CHECK(report.troubles.empty());
    CHECK(house.here("folder") == Contents{{"late", 0}});
    CHECK(kept_boxes(*house.tablet, kAlice).value().size() == 2);
    CHECK_FALSE(move_in(house).changed());
  }
}

TEST_CASE("pairs that were being carried into another mailbox, older or younger, are carried again from any step") {
  for (const Setting form : kForms) {
    for (const bool older : {true, false}) {
      // The mailbox' own record, its pairs one by one, and all of them with the old record still there.
      for (std::size_t carried = 0; carried <= 3; ++carried) {
        CAPTURE(carried);
        House house(form);
        (void)move_in(house);
        if (older) house.must(house.mail->create("mine"));
        REQUIRE(make_box(house.location, house.path("folder")));
        for (const char* const word : {"a", "b", "b"}) house.put("folder", word);
        CHECK(move_in(house).brought == 3);
        const mailbox::MailboxId before = house.id("folder");
        house.must(house.mail->remove("folder"));
        if (older)
          house.must(house.mail->rename("mine", "folder"));
        else
          house.must(house.mail->create("folder"));
        const mailbox::MailboxId to = house.id("folder");
        CHECK((to < before) == older);
        const std::vector<Pair> pairs = pairs_of(*house.tablet, kAlice, before).value();
        REQUIRE(pairs.size() == 3);
        store::Batch batch;
        note_box(kAlice, {.mailbox = to, .path = house.path("folder")}, batch);
        mailbox::Uid uid = UINT32_MAX;
        for (std::size_t i = 0; i < carried; ++i) note_pair(kAlice, to, {uid--, pairs[i].name, pairs[i].flags}, batch);
        REQUIRE(house.tablet->commit_and_wait(std::move(batch)));
        house.begin_again();
        CHECK_FALSE(move_in(house).changed());
        house.put("folder", "late");
        house.put("folder", "b");
        CHECK(house.must(house.keeper->survey(kAlice, house.location)).back().known == 3);
        CHECK(move_in(house).brought == 2);
        const Contents wanted{{"b", 0}, {"late", 0}};
        CHECK(house.here("folder") == wanted);
        house.begin_again();
        CHECK_FALSE(move_in(house).changed());
      }
    }
  }
}

TEST_CASE(
    "a mailbox that was renamed since gets what came into its box; one with the name of another's box gets nothing") {
  for (const Setting form : kForms) {
    House house(form);
    REQUIRE(make_box(house.location, house.path("old")));
    house.put("old", "a");
    (void)move_in(house);
    house.must(house.mail->rename("old", "renamed"));
    house.put("old", "b");
    CHECK(move_in(house).brought == 1);
    CHECK(house.here("renamed") == Contents{{"a", 0}, {"b", 0}});
    CHECK(house.mail->listing()->find("old") == nullptr);
    REQUIRE(make_box(house.location, house.path("renamed")));
    house.put("renamed", "c");
    const Report report = move_in(house);
    CHECK(report.brought == 0);
    REQUIRE(report.troubles.size() == 1);
    CHECK(report.troubles.front().contains("give the mailbox another name"));
    CHECK(house.here("renamed").size() == 2);
  }
}

TEST_CASE("an account does not move in while a box cannot be read or a message cannot be taken") {
  for (const Setting form : kForms) {
    House house(form);
    house.put("INBOX", "a");
    house.put("INBOX", "b");
    house.must(house.mail->set_quota({.octets = 0, .messages = 1}));
    auto refused = house.run(house.keeper->move_in(kAlice, house.location, kNow));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(kTrouble));
    CHECK(refused.error().text().contains("stays in place"));
    CHECK_FALSE(has_moved(house));
    house.must(house.mail->set_quota({}));
    const std::string away = house.home.path() + "/away";
    std::filesystem::rename(house.location.inbox, away);
    if (form == Location::Form::mbox) std::filesystem::create_directory(house.location.inbox);
    CHECK_FALSE(house.run(house.keeper->move_in(kAlice, house.location, kNow)));
    CHECK_FALSE(has_moved(house));
    if (form == Location::Form::mbox) std::filesystem::remove(house.location.inbox);
    std::filesystem::rename(away, house.location.inbox);
    CHECK_FALSE(house.run(house.keeper->settle(kAlice, house.location)).value().moved_in);
    (void)move_in(house);
    CHECK(has_moved(house));
    CHECK(house.here("INBOX").size() == 2);
  }
}

TEST_CASE("an account moves in though a reader has emptied its spool and unlinked it; what comes then is brought") {
  for (const Setting form : {kForms[1], kForms[3]}) {
    for (const bool empty : {false, true}) {
      House house(form);
      if (!empty) house.put("INBOX", "a");
      house.must(house.mail->create("folder"));
      house.append("folder", "c");
      house.settle();
      std::filesystem::remove(house.location.inbox);
      // In place that concludes nothing.
      CHECK(house.must(house.keeper->settle(kAlice, house.location)).troubled());
      const Report report = move_in(house);
      CHECK(report.troubles.empty());
      CHECK(has_moved(house));
      // The mail that lay there is here, and no spool is made.
      CHECK(house.here("INBOX").size() == (empty ? 0 : 1));
      CHECK_FALSE(std::filesystem::exists(house.location.inbox));
      CHECK_FALSE(move_in(house).changed());
      house.put("INBOX", "late");
      CHECK(move_in(house).brought == 1);
      CHECK(house.here("INBOX").size() == (empty ? 1 : 2));
    }
  }
}

TEST_CASE("an account does not move in while its spool is missing in a folder that is another one than before") {
  for (const Setting form : {kForms[1], kForms[3]}) {
    House house(form);
    house.put("INBOX", "a");
    house.settle();
    std::filesystem::remove(house.location.inbox);
    const Kept kept = kept_boxes(*house.tablet, kAlice).value().front();
    REQUIRE(kept.identity != 0);
    for (const std::uint64_t identity : {kept.identity + 1, std::uint64_t{0}}) {
      store::Batch batch;
      note_box(kAlice, {kept.mailbox, kept.path, identity}, batch);
      REQUIRE(house.tablet->commit_and_wait(std::move(batch)));
      const auto refused = house.run(house.keeper->move_in(kAlice, house.location, kNow));
      REQUIRE_FALSE(refused);
      CHECK(refused.error().is(kTrouble));
      CHECK_FALSE(has_moved(house));
    }
  }
}

TEST_CASE("messages that are too large to come are told of, and hinder nobody") {
  for (const Setting form : kFormsHere) {
    House house(form);
    std::string large = letter("large");
    large.resize(kMessageMax + 1, 'x');
    const std::string name = form == Location::Form::maildir ? "Maildir/new/1.a.b" : "spool";
    house.home.put(name,
                   (form == Location::Form::maildir ? "" : "From a@b Tue Nov 14 10:00:00 2023\n") + large + "\n\n");
    house.put("INBOX", "small");
    // Long enough ago that a look by itself would not read it again.
    const auto then = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
    const std::string& box = house.location.inbox;
    for (const std::string& written :
         form == Location::Form::maildir ? std::vector{box + "/cur", box + "/new"} : std::vector{box})
      std::filesystem::last_write_time(written, then);
    house.settle();
    CHECK(house.settle().too_large.empty());
    const std::map<std::string, std::size_t> wanted{{house.location.inbox, 1}};
    CHECK(move_in(house).too_large == wanted);
    CHECK(move_in(house).too_large == wanted);
    CHECK(house.here("INBOX") == Contents{{"small", 0}});
  }
}

TEST_CASE("an account that goes back is merged as at a first look: nothing is lost, nothing doubled") {
  for (const Setting form : kForms) {
    House house(form);
    for (const char* const word : {"a", "b", "c", "c"}) house.put("INBOX", word);
    (void)move_in(house);
    house.mark("INBOX", "b", kSeen);
    house.append("INBOX", "mine");
    house.must(house.mail->create("new"));
    house.append("new", "n");
    house.remove_there("INBOX", "a");
    house.put("INBOX", "theirs", kBoxFlagged);
    // Removed here, and still there: it is mail that one side has.
    house.expunge("INBOX", "c");
    const Report report = move_out(house);
    CHECK(report.troubles.empty());
    CHECK_FALSE(has_moved(house));
    const Contents wanted{{"a", 0}, {"b", kBoxSeen}, {"c", 0}, {"c", 0}, {"mine", 0}, {"theirs", kBoxFlagged}};
    CHECK(house.here("INBOX") == wanted);
    CHECK(house.there("INBOX") == wanted);
    CHECK(house.there("new") == Contents{{"n", 0}});
    CHECK_FALSE(house.settle().changed());
    // In place as before.
    house.expunge("INBOX", "a");
    house.settle();
    CHECK_FALSE(house.there("INBOX").contains("a"));
  }
}

TEST_CASE("an account whose boxes cannot be reached does not go back") {
  for (const Setting form : kForms) {
    House house(form);
    house.put("INBOX", "a");
    (void)move_in(house);
    const std::string& root = form == Location::Form::maildir ? house.location.inbox : house.location.folders;
    std::filesystem::rename(root, house.home.path() + "/away");
    CHECK(house.run(house.keeper->move_out(kAlice, house.location)).error().is(kTrouble));
    CHECK(has_moved(house));
  }
}

TEST_CASE("another place of an account that has moved in is left alone until it is sent there, and then merged anew") {
  for (const Setting form : kFormsHere) {
    House house(form);
    for (const char* const word : {"a", "b"}) house.put("INBOX", word);
    (void)move_in(house);
    // The operator took the old boxes away, and what users removed here went into no box.
    house.remove_there("INBOX", "a");
    house.expunge("INBOX", "b");
    Location other = house.location;
    // The same boxes under another location: no old pair may tell that something was removed.
    if (form == Location::Form::maildir)
      other.inbox = house.home.path() + "/Maildir/../Maildir";
    else
      other.folders = house.home.path() + "/mail/.";
    // A slip in the configuration undoes no move.
    CHECK(house.run(house.keeper->settle(kAlice, other)).error().is(kTrouble));
    CHECK(house.run(house.keeper->move_in(kAlice, other, kNow)).error().is(kTrouble));
    CHECK(house.settle().moved_in);
    house.location = other;
    (void)house.must(house.keeper->move_out(kAlice, house.location));
    CHECK_FALSE(has_moved(house));
    CHECK(house.here("INBOX") == Contents{{"a", 0}, {"b", 0}});
    CHECK(house.there("INBOX") == Contents{{"a", 0}, {"b", 0}});
  }
}

TEST_CASE("a removed account is forgotten with its move") {
  House house(kForms[0]);
  house.put("INBOX", "a");
  (void)move_in(house);
  store::Batch batch;
  erase_account(kAlice, batch);
  REQUIRE(house.tablet->commit_and_wait(std::move(batch)));
  CHECK_FALSE(has_moved(house));
  CHECK(all_moved_in(*house.tablet).value().empty());
  CHECK(kept_boxes(*house.tablet, kAlice).value().empty());
}

TEST_CASE("records that are not in their form are told of, and nothing is done by them") {
  House house(kForms[0]);
  house.put("INBOX", "a");
  (void)move_in(house);
  CHECK(verify_records(*house.tablet).value().empty());
  for (const std::size_t octets : {std::size_t{0}, std::size_t{4}, std::size_t{8}}) {
    store::Batch batch;
    store::KeyWriter key = store::KeyWriter().u8(kKeyOctet).u64(kAlice);
    if (octets > 0) key.u32(house.inbox);
    if (octets > 4) key.u32(1);
    const std::string before = house.tablet->get(key.key()).value().value();
    batch.put(key.key(), "\x02 of a newer version");
    REQUIRE(house.tablet->commit_and_wait(std::move(batch)));
    CHECK(verify_records(*house.tablet).value().size() == 1);
    if (octets == 0) CHECK(house.run(house.keeper->settle(kAlice, house.location)).error().is(kTrouble));
    // Those of others are known all the same.
    if (octets == 0) CHECK(all_moved_in(*house.tablet).value().empty());
    store::Batch mended;
    mended.put(key.key(), before);
    REQUIRE(house.tablet->commit_and_wait(std::move(mended)));
    CHECK(verify_records(*house.tablet).value().empty());
  }
}

TEST_CASE("a survey tells what would come, and changes nothing") {
  for (const Setting form : kForms) {
    House house(form);
    house.put("INBOX", "a");
    house.settle();
    house.put("INBOX", "b");
    REQUIRE(make_box(house.location, house.path("folder")));
    house.put("folder", "c");
    const auto files = files_of(house);
    const auto survey = house.must(house.keeper->survey(kAlice, house.location));
    REQUIRE(survey.size() == 2);
    CHECK(survey[0].mailbox == "INBOX");
    CHECK(survey[0].path == house.location.inbox);
    CHECK(survey[0].exists);
    CHECK(survey[0].messages == 2);
    CHECK(survey[0].known == 1);
    CHECK(survey[1].mailbox == "folder");
    CHECK_FALSE(survey[1].exists);
    CHECK(survey[1].messages == 1);
    CHECK(survey[1].known == 0);
    CHECK(files_of(house) == files);
    CHECK(house.here("INBOX").size() == 1);
  }
}

namespace {

/// Others write to a box between any two looks.
class Writing final : public Boxes {
 public:
  Writing(House& house, int letters)
      : house_(house), inner_({.delivery = {}, .home = house.home.path()}), letters_(letters) {}
  Result<std::vector<Found>> find(const Location& location) override { return inner_.find(location); }
  Result<> make(const Location& location, const std::string& path) override { return inner_.make(location, path); }
  Result<> rename(const Location& location, const std::string& from, const std::string& to) override {
    return inner_.rename(location, from, to);
  }
  Result<> remove(const Location& location, const std::string& path) override { return inner_.remove(location, path); }
  Result<bool> is_missing(const Location& location, const std::string& path) override {
    return inner_.is_missing(location, path);
  }
  Result<Stamp> stamp(const Location& location, const std::string& path) override {
    if (letters_-- > 0) house_.put("INBOX", "w" + std::to_string(letters_));
    return inner_.stamp(location, path);
  }
  Result<std::shared_ptr<OpenBox>> open(const Location& location, const std::string& path) override {
    return inner_.open(location, path);
  }
  Result<There> add(const Location& location, const std::string& path, const NewMessage& message) override {
    return inner_.add(location, path, message);
  }

 private:
  House& house_;
  BoxesHere inner_;
  int letters_;
};

}  // namespace

TEST_CASE("an account moves in though others write to its boxes all the time; the rest comes by the next move") {
  for (const Setting form : kFormsHere) {
    House house(form);
    constexpr int kLetters = kLooksMax * kRoundsMax + 20;
    Writing boxes(house, kLetters);
    house.keeper = std::make_unique<Keeper>(*house.store, *house.tablet, house.pool, boxes);
    const Report report = move_in(house);
    CHECK(report.brought == kLooksMax * kRoundsMax);
    CHECK(has_moved(house));
    house.begin();
    for (int i = 0; i < 20; ++i) house.put("INBOX", "x" + std::to_string(i));
    CHECK(move_in(house).brought == 20);
    CHECK(house.here("INBOX").size() == house.there("INBOX").size());
    house.keeper.reset();
  }
}

namespace {

/// Takes an image of both sides before the n-th thing that is asked of the boxes, their messages among it.
class Cutting final : public Boxes {
 public:
  Cutting(House& house, std::uint64_t at)
      : house_(house), inner_({.delivery = {}, .home = house.home.path()}), at_(at) {}
  Result<std::vector<Found>> find(const Location& location) override { return look(), inner_.find(location); }
  Result<> make(const Location& location, const std::string& path) override {
    return look(), inner_.make(location, path);
  }
  Result<> rename(const Location& location, const std::string& from, const std::string& to) override {
    return look(), inner_.rename(location, from, to);
  }
  Result<> remove(const Location& location, const std::string& path) override {
    return look(), inner_.remove(location, path);
  }
  Result<bool> is_missing(const Location& location, const std::string& path) override {
    return look(), inner_.is_missing(location, path);
  }
  Result<Stamp> stamp(const Location& location, const std::string& path) override {
    return look(), inner_.stamp(location, path);
  }
  Result<There> add(const Location& location, const std::string& path, const NewMessage& message) override {
    return look(), inner_.add(location, path, message);
  }
  Result<std::shared_ptr<OpenBox>> open(const Location& location, const std::string& path) override {
    look();
    return std::make_shared<Box>(*this, TRY(inner_.open(location, path)));
  }

  std::shared_ptr<store::MemoryDisk> store;

 private:
  class Box final : public OpenBox {
   public:
    Box(Cutting& boxes, std::shared_ptr<OpenBox> inner) : boxes_(boxes), inner_(std::move(inner)) {
      messages_ = inner_->messages();
      all_ = inner_->all();
      keyword_names_ = inner_->keyword_names();
    }
    Result<std::string> read(std::size_t index) override { return boxes_.look(), inner_->read(index); }
    Result<std::optional<message::DateTime>> received(std::size_t index) override {
      return boxes_.look(), inner_->received(index);
    }
    Result<> change(const std::vector<std::size_t>& removed, const Marks& marked, const KeywordNames& names) override {
      return boxes_.look(), inner_->change(removed, marked, names);
    }

   private:
    Cutting& boxes_;
    std::shared_ptr<OpenBox> inner_;
  };
  void look() {
    if (++calls_ != at_) return;
    store = house_.image();
    std::filesystem::copy(house_.home.path(), house_.home.path() + ".image", std::filesystem::copy_options::recursive);
  }
  House& house_;
  BoxesHere inner_;
  std::uint64_t at_;
  std::uint64_t calls_ = 0;
};

using Move = Report (*)(House&);

/// The house as a sudden end before that call leaves it; false: there is no such call.
bool cut(House& house, Move move, std::uint64_t at) {
  Cutting boxes(house, at);
  house.keeper = std::make_unique<Keeper>(*house.store, *house.tablet, house.pool, boxes);
  (void)move(house);
  house.keeper.reset();
  if (!boxes.store) return false;
  const std::string folder = house.home.path();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) std::filesystem::remove_all(entry.path());
  std::filesystem::copy(folder + ".image", folder, std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(folder + ".image");
  house.mail.reset();
  house.restart(boxes.store);
  house.mail = house.account(kAlice);
  house.begin();
  return true;
}

}  // namespace

TEST_CASE("a move that is cut off anywhere is ended by the next: no message is lost or comes twice") {
  for (const Setting form : kFormsHere) {
    std::uint64_t at = 1;
    for (bool was_cut = true; was_cut; ++at) {
      House house(form);
      for (const char* const word : {"a", "b", "b"}) house.put("INBOX", word);
      house.append("INBOX", "c", kSeen);
      REQUIRE(make_box(house.location, house.path("folder")));
      house.put("folder", "d");
      was_cut = cut(house, move_in, at);
      if (!was_cut) house.begin();
      (void)move_in(house);
      CHECK_MESSAGE(has_moved(house), "call ", at);
      const Contents wanted{{"a", 0}, {"b", 0}, {"b", 0}, {"c", kBoxSeen}};
      CHECK_MESSAGE(house.here("INBOX") == wanted, "call ", at);
      const Contents folder{{"d", 0}};
      CHECK_MESSAGE(house.here("folder") == folder, "call ", at);
      CHECK_MESSAGE(house.there("INBOX") == wanted, "call ", at);
      CHECK_FALSE(move_in(house).changed());
    }
    CHECK(at > 20);
  }
}

TEST_CASE("what came since is brought once though that is cut off anywhere, also into a mailbox that was deleted") {
  for (const Setting form : kFormsHere) {
    std::uint64_t at = 1;
    for (bool was_cut = true; was_cut; ++at) {
      House house(form);
      REQUIRE(make_box(house.location, house.path("folder")));
      for (const char* const word : {"a", "b"}) house.put("INBOX", word), house.put("folder", word);
      (void)move_in(house);
      house.expunge("INBOX", "a");
      house.must(house.mail->remove("folder"));
      for (const char* const word : {"c", "d"}) house.put("INBOX", word), house.put("folder", word);
      const auto files = files_of(house);
      was_cut = cut(house, move_in, at);
      if (!was_cut) house.begin();
      (void)move_in(house);
      const bool right = house.here("INBOX") == Contents{{"b", 0}, {"c", 0}, {"d", 0}} &&
                         house.here("folder") == Contents{{"c", 0}, {"d", 0}};
      CHECK_MESSAGE(right, "call ", at);
      CHECK(files_of(house) == files);
      CHECK_FALSE(move_in(house).changed());
    }
    CHECK(at > 10);
  }
}

TEST_CASE("a way back that is cut off anywhere loses nothing and doubles nothing") {
  for (const Setting form : kFormsHere) {
    std::uint64_t at = 1;
    for (bool was_cut = true; was_cut; ++at) {
      House house(form);
      for (const char* const word : {"a", "b", "c"}) house.put("INBOX", word);
      (void)move_in(house);
      house.append("INBOX", "mine");
      house.remove_there("INBOX", "a");
      house.expunge("INBOX", "b");
      house.put("INBOX", "theirs");
      was_cut = cut(house, move_out, at);
      if (!was_cut) house.begin();
      (void)move_out(house);
      const Contents wanted{{"a", 0}, {"b", 0}, {"c", 0}, {"mine", 0}, {"theirs", 0}};
      CHECK_MESSAGE(house.here("INBOX") == wanted, "call ", at);
      CHECK_MESSAGE(house.there("INBOX") == wanted, "call ", at);
      CHECK_FALSE(house.settle().changed());
    }
    CHECK(at > 10);
  }
}
