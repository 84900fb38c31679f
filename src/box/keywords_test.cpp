// Keywords of boxes as Dovecot and c-client have them.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <set>

#include "box/maildir_box.h"
#include "box/mbox_box.h"
#include "box/testing.h"
#include "delivery/files_faulty.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::box;
using testing::Home;

namespace {

constexpr const char* kTable = "Maildir/dovecot-keywords";
constexpr const char* kNumbers = "Maildir/dovecot-uidlist";
constexpr const char* kLock = "Maildir/dovecot-uidlist.lock";

std::unique_ptr<Box> maildir(const Home& home) {
  return open_box(home.path() + "/Maildir", home.host(), Access::change).value();
}
std::unique_ptr<Box> spool(const Home& home) {
  return open_box(home.path() + "/spool", home.host(), Access::change).value();
}

void put(const Home& home, const std::string& letters) {
  home.put("Maildir/new/.keep", "");
  home.put(kNumbers, "3 V1700000000 N2\n");
  home.put("Maildir/cur/1.a.b:2," + letters, "Subject: a\n\na\n");
}
/// The letters of the one message.
std::string letters(const Home& home) {
  for (const auto& entry : std::filesystem::directory_iterator(home.path() + "/Maildir/cur")) {
    const std::string name = entry.path().filename().native();
    return name.substr(name.rfind(',') + 1);
  }
  return "(none)";
}
std::set<std::string> files_of_maildir(const Home& home) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(home.path() + "/Maildir"))
    names.insert(entry.path().filename().native());
  return names;
}

void name(Box& box, std::size_t place, const std::string& keyword) {
  auto names = box.keyword_names();
  names[place] = keyword;
  box.name_keywords(names);
}

std::string letter(std::string_view word, std::string_view fields = "") {
  return "From " + std::string(word) + "@example.test Tue Nov 14 10:00:00 2023\nFrom: " + std::string(word) +
         "@example.test\n" + std::string(fields) + "\ntext of " + std::string(word) + "\n\n";
}
/// With fields in front of the others.
std::string letter_behind(std::string_view fields, std::string_view word, std::string_view others = "") {
  std::string text = letter(word, others);
  return text.insert(text.find('\n') + 1, fields);
}
constexpr const char* kBase = "X-IMAPbase: 1700000000 0000000007 one two\n";

std::int64_t changed_s(const Home& home, const std::string& file) {
  struct stat status{};
  REQUIRE(::stat((home.path() + "/" + file).c_str(), &status) == 0);
  return status.st_mtime;
}
void set_changed(const Home& home, const std::string& file, std::int64_t at_s) {
  const utimbuf times{.actime = at_s, .modtime = at_s};
  REQUIRE(::utime((home.path() + "/" + file).c_str(), &times) == 0);
}

/// A host whose locks are waited for by a clock of the test's own, and whose files fail as it says.
struct Faulty {
  explicit Faulty(const Home& home) {
    host.home = home.path();
    files.running[4712] = 0;
  }
  std::unique_ptr<Box> maildir() const { return open_box(host.home + "/Maildir", host, Access::change).value(); }
  ManualClock clock;
  SeededRandom random{1};
  delivery::FaultyFiles files{1, clock};
  Host host{.delivery = {.files = files, .clock = clock, .random = random, .host = "host.test", .process = 4711},
            .home = {}};
};

}  // namespace

TEST_CASE("letters of a Maildir mean what its table says, and others stay as they are") {
  const Home home;
  put(home, "FSacz");
  home.put(kTable, "0 one\n2 three\n25 last\n26 beyond\nno line\n1 \n");
  auto box = maildir(home);
  REQUIRE(box->keyword_names().size() == kMaildirKeywordsMax);
  CHECK(box->keyword_names()[0] == "one");
  CHECK(box->keyword_names()[1].empty());
  CHECK(box->keyword_names()[25] == "last");
  CHECK(box->at(0).keywords == (Keywords{1} | Keywords{1} << 2 | Keywords{1} << 25));
  box->at(0).keywords ^= 1;
  box->at(0).flags |= message::kBoxAnswered;
  CHECK(box->is_changed());
  REQUIRE(box->write());
  CHECK(letters(home) == "FRScz");
  CHECK(home.get(kTable).contains("26 beyond"));  // nothing was named: nothing was written
  CHECK_FALSE(box->is_changed());
}

TEST_CASE("a new keyword has a name before a letter, in a table whose time is a later one to Dovecot") {
  const Home home;
  put(home, "S");
  std::int64_t before = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    auto box = maildir(home);
    name(*box, i, std::string(i + 1, 'n'));
    box->at(0).keywords |= Keywords{1} << i;
    REQUIRE(box->write());
    CHECK(letters(home) == "S" + std::string("abc").substr(0, i + 1));
    CHECK(changed_s(home, kTable) > before);
    before = changed_s(home, kTable);
  }
  CHECK(home.get(kTable) == "0 n\n1 nn\n2 nnn\n");
  CHECK(files_of_maildir(home) == std::set<std::string>{"new", "cur", "dovecot-keywords", "dovecot-uidlist"});
  // Also where the host's clock was set back.
  set_changed(home, kTable, before + 1000);
  auto box = maildir(home);
  name(*box, 3, "four");
  box->at(0).keywords |= 8;
  REQUIRE(box->write());
  CHECK(changed_s(home, kTable) == before + 1001);
  struct stat status{};
  REQUIRE(::stat((home.path() + "/" + kTable).c_str(), &status) == 0);
  struct stat folder{};
  REQUIRE(::stat((home.path() + "/Maildir").c_str(), &folder) == 0);
  CHECK((status.st_mode & 0777) == (folder.st_mode & 0666));
}

TEST_CASE("letters are given under Dovecot's lock; flags alone need none") {
  const Home home;
  put(home, "a");
  home.put(kTable, "0 one\n1 two\n");
  Faulty faulty(home);
  const auto marked = [&](const std::function<void(Entry&)>& mark) {
    auto box = faulty.maildir();
    mark(box->at(0));
    return box->write();
  };
  home.put(kLock, "4712:host.test");
  const auto to_two = [](Entry& entry) { entry.keywords = 2; };
  const Moment begun = faulty.clock.now();
  CHECK(marked(to_two).error().is(kHost));
  CHECK(faulty.clock.now() - begun >= delivery::kLockWait);
  CHECK(letters(home) == "a");
  CHECK(marked([](Entry& entry) { entry.flags |= message::kBoxSeen; }));
  CHECK(letters(home) == "Sa");
  CHECK(home.get(kLock) == "4712:host.test");
  SUBCASE("of a process that is gone it is nobody's") {
    faulty.files.running.clear();
    CHECK(marked(to_two));
  }
  SUBCASE("of somebody unknown it is nobody's by its age") {
    home.put(kLock, "");
    CHECK_FALSE(marked(to_two));
    set_changed(home, kLock, std::time(nullptr) - delivery::kDotFileStale_s - 20);
    CHECK(marked(to_two));
  }
  SUBCASE("whoever waits has it next") {
    faulty.files.on_pause = [&] { std::filesystem::remove(home.path() + "/" + kLock); };
    CHECK(marked(to_two));
  }
  SUBCASE("threads of this process wait for each other") {
    std::filesystem::remove(home.path() + "/" + kLock);
    auto lock = KeywordTableLock::take(home.path() + "/Maildir", faulty.host.delivery).value();
    CHECK(home.get(kLock) == "4711:host.test");
    CHECK_FALSE(marked(to_two));
    faulty.files.on_pause = [&] { lock.reset(); };
    CHECK(marked(to_two));
  }
  CHECK(letters(home) == "Sb");
  CHECK_FALSE(std::filesystem::exists(home.path() + "/" + kLock));
}

TEST_CASE("names that were changed since they were read change nothing") {
  const Home home;
  put(home, "a");
  home.put(kTable, "0 one\n");
  for (const bool naming : {true, false}) {
    auto box = maildir(home);
    if (naming) name(*box, 1, "two");
    box->at(0).keywords = naming ? 2 : 0;
    home.put(kTable, "0 theirs\n");
    CHECK(box->write().error().is(kChanged));
    CHECK(home.get(kTable) == "0 theirs\n");
    CHECK(letters(home) == "a");
    home.put(kTable, "0 one\n");
  }
  CHECK(files_of_maildir(home) == std::set<std::string>{"new", "cur", "dovecot-keywords", "dovecot-uidlist"});
}

TEST_CASE("a lock that another program took for stale is not ours any more: no name is written under it") {
  class Slow final : public delivery::FaultyFiles {
   public:
    Slow(const Home& home, ManualClock& clock) : FaultyFiles(1, clock), home_(home) {}
    delivery::Answer<> sync(const delivery::Descriptor& file) override {
      std::filesystem::remove(home_.path() + "/" + kLock);
      home_.put(kLock, "4712:host.test");
      return FaultyFiles::sync(file);
    }

   private:
    const Home& home_;
  };
  const Home home;
  put(home, "S");
  ManualClock clock;
  Slow files(home, clock);
  Faulty faulty(home);
  const Host host{
      .delivery = {.files = files, .clock = clock, .random = faulty.random, .host = "host.test", .process = 4711},
      .home = home.path()};
  auto box = open_box(home.path() + "/Maildir", host, Access::change).value();
  name(*box, 0, "one");
  box->at(0).keywords = 1;
  CHECK(box->write().error().is(kHost));
  CHECK(letters(home) == "S");
  CHECK(files_of_maildir(home) == std::set<std::string>{"new", "cur", "dovecot-uidlist", "dovecot-uidlist.lock"});
  CHECK(home.get(kLock) == "4712:host.test");
}

TEST_CASE("whatever fails: the table is the old or the new one, and no letter is without its name") {
  using Faults = delivery::FaultyFiles::Faults;
  const std::function<Faults(std::uint64_t)> kinds[] = {
      [](std::uint64_t at) { return Faults{.fail_at = at, .failing = 1'000'000}; },
      [](std::uint64_t at) { return Faults{.power_cut_at = at}; },
      [](std::uint64_t at) { return Faults{.room = at - 1}; }};
  for (const auto& faults : kinds) {
    bool done = false;
    for (std::uint64_t at = 1; !done; ++at) {
      REQUIRE(at < 100);
      const Home home;
      put(home, "Sa");
      home.put(kTable, "0 one\n");
      Faulty faulty(home);
      const auto add_two = [&] {
        auto box = faulty.maildir();
        name(*box, 1, "two");
        box->at(0).keywords = 3;
        return box->write().has_value();
      };
      faulty.files.arm(faults(at));
      done = add_two() && !faulty.files.dark() && (faults(at).room != UINT64_MAX || faulty.files.calls() < at);
      if (faulty.files.dark()) faulty.files.power_cut();
      faulty.files.arm({});
      const bool named = home.get(kTable) == "0 one\n1 two\n";
      CHECK((named || home.get(kTable) == "0 one\n"));
      if (!named) CHECK(letters(home) == "Sa");
      if (done) CHECK(letters(home) == "Sab");
      // Whatever it left, the next one does it: a lock file that says nothing, for the power went, is nobody's later.
      std::filesystem::remove(home.path() + "/" + kLock);
      REQUIRE(add_two());
      CHECK(letters(home) == "Sab");
      CHECK(home.get(kTable) == "0 one\n1 two\n");
    }
  }
}

TEST_CASE("a table that cannot be read hinders nothing: letters stay, and the Maildir takes no keywords") {
  const Home home;
  put(home, "Sab");
  SUBCASE("a folder") { std::filesystem::create_directory(home.path() + "/" + kTable); }
  SUBCASE("too large") { home.put(kTable, "0 " + std::string(kKeywordTableMax - 1, 'x')); }
  auto box = maildir(home);
  CHECK(box->keyword_names().empty());
  box->at(0).flags |= message::kBoxFlagged;
  REQUIRE(box->write());
  CHECK(letters(home) == "FSab");
}

TEST_CASE("a table that the host does not give now is none that was lost: the Maildir is not opened") {
  const Home home;
  put(home, "a");
  const auto open = [&] { return open_box(home.path() + "/Maildir", home.host(), Access::change); };
  home.put(kTable, "0 one\n");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);
  ::close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto table = read_keyword_table(home.path() + "/Maildir");
  const auto box = open();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE_FALSE(table);
  REQUIRE_FALSE(box);
  CHECK(table.error().is(kHost));
  CHECK(box.error().is(kHost));
  CHECK(open().value()->keyword_names()[0] == "one");
}

TEST_CASE("a Maildir whose numbers Dovecot keeps elsewhere, or nobody, gets no table, and one that is there is used") {
  const Home home;
  put(home, "Sa");
  std::filesystem::remove(home.path() + "/" + kNumbers);
  auto box = maildir(home);
  CHECK(box->keyword_names().empty());
  CHECK(box->at(0).keywords == 1);
  box->at(0).flags |= message::kBoxFlagged;
  REQUIRE(box->write());
  CHECK(letters(home) == "FSa");
  CHECK(files_of_maildir(home) == std::set<std::string>{"new", "cur"});
  home.put(kTable, "0 one\n");
  box = maildir(home);
  name(*box, 1, "two");
  box->at(0).keywords = 3;
  REQUIRE(box->write());
  CHECK(letters(home) == "FSab");
  CHECK(home.get(kTable) == "0 one\n1 two\n");
}

TEST_CASE("a new table has the group of the old one, else of the Maildir, and a time that is one at the end of times") {
  if (::geteuid() != 0) return;
  constexpr gid_t kOurs = 4711;
  const Home home;
  put(home, "S");
  const auto path = home.path() + "/" + kTable;
  const auto group = [&] {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_gid;
  };
  const auto add = [&](std::size_t place) {
    auto box = maildir(home);
    name(*box, place, std::string(place + 1, 'n'));
    box->at(0).keywords |= Keywords{1} << place;
    REQUIRE(box->write());
  };
  REQUIRE(::chown((home.path() + "/Maildir").c_str(), static_cast<uid_t>(-1), kOurs) == 0);
  add(0);
  CHECK(group() == kOurs);
  REQUIRE(::chown(path.c_str(), static_cast<uid_t>(-1), kOurs + 1) == 0);
  add(1);
  CHECK(group() == kOurs + 1);
  set_changed(home, kTable, INT64_MAX);
  const std::int64_t last_s = changed_s(home, kTable);  // as late as the disk can have it
  add(2);
  CHECK(changed_s(home, kTable) == last_s);
  CHECK(home.get(kTable) == "0 n\n1 nn\n2 nnn\n");
}

TEST_CASE("a table at its limit is read") {
  const Home home;
  put(home, "a");
  home.put(kTable, "0 " + std::string(kKeywordTableMax - 3, 'x') + "\n");
  CHECK(maildir(home)->keyword_names().size() == kMaildirKeywordsMax);
}

TEST_CASE("the letter of $Forwarded is the flag; so is \"P\", which is written where there is no letter") {
  const Home home;
  const auto marked = [&](message::BoxFlags flags) {
    auto box = maildir(home);
    box->at(0).flags = flags;
    REQUIRE(box->write());
    return letters(home);
  };
  put(home, "b");
  home.put(kTable, "1 $FORWARDED\n");
  CHECK(maildir(home)->at(0).flags == (message::kBoxPassed | message::kBoxOld));
  CHECK(maildir(home)->at(0).keywords == 0);
  CHECK(marked(message::kBoxSeen) == "S");
  // Dovecot would leave a "P" there whatever its user does.
  CHECK(marked(message::kBoxPassed) == "b");
  CHECK(marked(message::kBoxPassed | message::kBoxSeen) == "Sb");
  std::filesystem::remove_all(home.path() + "/Maildir/cur");
  put(home, "P");
  CHECK(marked(message::kBoxPassed | message::kBoxSeen) == "PS");
  CHECK(marked(0).empty());
  std::filesystem::remove(home.path() + "/" + kTable);
  CHECK(marked(message::kBoxPassed) == "P");
}

TEST_CASE("letters whose names are equal but for case are one keyword, and what has one of them stays as it is") {
  const Home home;
  put(home, "b");
  home.put(kTable, "0 Work\n1 WORK\n2 other\n");
  auto box = maildir(home);
  CHECK(box->at(0).keywords == 1);
  box->at(0).keywords |= 4;
  REQUIRE(box->write());
  CHECK(letters(home) == "bc");
  box->at(0).keywords = 4;
  REQUIRE(box->write());
  CHECK(letters(home) == "c");
  box->at(0).keywords = 5;
  REQUIRE(box->write());
  CHECK(letters(home) == "ac");
  CHECK(maildir(home)->at(0).keywords == 5);
}

TEST_CASE(
    "keywords of an mbox are those that its base names; what has no name goes when they are written, as with others") {
  const Home home;
  home.put("spool", letter("a", kBase) + letter("b", "X-Keywords: other TWO\nX-Keywords: one\n"));
  auto box = spool(home);
  REQUIRE(box->keyword_names().size() == kMboxKeywordsMax);
  CHECK(box->at(0).keywords == 0);
  CHECK(box->at(1).keywords == 3);
  box->at(1).flags |= message::kBoxSeen;
  REQUIRE(box->write());
  // As it stands: others may know better.
  CHECK(home.get("spool") == letter("a", kBase) + letter("b", "X-Keywords: other TWO\nX-Keywords: one\nStatus: R\n"));
  box->at(1).keywords = 1;
  REQUIRE(box->write());
  CHECK(box->at(1).keywords == 1);
  CHECK(home.get("spool") == letter("a", kBase) + letter("b", "Status: R\nX-Keywords: one\n"));
  box->at(1).keywords = 0;
  REQUIRE(box->write());
  CHECK(home.get("spool") == letter("a", kBase) + letter("b", "Status: R\n"));
}

TEST_CASE("a new keyword of an mbox is named in its base, which stands before all X-UIDs and outlives its message") {
  const Home home;
  home.put("spool", letter("a", std::string(kBase) + "X-UID: 3\n") + letter("b", "X-UID: 5\n") +
                        letter("c", "X-UID: 7\nX-IMAPbase: 1 0000000001 theirs\n"));
  auto box = spool(home);
  name(*box, 2, "three");
  box->at(2).keywords = 4;
  REQUIRE(box->write());
  const std::string base = "X-IMAPbase: 1700000000 0000000007 one two three\n";
  const std::string last = letter("c", "X-UID: 7\nX-IMAPbase: 1 0000000001 theirs\nX-Keywords: three\n");
  CHECK(home.get("spool") == letter_behind(base, "a", "X-UID: 3\n") + letter("b", "X-UID: 5\n") + last);
  box->at(0).deleted = true;
  REQUIRE(box->write());
  CHECK(home.get("spool") == letter_behind(base, "b", "X-UID: 5\n") + last);
  CHECK(box->keyword_names()[2] == "three");
  CHECK(box->at(1).keywords == 4);
  box->at(0).deleted = true;
  box->at(1).flags = message::kBoxSeen;
  REQUIRE(box->write());
  CHECK(home.get("spool") == letter_behind(base, "c", "X-UID: 7\nX-Keywords: three\nStatus: R\n"));
}

TEST_CASE("a base by which nobody has numbered messages goes with the message that has it") {
  const std::string first = letter("a", "X-IMAPbase: 7 0000000007 one\nX-UID: 6\n");
  // None, what is beyond, and what does not ascend.
  for (const char* const uid : {"", "X-UID: 8\n", "X-UID: 6\n", "X-UID: x\n"}) {
    const Home home;
    const std::string second = letter("b", uid);
    home.put("spool", first + second + letter("c", "X-Keywords: one\n"));
    auto box = spool(home);
    CHECK(box->at(2).keywords == 1);
    name(*box, 1, "two");
    box->at(0).deleted = true;
    box->at(1).keywords = 3;
    box->at(1).flags = message::kBoxSeen;
    REQUIRE(box->write());
    CHECK(home.get("spool") == letter("b", std::string(uid) + "Status: R\n") + letter("c", "X-Keywords: one\n"));
    CHECK(box->keyword_names().empty());
    CHECK(box->at(1).keywords == 0);
  }
  const Home home;
  home.put("spool", first + letter("b") + letter("c", "X-UID: 7\n"));
  auto box = spool(home);
  box->at(0).deleted = true;
  REQUIRE(box->write());
  CHECK(home.get("spool") == letter_behind("X-IMAPbase: 7 0000000007 one\n", "b") + letter("c", "X-UID: 7\n"));
}

TEST_CASE("a base of which there is no next number is none, whoever delivered it") {
  const Home home;
  home.put("spool", letter("a", "X-IMAPbase: 7 4294967295 x\n") + letter("b", "X-UID: 5\n"));
  auto box = spool(home);
  CHECK(box->keyword_names().empty());
  box->at(0).deleted = true;
  REQUIRE(box->write());
  CHECK(home.get("spool") == letter("b", "X-UID: 5\n"));
}

TEST_CASE("lines of a header that end with CR LF get a base that does") {
  const Home home;
  const std::string first =
      "From a@b Tue Nov 14 10:00:00 2023\r\nX-IMAPbase: 1700000000 0000000007\r\nA: b\r\n\r\n\r\n";
  home.put("spool", first + "From a@b Tue Nov 14 10:00:00 2023\r\nX-UID: 7\r\nC: d\r\n\r\n\r\n");
  auto box = spool(home);
  box->at(0).deleted = true;
  REQUIRE(box->write());
  CHECK(home.get("spool") ==
        "From a@b Tue Nov 14 10:00:00 2023\r\nX-IMAPbase: 1700000000 0000000007\r\nX-UID: 7\r\nC: d\r\n\r\n\r\n");
}

TEST_CASE("an mbox that no program of keywords has opened takes none, and one of c-client's only those that it names") {
  const Home home;
  home.put("spool", letter("a", "X-Keywords: one\n") + letter("b", kBase));
  CHECK(spool(home)->keyword_names().empty());
  CHECK(spool(home)->at(0).keywords == 0);
  // Others hold a base without numbers for broken.
  home.put("spool", letter("a", "X-IMAPbase: 0 0000000007 one\n"));
  CHECK(spool(home)->keyword_names().empty());
  home.put(
      "spool",
      "From MAILER-DAEMON Tue Nov 14 10:00:00 2023\nDate: 14 Nov 2023 10:00:00 +0000\nFrom: Mail System Internal Data "
      "<MAILER-DAEMON@host>\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nMessage-ID: <1@host>\n"
      "X-IMAP: 1700000000 0000000001 one\nStatus: RO\n\nThis text is part of the internal format.\n\n" +
          letter("a", "X-Keywords: one\n"));
  auto box = spool(home);
  REQUIRE(box->size() == 1);
  CHECK(box->keyword_names() == std::vector<std::string>{"one"});
  CHECK(box->at(0).keywords == 1);
}

TEST_CASE("of names that others gave an mbox so many are known; words of those beyond stay, and all stay named") {
  for (const std::size_t count : {kKeywordsMax, kKeywordsMax + 1}) {
    const Home home;
    std::string base = "X-IMAPbase: 1700000000 0000000007";
    for (std::size_t i = 1; i <= count; ++i) base += " k" + std::to_string(i);
    const std::string last = "k" + std::to_string(count);
    home.put("spool", letter("a", base + "\nX-Keywords: " + last + "\n"));
    auto box = spool(home);
    CHECK(box->keyword_names().size() == kKeywordsMax);
    CHECK((box->at(0).keywords != 0) == (count == kKeywordsMax));
    box->at(0).keywords |= 1;
    REQUIRE(box->write());
    CHECK(home.get("spool") == letter("a", base + "\nX-Keywords: k1 " + last + "\n"));
  }
}

TEST_CASE("a name of an mbox that is too long for Dovecot is not used, and what others did with it stays") {
  const std::string fits(kMboxKeywordOctetsMax, 'x');
  const std::string longer = fits + "x";
  const Home home;
  const std::string base = "X-IMAPbase: 1700000000 0000000007 " + longer + " " + fits;
  home.put("spool", letter("a", base + "\nX-Keywords: " + longer + " " + fits + "\n"));
  auto box = spool(home);
  CHECK(box->keyword_names()[0] == kTakenPlace);
  CHECK(box->at(0).keywords == 2);
  name(*box, 2, "three");
  box->at(0).keywords = 6;
  REQUIRE(box->write());
  CHECK(home.get("spool") == letter_behind(base + " three\n", "a", "X-Keywords: " + fits + " three " + longer + "\n"));
}

TEST_CASE("$Forwarded of an mbox is a keyword like others: without a name it is neither believed nor written") {
  const Home home;
  for (const char* const base : {"", kBase}) {
    const std::string text = letter("a", std::string(base) + "X-Keywords: $Forwarded\n");
    home.put("spool", text);
    auto box = spool(home);
    CHECK(box->at(0).flags == 0);
    box->at(0).flags = message::kBoxPassed;
    REQUIRE(box->write());
    CHECK(home.get("spool") == text);
  }
  const std::string base = "X-IMAPbase: 1700000000 0000000007 $forwarded one\n";
  home.put("spool", letter("a", base));
  auto box = spool(home);
  box->at(0).flags |= message::kBoxPassed;
  box->at(0).keywords = 2;
  REQUIRE(box->write());
  CHECK(home.get("spool") == letter("a", base + "X-Keywords: $forwarded one\n"));
  CHECK(box->at(0).flags == message::kBoxPassed);
  CHECK(box->at(0).keywords == 2);
  box->at(0).flags = message::kBoxSeen;
  REQUIRE(box->write());
  CHECK(home.get("spool") == letter("a", base + "Status: R\nX-Keywords: one\n"));
}

TEST_CASE("what is written is read again, so that nobody has it written for ever") {
  std::string many = "X-Keywords:";
  for (std::size_t i = 0; i < message::kBoxKeywordsMax; ++i) many += " w" + std::to_string(i);
  const std::string bases[] = {kBase, "X-IMAPbase: 1700000000 0000000007 ONE One two\n",
                               "X-IMAP: 1700000000 0000000007 two\nX-IMAPbase: 1700000000 0000000007 one two\n",
                               "X-IMAPbase: 1700000000 0000000007 one two\nX-IMAP: 1700000000 0000000007 two\n"};
  const std::string others[] = {"X-Mozilla-Status: 1003\nX-Mozilla-Keys: one two\n", many + "\n",
                                "X-Keywords: ONE oNe one\n", "X-Status: AFTD\nStatus: RO\nStatus: R\n"};
  for (const std::string& base : bases)
    for (const std::string& fields : others) {
      const Home home;
      home.put("spool", letter("a", base) + letter("b", fields));
      auto box = spool(home);
      REQUIRE(box->keyword_names().size() == kMboxKeywordsMax);
      const auto free =
          static_cast<std::size_t>(std::ranges::find(box->keyword_names(), "") - box->keyword_names().begin());
      const Keywords four = Keywords{1} << free;
      for (const message::BoxFlags flags : {message::kBoxFlagged, message::kBoxSeen, message::BoxFlags{0}})
        for (const Keywords keywords : {Keywords{1}, Keywords{0}, four | 1, four}) {
          if (box->keyword_names()[free] != "four") name(*box, free, "four");
          box->at(1).flags = flags;
          box->at(1).keywords = keywords;
          REQUIRE(box->write());
          CHECK(box->at(1).flags == flags);
          CHECK(box->at(1).keywords == keywords);
          const std::string after = home.get("spool");
          box = spool(home);
          box->at(1).flags = flags;
          box->at(1).keywords = keywords;
          CHECK_FALSE(box->is_changed());
          REQUIRE(box->write());
          CHECK(home.get("spool") == after);
        }
    }
}
