// Whatever call the power goes in, and whatever comes in before the box is opened again: nothing is lost.
#include "box/rewrite.h"

#include "box/mbox_box.h"
#include "box/testing.h"
#include "delivery/files_faulty.h"
#include "delivery/mbox.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::box;
using testing::Home;

namespace {

std::string letter(std::string_view word, std::string_view fields = "") {
  return "From " + std::string(word) + "@example.test Tue Nov 14 10:00:00 2023\nFrom: " + std::string(word) +
         "@example.test\n" + std::string(fields) + "\ntext of " + std::string(word) + "\n\n";
}

/// The bodies, in order.
std::vector<std::string> bodies(const Home& home, const Host& here) {
  std::vector<std::string> found;
  auto box = open_box(home.path() + "/spool", here, Access::change);
  REQUIRE(box);
  for (std::size_t i = 0; i < (*box)->size(); ++i) {
    std::string text = (*box)->read(i, 1u << 20).value();
    text.erase(0, text.find("\r\n\r\n") + 4);
    while (text.ends_with("\r\n")) text.resize(text.size() - 2);
    found.push_back(text);
  }
  return found;
}

void deliver(const Home& home, const Host& here) {
  delivery::OctetsInMemory octets("Subject: new\r\n\r\ntext of new\r\n");
  delivery::Letter message{
      .reverse_path = {}, .recipient = {}, .extension = {}, .received = {}, .fields = {}, .message = octets};
  delivery::Surroundings own{.host = here.delivery.host, .process = 7};
  REQUIRE(delivery::deliver_mbox({home.path() + "/spool"}, message, own));
}

using Change = void (*)(Box&);

struct Case {
  const char* name;
  Change change;
  std::vector<std::string> after;
};
constexpr std::string_view kBase = "X-IMAPbase: 1700000000 0000000003 one\n";
const std::vector<std::string> kBefore = {"text of a", "text of b", "text of c"};

std::vector<Case> cases() {
  return {{"the first is deleted", [](Box& box) { box.at(0).deleted = true; }, {"text of b", "text of c"}},
          {"the last is deleted", [](Box& box) { box.at(2).deleted = true; }, {"text of a", "text of b"}},
          {"all are deleted",
           [](Box& box) {
             for (std::size_t i = 0; i < 3; ++i) box.at(i).deleted = true;
           },
           {}},
          {"one is marked", [](Box& box) { box.at(1).flags |= message::kBoxSeen; }, kBefore},
          {"a keyword gets its name and its message",
           [](Box& box) {
             auto names = box.keyword_names();
             names[1] = "two";
             box.name_keywords(names);
             box.at(1).keywords = 3;
           },
           kBefore},
          {"one is deleted, another marked",
           [](Box& box) {
             box.at(0).deleted = true;
             box.at(2).flags |= message::kBoxSeen | message::kBoxFlagged;
           },
           {"text of b", "text of c"}}};
}

/// The host with files that fail.
Host faulty_host(const Home& home, delivery::Files& files, const Clock& clock, Random& random) {
  return {.delivery = {.files = files, .clock = clock, .random = random, .host = "host.test", .process = 4711},
          .home = home.path()};
}

enum class Meanwhile { nothing, a_delivery };

/// The power goes in call `at`; whether it did.
bool crash(const Case& which, std::uint64_t at, std::uint64_t seed, Meanwhile meanwhile,
           std::uint64_t octets_a_write = UINT64_MAX) {
  const Home home;
  home.put("spool", letter("a", kBase) + letter("b", "Status: O\n") + letter("c", "X-UID: 3\n"));
  ManualClock clock;
  delivery::FaultyFiles files(seed, clock);
  SeededRandom random(seed);
  Host healthy = home.host();
  Host here = faulty_host(home, files, clock, random);
  auto box = open_box(home.path() + "/spool", here, Access::change);
  REQUIRE(box);
  which.change(**box);
  files.arm({.power_cut_at = at, .write_octets_max = octets_a_write});
  const auto written = (*box)->write();
  const bool dark = files.dark();
  if (!dark) CHECK(written);
  if (dark) files.power_cut();
  std::filesystem::remove(home.path() + "/spool.lock");
  std::vector<std::string> before = kBefore;
  std::vector<std::string> after = which.after;
  if (meanwhile == Meanwhile::a_delivery) {
    deliver(home, healthy);
    before.emplace_back("text of new");
    after.emplace_back("text of new");
  }
  const auto found = bodies(home, healthy);
  std::string shown = std::string(which.name) + ": ";
  for (const std::string& body : found) shown += "[" + body + "]";
  CHECK_MESSAGE((found == before || found == after), "call ", at, ", seed ", seed, ": ", shown);
  if (written) CHECK_MESSAGE((found == after), "said to be done: ", shown);
  // Numbers and names of the file go with its first message.
  if (!which.after.empty()) CHECK_MESSAGE(home.get("spool").contains(kBase.substr(0, kBase.size() - 1)), shown);
  CHECK_FALSE(std::filesystem::exists(home.path() + "/spool.rewrite"));
  return dark;
}

}  // namespace

TEST_CASE("the power may go in any call: the box is as before or as it was to be, and keeps what came in since") {
  for (const Case& which : cases())
    for (const Meanwhile meanwhile : {Meanwhile::nothing, Meanwhile::a_delivery})
      for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        std::uint64_t at = 1;
        while (crash(which, at, seed, meanwhile)) ++at;
        CHECK(at > 10);
      }
}

TEST_CASE("the power may go between any two octets that are written") {
  const Case which = cases().back();
  for (const Meanwhile meanwhile : {Meanwhile::nothing, Meanwhile::a_delivery}) {
    std::uint64_t at = 1;
    while (crash(which, at, at, meanwhile, 1)) ++at;
    CHECK(at > 500);
  }
}

TEST_CASE("of a box that becomes longer any part may be on the disk when the power goes, in any order") {
  Home home;
  Host here = home.host();
  ManualClock clock;
  delivery::FaultyFiles files(1, clock);
  SeededRandom random(1);
  Host faulty = faulty_host(home, files, clock, random);
  const std::string before = letter("a") + letter("b", "Status: O\n") + letter("c");
  // What the last failure leaves that leaves a journal: all is written.
  std::string after;
  std::string journal;
  bool written = false;
  for (std::uint64_t at = 1; !written; ++at) {
    home.put("spool", before);
    auto box = open_box(home.path() + "/spool", faulty, Access::change);
    REQUIRE(box);
    for (std::size_t i = 0; i < 3; ++i) (*box)->at(i).flags |= message::kBoxSeen | message::kBoxFlagged;
    files.arm({.fail_at = at, .failing = 1000});
    written = (*box)->write() && files.calls() < at;
    files.arm({});
    if (std::filesystem::exists(home.path() + "/spool.rewrite")) {
      after = home.get("spool");
      journal = home.get("spool.rewrite");
    }
    std::filesystem::remove(home.path() + "/spool.rewrite");
    std::filesystem::remove(home.path() + "/spool.lock");
  }
  REQUIRE(after == home.get("spool"));
  REQUIRE(after.size() > before.size());
  std::string old = before;
  old.resize(after.size(), '\n');
  const auto holds = [&](std::string there, std::size_t at, std::string_view what) {
    for (const Meanwhile meanwhile : {Meanwhile::nothing, Meanwhile::a_delivery}) {
      home.put("spool", there);
      home.put("spool.rewrite", journal);
      std::vector<std::string> wanted = kBefore;
      if (meanwhile == Meanwhile::a_delivery) {
        deliver(home, here);
        wanted.emplace_back("text of new");
      }
      CHECK_MESSAGE(bodies(home, here) == wanted, what, " octet ", at);
      CHECK_FALSE(std::filesystem::exists(home.path() + "/spool.rewrite"));
      CHECK_FALSE(std::filesystem::exists(home.path() + "/spool.rewrite.aside"));
    }
  };
  for (std::size_t at = 0; at <= after.size(); ++at) {
    holds(old.substr(0, at) + after.substr(at), at, "new from");
    holds(after.substr(0, at) + old.substr(at), at, "old from");
  }
}

TEST_CASE("whoever is killed in any call leaves the box octet for octet as it was, or as it was to be") {
  for (const Case& which : cases()) {
    bool done = false;
    std::string after;
    std::vector<std::string> left;
    for (std::uint64_t at = 1; !done; ++at) {
      const Home home;
      const std::string before = letter("a", kBase) + letter("b", "Status: O\n") + letter("c");
      home.put("spool", before);
      ManualClock clock;
      delivery::FaultyFiles files(at, clock);
      SeededRandom random(at);
      auto box = open_box(home.path() + "/spool", faulty_host(home, files, clock, random), Access::change);
      REQUIRE(box);
      which.change(**box);
      // No call of a dead process does anything.
      files.arm({.fail_at = at, .failing = 1'000'000});
      done = (*box)->write() && files.calls() < at;
      files.arm({});
      std::filesystem::remove(home.path() + "/spool.lock");
      REQUIRE(open_box(home.path() + "/spool", home.host(), Access::change));
      left.push_back(home.get("spool"));
      if (left.back() == before) left.pop_back();
      if (done) after = home.get("spool");
    }
    for (const std::string& octets : left) CHECK_MESSAGE(octets == after, which.name);
  }
}

TEST_CASE("a disk that is full leaves the box as it is") {
  Home home;
  ManualClock clock;
  SeededRandom random(1);
  const std::string before = letter("a") + letter("b", "Status: O\n") + letter("c");
  bool written = false;
  for (std::uint64_t room = 0; !written; ++room) {
    REQUIRE(room < 10'000);
    delivery::FaultyFiles files(1, clock);
    Host here = faulty_host(home, files, clock, random);
    home.put("spool", before);
    auto box = open_box(home.path() + "/spool", here, Access::change);
    REQUIRE(box);
    (*box)->at(0).flags |= message::kBoxSeen;
    files.arm({.room = room});
    written = bool((*box)->write());
    const std::string there = home.get("spool");
    const std::string marked = "From: a@example.test\nStatus: R";
    // What was marked may fail to be read again, for locks take room; nothing between.
    if (!there.contains(marked) && !std::filesystem::exists(home.path() + "/spool.rewrite")) CHECK(there == before);
    files.arm({});
    CHECK(bodies(home, here) == kBefore);
    CHECK_FALSE(std::filesystem::exists(home.path() + "/spool.rewrite"));
  }
}

TEST_CASE("mail that comes in while the box is read stays, and is found") {
  Home home;
  home.put("spool", letter("a") + letter("b"));
  Host here = home.host();
  auto box = open_box(home.path() + "/spool", here, Access::change);
  REQUIRE(box);
  deliver(home, here);
  (*box)->at(0).deleted = true;
  REQUIRE((*box)->write());
  CHECK((*box)->size() == 2);
  deliver(home, here);
  CHECK((*box)->look().value() == 1);
  CHECK(bodies(home, here) == std::vector<std::string>{"text of b", "text of new", "text of new"});
}

TEST_CASE("a box that another program wrote anew is not touched") {
  Home home;
  home.put("spool", letter("a") + letter("b"));
  Host here = home.host();
  auto box = open_box(home.path() + "/spool", here, Access::change);
  REQUIRE(box);
  (*box)->at(0).deleted = true;
  home.put("spool", letter("x") + letter("b"));
  CHECK((*box)->write().error().is(kChanged));
  CHECK(home.get("spool") == letter("x") + letter("b"));
  home.put("spool", letter("b"));
  CHECK((*box)->write().error().is(kChanged));
  CHECK((*box)->look().error().is(kChanged));
  CHECK(home.get("spool") == letter("b"));
}

TEST_CASE("a journal that fits neither what is there nor what was wanted is set aside, and the box stays") {
  Home home;
  home.put("spool", letter("a") + letter("b"));
  Host here = home.host();
  ManualClock clock;
  delivery::FaultyFiles files(1, clock);
  SeededRandom random(1);
  Host faulty = faulty_host(home, files, clock, random);
  const std::string foreign = letter("other") + letter("things") + letter("altogether");
  std::size_t set_aside = 0;
  // From some call on the journal is whole and stays.
  bool written = false;
  for (std::uint64_t at = 1; !written; ++at) {
    home.put("spool", letter("a") + letter("b"));
    auto box = open_box(home.path() + "/spool", faulty, Access::change);
    REQUIRE(box);
    (*box)->at(0).deleted = true;
    files.arm({.fail_at = at, .failing = 1000});
    written = (*box)->write() && files.calls() < at;
    files.arm({});
    std::filesystem::remove(home.path() + "/spool.lock");
    home.put("spool", foreign);
    CHECK(bodies(home, here).size() == 3);
    CHECK(home.get("spool") == foreign);
    CHECK_FALSE(std::filesystem::exists(home.path() + "/spool.rewrite"));
    if (std::filesystem::remove(home.path() + "/spool.rewrite.aside")) ++set_aside;
  }
  CHECK(set_aside > 3);
}

namespace {

/// Leaves a journal that counts, beside the box.
void leave_journal(const Home& home) {
  ManualClock clock;
  SeededRandom random(1);
  delivery::FaultyFiles files(1, clock);
  Host faulty = faulty_host(home, files, clock, random);
  for (std::uint64_t at = 1;; ++at) {
    REQUIRE(at < 100);
    const std::string before = letter("a") + letter("b");
    home.put("spool", before);
    auto box = open_box(home.path() + "/spool", faulty, Access::change);
    REQUIRE(box);
    (*box)->at(0).deleted = true;
    files.arm({.fail_at = at, .failing = 1000});
    REQUIRE_FALSE((*box)->write());
    files.arm({});
    std::filesystem::remove(home.path() + "/spool.lock");
    if (home.get("spool") != before && std::filesystem::exists(home.path() + "/spool.rewrite")) return;
  }
}

}  // namespace

TEST_CASE("a second journal that is set aside leaves the first") {
  Home home;
  Host here = home.host();
  for (const char* const name : {"spool.rewrite.aside", "spool.rewrite.aside.2"}) {
    leave_journal(home);
    home.put("spool", letter("other"));
    CHECK(bodies(home, here).size() == 1);
    CHECK(home.get(name).size() > 100);
  }
}

TEST_CASE("a journal is found beside the box and at home, whoever may write where") {
  Home home;
  Host here = home.host();
  leave_journal(home);
  CHECK(bodies(home, here) == std::vector<std::string>{"text of b"});
  leave_journal(home);
  const JournalPlaces places = journal_places(home.path() + "/spool", here);
  std::filesystem::rename(home.path() + "/spool.rewrite", places.at_home.folder + "/" + places.at_home.name);
  CHECK(bodies(home, here) == std::vector<std::string>{"text of b"});
  CHECK_FALSE(has_journal(places));
}

TEST_CASE("hosts that share a home and no box have journals of their own there") {
  Home home;
  Host here = home.host();
  const JournalPlaces one = journal_places("/var/mail/anna", here);
  here.delivery.host = "other.test";
  CHECK(journal_places("/var/mail/anna", here).at_home.name != one.at_home.name);
}

TEST_CASE("a journal of root's that the user may not read stops changes, and says what ends it") {
  class Closed final : public delivery::FaultyFiles {
   public:
    using FaultyFiles::FaultyFiles;
    using FaultyFiles::open;
    delivery::Answer<delivery::Descriptor> open(const delivery::Descriptor& folder, const std::string& name) override {
      if (name == "spool.rewrite") return std::unexpected(EACCES);
      return FaultyFiles::open(folder, name);
    }
  };
  Home home;
  leave_journal(home);
  const std::string half = home.get("spool");
  ManualClock clock;
  SeededRandom random(1);
  Closed files(1, clock);
  Host here = faulty_host(home, files, clock, random);
  const auto box = open_box(home.path() + "/spool", here, Access::change);
  REQUIRE_FALSE(box);
  CHECK(box.error().text().find("root") != std::string::npos);
  CHECK(home.get("spool") == half);
}

TEST_CASE("an mbox of so many messages is opened, and one more is too many, also when it comes later") {
  const Home home;
  const std::string message = "From a@example.test Tue Nov 14 10:00:00 2023\n\n";
  std::string octets;
  for (std::size_t i = 0; i < kMboxMessagesMax; ++i) octets += message;
  home.put("box", octets);
  const auto box = open_box(home.path() + "/box", home.host(), Access::read_only);
  REQUIRE(box);
  CHECK((*box)->size() == kMboxMessagesMax);
  home.put("box", octets + message);
  CHECK((*box)->look().error().is(kHost));
  CHECK(open_box(home.path() + "/box", home.host(), Access::read_only).error().is(kHost));
}
