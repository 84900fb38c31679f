#include "delivery/mbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery/files_faulty.h"
#include "delivery/mbox_lock.h"
#include "delivery/testing.h"
#include "message/mbox.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::delivery;
using namespace angarium::delivery::test;

namespace {

constexpr std::string_view kEntry =
    "From a@example.org Thu Mar  5 07:08:09 2026\n"
    "Return-Path: <a@example.org>\nDelivered-To: anna@example.org\n"
    "From: a@example.org\nSubject: x\n\n>From the first line\n\n>>From x\n.\n\n";
constexpr std::string_view kOld = "From b@example.org Thu Mar  5 07:08:08 2026\nA: b\n\nold\n\n";
constexpr std::uint64_t kProcess = 4711;

/// An mbox on a disk that can fail, and deliveries to it.
struct Bench {
  explicit Bench(std::uint64_t seed = 1) : random(seed), files(seed, clock) { files.running = {{kProcess, 0}}; }
  Outcome deliver(Octets& message) {
    return delivery::deliver(MboxTarget{.path = box}, letter_of(message),
                             {.files = files, .clock = clock, .random = random, .host = "host", .process = kProcess});
  }
  Outcome deliver(std::string_view message = kMessage) {
    OctetsInMemory octets(message);
    return deliver(octets);
  }
  void put(std::string_view octets) const { put_file(box, octets); }
  [[nodiscard]] std::string content() const { return octets_of(box); }

  TemporaryFolder folder;
  std::string box = folder.path("box");
  std::string lock = folder.path("box.lock");
  ManualClock clock;
  SeededRandom random;
  FaultyFiles files;
};

/// The messages of an mbox file as octets.
std::vector<std::string> messages_of(std::string_view file) {
  std::vector<std::string> messages;
  message::MboxReader reader;
  reader.finish();
  while (true) {
    const message::MboxStep step = reader.next(file);
    if (step.kind == message::MboxStep::Kind::end) return messages;
    if (step.kind == message::MboxStep::Kind::message) messages.emplace_back();
    if (step.kind == message::MboxStep::Kind::octets) messages.back() += step.octets;
  }
}

const std::string kWhole = std::string(kFields) + std::string(kMessage);

}  // namespace

TEST_CASE("a new file belongs to its user alone, and the letter stands in it as mboxrd") {
  Bench bench;
  const Outcome outcome = bench.deliver();
  CHECK(outcome.status.text() == "2.0.0");
  CHECK(outcome.words == bench.box);
  CHECK(bench.content() == kEntry);
  CHECK(mode_of(bench.box) == 0600);
  CHECK(names_in(bench.folder.path()) == std::vector<std::string>{"box"});
}

TEST_CASE("the null reverse-path stands as MAILER-DAEMON") {
  Bench bench;
  OctetsInMemory octets(kMessage);
  Letter letter = letter_of(octets);
  letter.reverse_path = {};
  CHECK(deliver(MboxTarget{.path = bench.box}, letter).delivered());
  CHECK(bench.content().starts_with("From MAILER-DAEMON Thu Mar  5 07:08:09 2026\n"));
}

TEST_CASE("a letter begins on a fresh line behind a blank one, whatever the file ends with") {
  Bench bench;
  const std::pair<std::string, std::string> tails[] = {{"", ""},           {"\n", ""},
                                                       {"\r\n", ""},       {"x", "\n\n"},
                                                       {"x\n", "\n"},      {"x\r\n", "\n"},
                                                       {"x\n\n", ""},      {"x\r\n\r\n", ""},
                                                       {"x\n\r\n", ""},    {"From", "\n\n"},
                                                       {"x\n\nx", "\n\n"}, {"x\n\r", "\n\n"},
                                                       {"x\n\n\n", ""},    {std::string(3, '\0'), "\n\n"}};
  for (const auto& [tail, between] : tails) {
    CAPTURE(tail);
    bench.put(tail);
    CHECK(bench.deliver().delivered());
    CHECK(bench.content() == tail + between + std::string(kEntry));
  }
}

TEST_CASE("the cuts of a letter and of writes make no difference") {
  Bench bench;
  for (std::size_t cut = 0; cut <= kMessage.size(); ++cut) {
    bench.put(kOld);
    bench.files.arm({.write_octets_max = 1 + cut % 7});
    std::vector<std::string> pieces{std::string(kMessage.substr(0, cut)), std::string(kMessage.substr(cut))};
    std::erase(pieces, "");
    PiecewiseOctets octets(pieces);
    CHECK(bench.deliver(octets).delivered());
    REQUIRE(bench.content() == std::string(kOld) + std::string(kEntry));
  }
}

TEST_CASE("a letter larger than one write") {
  Bench bench;
  std::string message = "A: b\r\n\r\n";
  while (message.size() < 300'000) message += "a line of some length\r\n";
  CHECK(bench.deliver(message).delivered());
  CHECK(messages_of(bench.content()) == std::vector<std::string>{std::string(kFields) + message});
}

TEST_CASE("only a regular file with one name is taken; what a link points to is not touched") {
  Bench bench;
  const std::string other = bench.folder.path("other");
  put_file(other, kOld);
  const auto refused = [&](std::string_view why) {
    const Outcome outcome = bench.deliver();
    CHECK(outcome.status.text() == "4.3.5");
    CHECK(outcome.words.contains(why));
    CHECK(octets_of(other) == kOld);
    CHECK_FALSE(std::filesystem::exists(bench.lock));
    std::filesystem::remove(bench.box);
  };
  std::filesystem::create_symlink(other, bench.box);
  refused("symbolic link");
  std::filesystem::create_symlink(bench.folder.path("nothing"), bench.box);
  refused("symbolic link");
  CHECK_FALSE(std::filesystem::exists(bench.folder.path("nothing")));
  std::filesystem::create_hard_link(other, bench.box);
  refused("hard link");
  std::filesystem::create_directory(bench.box);
  refused("directory");
  REQUIRE(::mkfifo(bench.box.c_str(), 0600) == 0);
  refused("no regular file");
  bench.box = bench.folder.path("no folder/box");
  refused("No such file");
}

TEST_CASE("each call may fail: the letter is whole or the file is as it was, and the next delivery works") {
  for (const std::string_view old : {std::string_view(), kOld}) {
    for (const int code : {EIO, ENOSPC, EACCES, ENOENT, EEXIST}) {
      Bench bench;
      std::uint64_t failures = 0;
      for (std::uint64_t call = 1;; ++call) {
        CAPTURE(old);
        CAPTURE(code);
        CAPTURE(call);
        bench.folder.clear();
        if (!old.empty()) bench.put(old);
        bench.files.arm({.fail_at = call, .code = code, .write_octets_max = 40});
        const Outcome outcome = bench.deliver();
        const std::uint64_t calls = bench.files.calls();
        if (outcome.delivered()) {
          REQUIRE(bench.content() == std::string(old) + std::string(kEntry));
        } else {
          ++failures;
          REQUIRE(outcome.temporary());
          REQUIRE(bench.content() == old);
        }
        bench.files.arm({});
        REQUIRE(bench.deliver().delivered());
        REQUIRE(messages_of(bench.content()).back() == kWhole);
        if (calls < call) break;
      }
      CHECK(failures > 5);
    }
  }
}

TEST_CASE("when all calls fail from one on, what stood there still stands, and the next delivery works") {
  for (std::uint64_t call = 1;; ++call) {
    CAPTURE(call);
    Bench bench;
    bench.put(kOld);
    bench.files.arm({.fail_at = call, .failing = 1'000'000, .write_octets_max = 40});
    const Outcome outcome = bench.deliver();
    const std::uint64_t calls = bench.files.calls();
    if (outcome.delivered()) REQUIRE(bench.content() == std::string(kOld) + std::string(kEntry));
    REQUIRE((outcome.delivered() || outcome.temporary()));
    REQUIRE(bench.content().starts_with(kOld));
    if (!outcome.delivered() && bench.content() != kOld) CHECK(outcome.words.contains("may stay in it"));
    bench.files.arm({});
    REQUIRE(bench.deliver().delivered());
    REQUIRE(messages_of(bench.content()).back() == kWhole);
    if (calls < call) break;
  }
}

TEST_CASE("a full disk: 4.3.1, a quota: 4.2.2; not an octet stays, at whatever octet it comes") {
  Bench bench;
  for (std::uint64_t room = 0;; ++room) {
    bench.put(kOld);
    bench.files.arm({.room = room});
    const Outcome outcome = bench.deliver();
    if (outcome.delivered()) break;
    CHECK(outcome.status.text() == "4.3.1");
    REQUIRE(bench.content() == kOld);
    REQUIRE(names_in(bench.folder.path()) == std::vector<std::string>{"box"});
  }
  CHECK(bench.content() == std::string(kOld) + std::string(kEntry));
  CHECK(fail_system(EDQUOT, "write", "x").error().status.text() == "4.2.2");
  CHECK(fail_system(EFBIG, "write", "x").error().status.text() == "4.2.2");
}

TEST_CASE("a letter that cannot be read to its end leaves nothing") {
  Bench bench;
  bench.put(kOld);
  PiecewiseOctets octets({std::string(kMessage), std::string(200'000, 'x')});
  octets.fails = true;
  const Outcome outcome = bench.deliver(octets);
  CHECK(outcome.status.text() == "4.3.0");
  CHECK(outcome.words.contains("the store is away"));
  CHECK(bench.content() == kOld);
}

TEST_CASE("the power may go at every call: what was acknowledged is there, what was there is, and delivery goes on") {
  int acknowledged = 0;
  int torn = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    for (std::uint64_t call = 1;; ++call) {
      CAPTURE(seed);
      CAPTURE(call);
      Bench bench(seed * 1000 + call);
      bench.put(kOld);
      bench.files.arm({.power_cut_at = call, .write_octets_max = 50});
      const bool delivered = bench.deliver().delivered();
      const bool dark = bench.files.dark();
      bench.files.power_cut();
      bench.files.running.clear();  // nobody lives through it
      // A lock file may have lost its words: it is old some minutes later.
      if (std::filesystem::exists(bench.lock))
        std::filesystem::last_write_time(
            bench.lock, std::filesystem::last_write_time(bench.lock) - std::chrono::seconds{kDotFileStale_s + 1});
      std::string after = bench.content();
      REQUIRE(after.starts_with(kOld));
      if (delivered) {
        ++acknowledged;
        REQUIRE(after == std::string(kOld) + std::string(kEntry));
      }
      if (after.size() > kOld.size() && !delivered) ++torn;
      bench.files.arm({});
      REQUIRE(bench.deliver("A: new\r\n\r\nnew\r\n").delivered());
      const std::vector<std::string> messages = messages_of(bench.content());
      // A torn separator looks like text of the message before it.
      REQUIRE(messages.front().starts_with("A: b\r\n\r\nold\r\n"));
      REQUIRE(messages.back() == std::string(kFields) + "A: new\r\n\r\nnew\r\n");
      if (!dark) break;
    }
  }
  CHECK(acknowledged >= 12);
  CHECK(torn > 0);
}

TEST_CASE("a new file that was acknowledged is there after a power cut, with its name") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Bench bench(seed);
    REQUIRE(bench.deliver().delivered());
    bench.files.power_cut();
    CHECK(bench.content() == kEntry);
  }
}
