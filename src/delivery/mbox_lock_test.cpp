#include "delivery/mbox_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

#include <thread>

#include "delivery/files_faulty.h"
#include "delivery/testing.h"
#include "message/mbox.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::delivery;
using namespace angarium::delivery::test;

namespace {

constexpr std::uint64_t kProcess = 4711;

struct Bench {
  Outcome deliver(Octets& message) {
    return delivery::deliver(MboxTarget{.path = box}, letter_of(message),
                             {.files = files, .clock = clock, .random = random, .host = "host", .process = kProcess});
  }
  Outcome deliver() {
    OctetsInMemory octets(kMessage);
    return deliver(octets);
  }
  /// A lock file, so many seconds old.
  void put_lock(std::string_view text, std::int64_t age_s = 0) {
    put_file(lock, text);
    const utimbuf times{.actime = ::time(nullptr) - age_s, .modtime = ::time(nullptr) - age_s};  // tidy: utime(2)
    REQUIRE(::utime(lock.c_str(), &times) == 0);
  }
  void expect_busy() {
    const Moment begin = clock.now();
    const Outcome outcome = deliver();
    CHECK(outcome.status.text() == "4.2.0");
    CHECK(outcome.words.contains("locked by another program"));
    CHECK(clock.now() - begin >= kLockWait);
    CHECK(clock.now() - begin < kLockWait + std::chrono::seconds{1});
    CHECK(octets_of(box).empty());
  }
  void expect_delivered() {
    CHECK(deliver().delivered());
    CHECK_FALSE(octets_of(box).empty());
    CHECK(names_in(folder.path()) == std::vector<std::string>{"box"});
    std::filesystem::remove(box);
  }

  TemporaryFolder folder;
  std::string box = folder.path("box");
  std::string lock = folder.path("box.lock");
  ManualClock clock;
  SeededRandom random{1};
  FaultyFiles files{1, clock};
};

/// Holds the process lock of a file in another process, as lockf(3) takes it.
class OtherProcess {
 public:
  explicit OtherProcess(const std::string& path) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    process_ = ::fork();
    if (process_ == 0) {
      const int file = ::open(path.c_str(), O_RDWR);
      struct flock whole{};
      whole.l_type = F_WRLCK;
      char answer = ::fcntl(file, F_SETLK, &whole) == 0 ? 'y' : 'n';
      if (::write(ready[1], &answer, 1) == 1) ::pause();
      ::_exit(0);
    }
    char answer = 0;
    REQUIRE(::read(ready[0], &answer, 1) == 1);
    held = answer == 'y';
    ::close(ready[0]);
    ::close(ready[1]);
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;
  ~OtherProcess() { end(); }
  void end() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  bool held = false;

 private:
  pid_t process_ = 0;
};

}  // namespace

TEST_CASE("while a letter is written both locks are held, the dot file with process and host; then neither") {
  Bench bench;
  PiecewiseOctets octets({std::string(kMessage)});
  bool looked = false;
  octets.before_end = [&] {
    looked = true;
    CHECK(octets_of(bench.lock) == "4711:host");
    CHECK(names_in(bench.folder.path()) == std::vector<std::string>{"box", "box.lock"});
    CHECK_FALSE(OtherProcess(bench.box).held);
  };
  CHECK(bench.deliver(octets).delivered());
  CHECK(looked);
  CHECK_FALSE(std::filesystem::exists(bench.lock));
  CHECK(OtherProcess(bench.box).held);
}

TEST_CASE("a process lock of another program is waited for, so long, and no dot file is held meanwhile") {
  Bench bench;
  put_file(bench.box, "");
  OtherProcess other(bench.box);
  REQUIRE(other.held);
  bench.files.on_pause = [&] { CHECK_FALSE(std::filesystem::exists(bench.lock)); };
  bench.expect_busy();
  bench.files.on_pause = [&] { other.end(); };
  bench.expect_delivered();
}

TEST_CASE("a dot file of another program is waited for, and the fcntl lock given up meanwhile") {
  Bench bench;
  bench.files.running = {{12, 0}};
  bench.put_lock("12");
  bench.files.on_pause = [&] { CHECK(OtherProcess(bench.box).held); };
  bench.expect_busy();
  CHECK(octets_of(bench.lock) == "12");
  bench.files.on_pause = [&] { std::filesystem::remove(bench.lock); };
  bench.expect_delivered();
}

TEST_CASE("a dot file is left over when its process is dead on this host, or our own; else when it is old") {
  Bench bench;
  bench.files.running = {{12, 0}, {kProcess, 0}};
  for (const char* text : {"13", "13\n", "13:host", "13:host\n", "4711:host", "4711"}) {
    CAPTURE(text);
    bench.put_lock(text);
    bench.expect_delivered();
  }
  for (const char* text : {"12:host\n", "12"}) {
    CAPTURE(text);
    bench.put_lock(text, kDotFileStale_s * 100);  // it lives, however long
    bench.expect_busy();
  }
  for (const char* text : {"13:elsewhere", "0", "", "procmail", "-1", "99999999999", "4294967309"}) {
    CAPTURE(text);
    bench.put_lock(text, kDotFileStale_s - 60);
    bench.expect_busy();
    bench.put_lock(text, kDotFileStale_s + 60);
    bench.expect_delivered();
  }
}

TEST_CASE("a dot file whose process' number a younger process has got is left over once it is old") {
  Bench bench;
  const std::int64_t now_s = ::time(nullptr);  // tidy: of the file system
  const std::int64_t age_s = kDotFileStale_s + 60;
  for (const char* text : {"12:host", "12"}) {
    CAPTURE(text);
    bench.files.running = {{12, now_s - age_s + 30}};
    bench.put_lock(text, age_s);
    bench.expect_delivered();
    // As old as the file at least: it may well have made it.
    for (const std::int64_t began : {now_s - age_s, now_s - age_s - 1, std::int64_t{0}}) {
      bench.files.running = {{12, began - 1}};
      bench.put_lock(text, age_s);
      bench.expect_busy();
    }
    // The file system's clock may be another than this host's.
    bench.files.running = {{12, now_s}};
    bench.put_lock(text, kDotFileStale_s - 60);
    bench.expect_busy();
  }
}

TEST_CASE("when a process began is told by the host, for one that runs") {
  Files& files = local_files();
  const std::int64_t before_s = ::time(nullptr);  // tidy: of the host
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  REQUIRE(child > 0);
  const auto number = static_cast<std::uint64_t>(child);
  const auto began = files.process_began(number);
  REQUIRE(began);
  CHECK(*began >= before_s - 2);         // two clocks, each told in whole seconds
  CHECK(*began <= ::time(nullptr) + 2);  // tidy: of the host
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK_FALSE(files.process_began(number));
  CHECK(files.process_began(1).value_or(INT64_MAX) <= *began);
}

TEST_CASE("what is no file is nobody's lock file to break") {
  Bench bench;
  std::filesystem::create_symlink(bench.folder.path("nothing"), bench.lock);
  bench.expect_busy();
  std::filesystem::remove(bench.lock);
  std::filesystem::create_directory(bench.lock);
  bench.expect_busy();
}

TEST_CASE("in a folder that may not be written the fcntl lock has to do, but a lock file that is there counts") {
  Bench bench;
  bench.files.running = {{12, 0}};
  for (const int code : {EACCES, EPERM, EROFS}) {
    put_file(bench.box, "");
    bench.files.arm({.create_code = code});
    bench.expect_delivered();
    put_file(bench.box, "");
    bench.put_lock("12:host");
    bench.expect_busy();
    std::filesystem::remove(bench.lock);
  }
}

TEST_CASE("a file that was moved away before its lock was had is not written") {
  for (const bool replaced : {false, true}) {
    Bench bench;
    put_file(bench.box, "");
    const std::string moved = bench.folder.path("moved");
    bench.files.on_lock = [&] {
      if (std::filesystem::exists(moved)) return;
      std::filesystem::rename(bench.box, moved);
      if (replaced) put_file(bench.box, "");
    };
    CHECK(bench.deliver().delivered());
    CHECK(octets_of(moved).empty());
    CHECK_FALSE(octets_of(bench.box).empty());
  }
}

TEST_CASE("deliveries of many threads lose and mix nothing") {
  TemporaryFolder folder;
  const std::string box = folder.path("box");
  constexpr int kThreads = 4;
  constexpr int kLetters = 8;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&] {
      for (int i = 0; i < kLetters; ++i) {
        OctetsInMemory octets(kMessage);
        if (!deliver(MboxTarget{.path = box}, letter_of(octets)).delivered()) std::abort();
      }
    });
  threads.clear();
  TemporaryFolder other;
  OctetsInMemory octets(kMessage);
  REQUIRE(deliver(MboxTarget{.path = other.path("box")}, letter_of(octets)).delivered());
  const std::string one = octets_of(other.path("box"));
  std::string all;
  for (int i = 0; i < kThreads * kLetters; ++i) all += one;
  CHECK(octets_of(box) == all);
}
