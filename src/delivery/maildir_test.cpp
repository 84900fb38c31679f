#include "delivery/maildir.h"

#include <fmt/format.h>

#include <cerrno>

#include "delivery/files_faulty.h"
#include "delivery/testing.h"
#include "message/maildir_name.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::delivery;
using namespace angarium::delivery::test;

namespace {

using Names = std::vector<std::string>;

constexpr std::string_view kFile =
    "Return-Path: <a@example.org>\nDelivered-To: anna@example.org\n"
    "From: a@example.org\nSubject: x\n\nFrom the first line\n\n>From x\n.\n";

struct Bench {
  explicit Bench(std::uint64_t seed = 1) : random(seed), files(seed, clock) {}
  Outcome deliver(const std::string& to, Octets& message) {
    return delivery::deliver(MaildirTarget{.path = to}, letter_of(message),
                             {.files = files, .clock = clock, .random = random, .host = host, .process = 4711});
  }
  Outcome deliver(const std::string& to, std::string_view message = kMessage) {
    OctetsInMemory octets(message);
    return deliver(to, octets);
  }
  Outcome deliver() { return deliver(box); }
  [[nodiscard]] Names fresh() const { return names_in(box + "/new"); }

  TemporaryFolder folder;
  std::string box = folder.path("Maildir");
  std::string host = "host";
  ManualClock clock;
  SeededRandom random;
  FaultyFiles files;
};

}  // namespace

TEST_CASE("a Maildir is made whole, and the letter lies in new, for its user alone") {
  Bench bench;
  const Outcome outcome = bench.deliver();
  CHECK(outcome.status.text() == "2.0.0");
  CHECK(names_in(bench.box) == Names{"cur", "new", "tmp"});
  CHECK(names_in(bench.box + "/tmp").empty());
  CHECK(names_in(bench.box + "/cur").empty());
  REQUIRE(bench.fresh().size() == 1);
  const std::string path = bench.box + "/new/" + bench.fresh()[0];
  CHECK(outcome.words == path);
  CHECK(octets_of(path) == kFile);
  CHECK(mode_of(path) == 0600);
  for (const char* each : {"", "/new", "/cur", "/tmp"}) CHECK(mode_of(bench.box + each) == 0700);
}

TEST_CASE("names are unique and tell the size with LF and with CR LF line ends") {
  Bench bench;
  const std::string message = "A: b\r\n\r\nx\ny\r\r\nz\r";
  CHECK(bench.deliver(bench.box, message).delivered());
  CHECK(bench.deliver(bench.box, message).delivered());
  const Names names = bench.fresh();
  REQUIRE(names.size() == 2);
  const auto name = message::parse_maildir_name(names[0]);
  REQUIRE(name);
  const std::string file = octets_of(bench.box + "/new/" + names[0]);
  CHECK(file.ends_with("A: b\n\nx\ny\r\nz\r"));
  CHECK(name->size == file.size());
  // Two fields before, three bare line ends in the message; "\r\n" is one already.
  CHECK(name->virtual_size == file.size() + 2 + 3);
  CHECK(name->base == names[0]);
  CHECK_FALSE(names[0].contains(':'));
}

TEST_CASE("the cuts of a letter and of writes make no difference") {
  Bench bench;
  for (std::size_t cut = 0; cut <= kMessage.size(); ++cut) {
    bench.folder.clear();
    bench.files.arm({.write_octets_max = 1 + cut % 7});
    Names pieces{std::string(kMessage.substr(0, cut)), std::string(kMessage.substr(cut))};
    std::erase(pieces, "");
    PiecewiseOctets octets(pieces);
    CHECK(bench.deliver(bench.box, octets).delivered());
    REQUIRE(octets_of(bench.box + "/new/" + bench.fresh().at(0)) == kFile);
  }
}

TEST_CASE("a subfolder of Maildir++ is made within a whole Maildir and marked as one") {
  Bench bench;
  CHECK(bench.deliver(bench.box + "/.Work.2026").delivered());
  CHECK(names_in(bench.box) == Names{".Work.2026", "cur", "new", "tmp"});
  CHECK(names_in(bench.box + "/.Work.2026") == Names{"cur", "maildirfolder", "new", "tmp"});
  CHECK(bench.fresh().empty());
  CHECK(names_in(bench.box + "/.Work.2026/new").size() == 1);
  CHECK(bench.deliver(bench.box + "/.Work.2026").delivered());
  CHECK(names_in(bench.box + "/.Work.2026/new").size() == 2);
}

TEST_CASE("maildirsize gets a line where it lies, for subfolders, too, but not for Trash; it is never made") {
  Bench bench;
  CHECK(bench.deliver().delivered());
  CHECK_FALSE(std::filesystem::exists(bench.box + "/maildirsize"));
  const std::string book = "1000000S,1000C\n117 1\n";
  put_file(bench.box + "/maildirsize", book);
  const std::string line = fmt::format("{} 1\n", kFile.size());
  CHECK(bench.deliver().delivered());
  CHECK(octets_of(bench.box + "/maildirsize") == book + line);
  CHECK(bench.deliver(bench.box + "/.Work").delivered());
  CHECK(octets_of(bench.box + "/maildirsize") == book + line + line);
  CHECK(bench.deliver(bench.box + "/.Trash").delivered());
  CHECK(octets_of(bench.box + "/maildirsize") == book + line + line);
  CHECK_FALSE(std::filesystem::exists(bench.box + "/.Work/maildirsize"));
}

TEST_CASE("what is in tmp for more than 36 hours is removed, and nothing else") {
  Bench bench;
  CHECK(bench.deliver().delivered());
  const auto put = [&](const std::string& name, std::int64_t age_s) {
    put_file(bench.box + "/" + name, "x");
    std::filesystem::last_write_time(
        bench.box + "/" + name, std::filesystem::last_write_time(bench.box + "/" + name) - std::chrono::seconds{age_s});
  };
  put("tmp/young", kLeftover_s - 60);
  put("tmp/old", kLeftover_s + 60);
  put("new/old", kLeftover_s + 60);
  put("cur/old:2,S", kLeftover_s + 60);
  std::filesystem::create_directory(bench.box + "/tmp/folder");
  std::filesystem::last_write_time(bench.box + "/tmp/folder", std::filesystem::last_write_time(bench.box + "/tmp/old"));
  CHECK(bench.deliver().delivered());
  CHECK(names_in(bench.box + "/tmp") == Names{"folder", "young"});
  CHECK(bench.fresh().size() == 3);
  CHECK(names_in(bench.box + "/cur").size() == 1);
}

TEST_CASE("a Maildir may be a symbolic link, what lies in it not; the folder above has to be there") {
  Bench bench;
  std::filesystem::create_directory(bench.folder.path("disk"));
  std::filesystem::create_symlink(bench.folder.path("disk"), bench.box);
  CHECK(bench.deliver().delivered());
  CHECK(names_in(bench.folder.path("disk/new")).size() == 1);
  std::filesystem::remove_all(bench.folder.path("disk/new"));
  std::filesystem::create_directory(bench.folder.path("elsewhere"));
  std::filesystem::create_symlink(bench.folder.path("elsewhere"), bench.folder.path("disk/new"));
  CHECK(bench.deliver().status.text() == "4.3.5");
  CHECK(names_in(bench.folder.path("elsewhere")).empty());
  CHECK(bench.deliver(bench.folder.path("nothing/Maildir")).status.text() == "4.3.5");
}

TEST_CASE("the longest host name leaves room for size and flags") {
  Bench bench;
  bench.host = std::string(300, 'h');
  CHECK(bench.deliver().delivered());
  const std::string name = bench.fresh().at(0);
  CHECK(message::format_maildir_name(name, 0xff, "abcdefghijklmnopqrstuvwxyz").size() <= message::kMaildirNameMax);
}

TEST_CASE("each call may fail: one whole letter in new when it was delivered, none when not") {
  for (const int code : {EIO, ENOSPC, EACCES, EPERM, ENOENT, EEXIST}) {
    for (const bool subfolder : {false, true}) {
      Bench bench;
      const std::string to = subfolder ? bench.box + "/.Work" : bench.box;
      std::uint64_t failures = 0;
      for (std::uint64_t call = 1;; ++call) {
        CAPTURE(code);
        CAPTURE(call);
        bench.folder.clear();
        bench.files.arm({.fail_at = call, .code = code, .write_octets_max = 40});
        const Outcome outcome = bench.deliver(to);
        const std::uint64_t calls = bench.files.calls();
        const Names names = names_in(to + "/new");
        if (outcome.delivered()) {
          REQUIRE(names.size() == 1);
          REQUIRE(octets_of(to + "/new/" + names[0]) == kFile);
        } else {
          ++failures;
          REQUIRE(outcome.temporary());
          REQUIRE(names.empty());
        }
        bench.files.arm({});
        REQUIRE(bench.deliver(to).delivered());
        if (calls < call) break;
      }
      CHECK(failures > 10);
    }
  }
}

TEST_CASE("when all calls fail from one on, what lies in new is whole all the same") {
  for (std::uint64_t call = 1;; ++call) {
    CAPTURE(call);
    Bench bench;
    bench.files.arm({.fail_at = call, .failing = 1'000'000, .write_octets_max = 40});
    const Outcome outcome = bench.deliver();
    const std::uint64_t calls = bench.files.calls();
    REQUIRE((outcome.delivered() ? bench.fresh().size() == 1 : outcome.temporary()));
    for (const std::string& name : bench.fresh()) REQUIRE(octets_of(bench.box + "/new/" + name) == kFile);
    bench.files.arm({});
    REQUIRE(bench.deliver().delivered());
    if (calls < call) break;
  }
}

TEST_CASE("a file system without hard links is delivered to by rename") {
  for (const int code : {EPERM, EOPNOTSUPP, ENOSYS}) {
    Bench bench;
    bench.files.arm({.link_code = code});
    CHECK(bench.deliver().delivered());
    REQUIRE(bench.fresh().size() == 1);
    CHECK(octets_of(bench.box + "/new/" + bench.fresh()[0]) == kFile);
    CHECK(names_in(bench.box + "/tmp").empty());
  }
}

TEST_CASE("the power may go at every call: new never has a torn letter, and what was acknowledged is there") {
  int acknowledged = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    for (std::uint64_t call = 1;; ++call) {
      CAPTURE(seed);
      CAPTURE(call);
      Bench bench(seed * 1000 + call);
      bench.files.arm({.power_cut_at = call, .write_octets_max = 50});
      const bool delivered = bench.deliver().delivered();
      const bool dark = bench.files.dark();
      bench.files.power_cut();
      for (const std::string& name : bench.fresh()) REQUIRE(octets_of(bench.box + "/new/" + name) == kFile);
      if (delivered) {
        ++acknowledged;
        REQUIRE(bench.fresh().size() == 1);
      }
      REQUIRE(bench.deliver().delivered());
      if (!dark) break;
    }
  }
  CHECK(acknowledged >= 12);
}

TEST_CASE("a letter that cannot be read to its end leaves nothing") {
  Bench bench;
  PiecewiseOctets octets({std::string(kMessage), std::string(200'000, 'x')});
  octets.fails = true;
  const Outcome outcome = bench.deliver(bench.box, octets);
  CHECK(outcome.status.text() == "4.3.0");
  CHECK(bench.fresh().empty());
  CHECK(names_in(bench.box + "/tmp").empty());
}
