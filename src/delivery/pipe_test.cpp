#include "delivery/pipe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.h"
#include "delivery/command.h"
#include "delivery/files_faulty.h"
#include "delivery/testing.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::delivery;
using namespace angarium::delivery::test;
using namespace std::string_literals;

namespace {

constexpr uid_t kNobody = 65534;
/// What a command gets of kMessage.
constexpr std::string_view kGiven =
    "Return-Path: <a@example.org>\nDelivered-To: anna@example.org\n"
    "From: a@example.org\nSubject: x\n\nFrom the first line\n\n>From x\n.\n";

/// Somebody else than root: this process, or nobody.
std::optional<Identity> ordinary() {
  if (::geteuid() != 0) return std::nullopt;
  return Identity{.user = kNobody, .group = kNobody, .groups = {kNobody}};
}

PipeTarget shell(std::string command) { return {.command = std::move(command), .identity = ordinary()}; }
PipeTarget program(std::vector<std::string> words) { return {.command = std::move(words), .identity = ordinary()}; }

Outcome run(const PipeTarget& target, std::string_view message = kMessage) {
  OctetsInMemory octets(message);
  return deliver(target, letter_of(octets));
}

/// Whether it is dead, be it as a zombie, or dies now: who was killed ends when its turn on a processor comes.
bool ends(const std::string& process) {
  const int number = static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(process), 0));
  if (number < 0) return true;
  pollfd ended{.fd = number, .events = POLLIN, .revents = 0};
  const bool dead = ::poll(&ended, 1, 30'000) == 1;
  ::close(number);
  return dead;
}

}  // namespace

TEST_CASE("a command reads the letter with its new fields, lines ending with LF") {
  const TemporaryFolder folder;
  const Outcome outcome = run(shell("cat >" + folder.path("got")));
  CHECK(outcome.status.text() == "2.0.0");
  CHECK(outcome.words == "delivered to command");
  CHECK(octets_of(folder.path("got")) == kGiven);
  CHECK(mode_of(folder.path("got")) == 0600);
  CHECK(run(shell("echo; echo ' two  words '; echo more")).words == "delivered to command: two  words");
}

TEST_CASE("a letter of any size and any cuts comes through") {
  const TemporaryFolder folder;
  std::vector<std::string> pieces;
  std::string whole;
  for (int i = 0; i < 3000; ++i) {
    pieces.push_back(std::string(static_cast<std::size_t>(i % 211 + 1), 'x') + (i % 3 == 0 ? "\r" : "\r\n"));
    whole += pieces.back();
  }
  whole += '\n';
  pieces.emplace_back("\n");
  PiecewiseOctets octets(pieces);
  Letter letter = letter_of(octets);
  letter.fields.clear();
  CHECK(deliver(shell("cat >" + folder.path("got")), letter).delivered());
  std::string expected;
  for (std::size_t i = 0; i < whole.size(); ++i)
    if (whole[i] != '\r' || (i + 1 < whole.size() && whole[i + 1] != '\n')) expected += whole[i];
  CHECK(octets_of(folder.path("got")) == expected);
}

TEST_CASE("the environment is the letter's and the account's and nothing of ours; the wire's octets are tamed") {
  const TemporaryFolder folder;
  ::setenv("ANGARIUM_SECRET", "1", 1);
  PipeTarget target = program({"/usr/bin/env"});
  target.user = "anna";
  target.home = folder.path();
  target.shell = "/bin/zsh";
  OctetsInMemory octets(kMessage);
  Letter letter = letter_of(octets);
  letter.reverse_path.mailbox->local_part = "() { :;}; `x` $y \"z\"";
  letter.recipient.local_part = "anna+it's";
  letter.extension = "it's";
  const std::vector<std::string> environment = environment_of(target, letter);
  CHECK(environment == std::vector<std::string>{"SENDER=______:_____x___y___z___@example.org",
                                                "RECIPIENT=anna+it_s@example.org", "LOCAL=anna+it_s",
                                                "DOMAIN=example.org", "USER=anna", "LOGNAME=anna",
                                                "HOME=" + folder.path(), "SHELL=/bin/zsh",
                                                "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C", "EXTENSION=it_s"});
  // /usr/bin/env tells what it really gets.
  target.command = std::vector<std::string>{"/bin/sh", "-c", "exec /usr/bin/env >env"};
  CHECK(deliver(target, letter).delivered());
  std::string got = octets_of(folder.path("env"));
  CHECK_FALSE(got.contains("ANGARIUM_SECRET"));
  for (const std::string& each : environment) CHECK(("\n" + got).contains("\n" + each + "\n"));
  letter.reverse_path = {};
  CHECK(environment_of(target, letter).front() == "SENDER=");
}

TEST_CASE(
    "sysexits.h says what became of it; no command, or one that a signal killed, is tried again; all others are for "
    "ever") {
  const std::pair<int, std::string_view> meanings[] = {
      {0, "2.0.0"},   {1, "5.3.0"},   {2, "5.3.0"},   {63, "5.3.0"},  {64, "5.3.0"},  {65, "5.6.0"},
      {66, "5.3.0"},  {67, "5.1.1"},  {68, "5.1.2"},  {69, "5.3.0"},  {70, "5.3.0"},  {71, "4.3.0"},
      {72, "5.3.0"},  {73, "5.2.0"},  {74, "5.3.0"},  {75, "4.3.0"},  {76, "5.5.0"},  {77, "5.7.0"},
      {78, "5.3.5"},  {79, "5.3.0"},  {125, "5.3.0"}, {126, "4.3.5"}, {127, "4.3.5"}, {128, "5.3.0"},
      {129, "4.3.0"}, {137, "4.3.0"}, {192, "4.3.0"}, {193, "5.3.0"}, {255, "5.3.0"}};
  for (const auto& [code, status] : meanings) {
    CAPTURE(code);
    CHECK(run(shell(fmt::format("exit {}", code))).status.text() == status);
  }
}

TEST_CASE("the first line of output is the reason, and a status code at its beginning counts") {
  const Outcome plain = run(shell("echo; echo 'no such  user' >&2; echo more; exit 67"));
  CHECK(plain.status.text() == "5.1.1");
  CHECK(plain.words == "user unknown: no such  user");
  CHECK(run(shell("echo 4.2.2 mailbox full; exit 1")).status.text() == "4.2.2");
  CHECK(run(shell("echo 5.7.1 no; exit 75")).status.text() == "5.7.1");
  CHECK(run(shell("echo 2.0.0 fine; exit 1")).status.text() == "5.3.0");
  CHECK(run(shell("printf 'a\\033[31m\\tb\\r\\n'; exit 1")).words ==
        "the command ended with status 1: a\\x1b[31m\\x09b");
}

TEST_CASE("a command that is killed by a signal is tried again") {
  const Outcome outcome = run(shell("kill -TERM $$"));
  CHECK(outcome.status.text() == "4.3.0");
  CHECK(outcome.words == "the command was killed by signal 15");
}

TEST_CASE("the shell between changes nothing of what a missing command and a signal mean") {
  CHECK(run(shell("/no/such/program; exit $?")).status.text() == "4.3.5");
  CHECK(run(shell("/etc/passwd; exit $?")).status.text() == "4.3.5");
  const Outcome killed = run(shell("sh -c 'kill -9 $$'; exit $?"));
  CHECK(killed.status.text() == "4.3.0");
  CHECK(killed.words == "the command was killed by signal 9: Killed");
}

TEST_CASE("what a command does not read is not missed: its status counts") {
  std::string message = "A: b\r\n\r\n";
  message.resize(2'000'000, 'x');
  CHECK(run(shell("exit 0"), message).delivered());
  CHECK(run(shell("exec <&-; exit 75"), message).status.text() == "4.3.0");
  CHECK(run(shell("head -c 10 >/dev/null; exit 67"), message).status.text() == "5.1.1");
  CHECK(run(shell("exec <&- >&- 2>&-; exit 0"), message).delivered());
}

TEST_CASE("at the deadline the command is killed with all that it started") {
  const TemporaryFolder folder;
  PipeTarget target =
      shell(fmt::format("(echo $BASHPID; sh -c 'echo $$ >{}; exec sleep 1000') & echo $$ >{}; exec sleep 1000",
                        folder.path("child"), folder.path("self")));
  target.deadline = std::chrono::milliseconds{700};
  const Outcome outcome = run(target);
  CHECK(outcome.status.text() == "4.3.0");
  CHECK(outcome.words == "the command took too long and was killed");
  for (const char* name : {"self", "child"}) {
    const std::string process = octets_of(folder.path(name));
    REQUIRE_FALSE(process.empty());
    CHECK(ends(process));
  }
}

namespace {

/// A command that makes a file when it runs, and what becomes of it when it is called off then.
Outcome called_off(const TemporaryFolder& folder, const std::string& command) {
  const int event = ::eventfd(0, EFD_CLOEXEC);
  std::thread calls([&] {
    while (octets_of(folder.path("runs")).empty()) std::this_thread::yield();
    ::eventfd_write(event, 1);
  });
  OctetsInMemory octets(kMessage);
  const Outcome outcome = deliver(shell(fmt::format("cd {}; {}", folder.path(), command)), letter_of(octets),
                                  {.call_off = {.descriptor = event, .events = POLLIN}});
  calls.join();
  ::close(event);
  return outcome;
}

}  // namespace

TEST_CASE("a command that is called off is ended in order with all that it started, and run again") {
  const TemporaryFolder folder;
  const Outcome outcome = called_off(folder, "sleep 600 & echo $! >runs; cat >/dev/null; wait");
  CHECK(outcome.status.text() == "4.3.0");
  CHECK(ends(std::string(trim(octets_of(folder.path("runs"))))));
  // What it says while it ends is for ever to nobody.
  folder.clear();
  CHECK(called_off(folder, "trap 'echo 5.1.1 no; exit 67' TERM; echo 1 >runs; sleep 600 & wait").status.text() ==
        "4.3.0");
}

TEST_CASE("a command that is called off and ends well all the same has done its work") {
  const TemporaryFolder folder;
  CHECK(called_off(folder, "trap 'echo done >end; exit 0' TERM; echo 1 >runs; sleep 600 & wait").delivered());
  CHECK(octets_of(folder.path("end")) == "done\n");
}

TEST_CASE("a command that is called off hears of it once") {
  const TemporaryFolder folder;
  for (int i = 0; i < 20; ++i) {
    folder.clear();
    CHECK(called_off(folder, "trap 'echo again >>end; cat >/dev/null; exit 0' TERM; echo 1 >runs; sleep 600 & wait")
              .delivered());
    CHECK(octets_of(folder.path("end")) == "again\n");
  }
}

TEST_CASE("a command that is called off still has the whole letter to read, and one that stays is killed") {
  const TemporaryFolder folder;
  CHECK(called_off(folder, "trap 'cat >got; exit 0' TERM; echo 1 >runs; sleep 600 & wait").delivered());
  CHECK(octets_of(folder.path("got")) == kGiven);
  folder.clear();
  CHECK(called_off(folder, "trap '' TERM; echo 1 >runs; while :; do sleep 1; done").temporary());
}

TEST_CASE("a command that is called off while its letter is read is not started") {
  const TemporaryFolder folder;
  const int event = ::eventfd(0, EFD_CLOEXEC);
  PiecewiseOctets octets({std::string(kMessage)});
  octets.before_end = [&] { ::eventfd_write(event, 1); };
  // Of children that have been reaped: one that was ended at once leaves no other trace.
  const auto faults = [] {
    struct rusage all{};
    ::getrusage(RUSAGE_CHILDREN, &all);
    return all.ru_minflt;
  };
  const auto before = faults();
  const Outcome outcome = deliver(shell("trap '' TERM; echo >" + folder.path("ran")), letter_of(octets),
                                  {.call_off = {.descriptor = event, .events = POLLIN}});
  ::close(event);
  CHECK(outcome.status.text() == "4.3.0");
  CHECK(names_in(folder.path()).empty());
  CHECK(faults() == before);
}

TEST_CASE("a descendant that keeps the output open is not waited for") {
  const TemporaryFolder folder;
  CHECK(run(shell("sleep 1000 & echo $! >" + folder.path("child") + "; exit 0")).delivered());
  const pid_t left = static_cast<pid_t>(std::stoi(octets_of(folder.path("child"))));
  CHECK(::kill(left, SIGKILL) == 0);
}

TEST_CASE("a command has no descriptor but three, and signals as usual") {
  const int open = ::fcntl(STDIN_FILENO, F_DUPFD, 50);  // without FD_CLOEXEC
  sigset_t before;
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  auto* const handler = ::signal(SIGPIPE, SIG_IGN);
  const TemporaryFolder folder;
  CHECK(run(shell("ls /proc/self/fd >" + folder.path("fd") + "; grep ^Sig /proc/self/status >" + folder.path("sig")))
            .delivered());
  ::signal(SIGPIPE, handler);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(open);
  CHECK(octets_of(folder.path("fd")) == "0\n1\n2\n3\n");  // 3 is the folder that ls reads
  const std::string signals = octets_of(folder.path("sig"));
  CHECK(signals.contains("SigBlk:\t0000000000000000\n"));
  CHECK(signals.contains("SigIgn:\t0000000000000000\n"));
}

TEST_CASE("a command's limits hold: cores, descriptors, processor time") {
  const TemporaryFolder folder;
  PipeTarget target =
      shell("ulimit -c >" + folder.path("c") + "; ulimit -n >" + folder.path("n") + "; ulimit -t >" + folder.path("t"));
  target.descriptors = 99;
  target.cpu_s = 7;
  CHECK(run(target).delivered());
  CHECK(octets_of(folder.path("c")) == "0\n");
  CHECK(octets_of(folder.path("n")) == "99\n");
  CHECK(octets_of(folder.path("t")) == "7\n");
}

TEST_CASE("of the output kCommandOutputMax octets are kept") {
  for (const std::size_t size : {kCommandOutputMax, kCommandOutputMax + 1, std::size_t{300'000}}) {
    OctetsInMemory input("");
    const Command command{.words = {"/bin/sh", "-c", fmt::format("head -c {} /dev/zero", size)},
                          .environment = {"PATH=/bin:/usr/bin"},
                          .folder = "/",
                          .deadline = std::chrono::seconds{60},
                          .cpu_s = 60,
                          .descriptors = 20};
    const CommandEnd end = run_command(command, input, local_files(), system_clock());
    CHECK(end.how == CommandEnd::How::exited);
    CHECK(end.code == 0);
    CHECK(end.output.size() == kCommandOutputMax);
  }
}

TEST_CASE("nothing is run as root, whoever asks") {
  PipeTarget target = shell("exit 0");
  for (const Identity& identity : {Identity{.user = 0, .group = kNobody}, Identity{.user = kNobody, .group = 0},
                                   Identity{.user = kNobody, .group = kNobody, .groups = {kNobody, 0}}}) {
    target.identity = identity;
    const Outcome outcome = run(target);
    CHECK(outcome.status.text() == "4.3.5");
    CHECK(outcome.words.contains("root"));
  }
  if (::geteuid() == 0) {
    target.identity.reset();
    CHECK(run(target).status.text() == "4.3.5");
  } else {
    target.identity = Identity{.user = ::geteuid() + 1, .group = ::getegid()};
    CHECK(run(target).status.text() == "4.3.5");
  }
}

TEST_CASE("a process of root's runs commands as the user that is named, with that user's groups alone") {
  if (::geteuid() != 0) return;
  const TemporaryFolder folder;
  PipeTarget target = shell("id -u; id -ru; id -g; id -G");
  target.identity = Identity{.user = 4321, .group = 4322, .groups = {4323, 4324}};
  target.command = "(id -u; id -ru; id -g; id -G) >" + folder.path("id");
  CHECK(run(target).delivered());
  CHECK(octets_of(folder.path("id")) == "4321\n4321\n4322\n4322 4323 4324\n");
}

TEST_CASE("what cannot be started is tried again, and the words say what was wrong") {
  CHECK(run(program({"/nonexistent/program"})).status.text() == "4.3.5");
  CHECK(run(program({"/nonexistent/program"})).words == "cannot start the command: No such file or directory");
  CHECK(run(program({"/etc/passwd"})).status.text() == "4.3.5");
  PipeTarget target = shell("exit 0");
  target.home = "/nonexistent";
  CHECK(run(target).words == "cannot enter the home of the command: No such file or directory");
}

TEST_CASE("without a whole letter no command is started: none that cannot be read, none that cannot be kept") {
  const TemporaryFolder folder;
  const PipeTarget target = shell("echo >" + folder.path("ran"));
  PiecewiseOctets broken({std::string(kMessage)});
  broken.fails = true;
  const Outcome unread = deliver(target, letter_of(broken));
  CHECK(unread.status.text() == "4.3.0");
  CHECK(unread.words.contains("the store is away"));
  ManualClock clock;
  FaultyFiles files(1, clock);
  std::string message(kMessage);
  message.resize(500'000, 'x');
  for (const std::uint64_t room : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{400'000}}) {
    OctetsInMemory octets(message);
    files.arm({.room = room});
    const Outcome full = deliver(target, letter_of(octets), {.files = files});
    CHECK(full.status.text() == "4.3.1");
    CHECK(full.words == "cannot keep the letter for the command: No space left on device");
  }
  // Whatever call fails.
  for (std::uint64_t call = 1;; ++call) {
    CHECK(names_in(folder.path()).empty());
    OctetsInMemory octets(message);
    files.arm({.fail_at = call, .write_octets_max = 100'000});
    const Outcome outcome = deliver(target, letter_of(octets), {.files = files});
    if (files.calls() < call) {
      CHECK(outcome.delivered());
      break;
    }
    CHECK(outcome.status.text() == "4.3.0");
  }
}

namespace {

/// TMPDIR, for as long as it lives.
class TemporaryFilesIn {
 public:
  explicit TemporaryFilesIn(const std::string& folder) {
    if (const char* before = ::getenv("TMPDIR")) before_ = before;
    ::setenv("TMPDIR", folder.c_str(), 1);
  }
  TemporaryFilesIn(const TemporaryFilesIn&) = delete;
  TemporaryFilesIn& operator=(const TemporaryFilesIn&) = delete;
  ~TemporaryFilesIn() {
    if (before_)
      ::setenv("TMPDIR", before_->c_str(), 1);
    else
      ::unsetenv("TMPDIR");
  }

 private:
  std::optional<std::string> before_;
};

/// Of files that this process has open, those whose path begins so.
std::size_t open_files(const std::string& beginning) {
  std::size_t count = 0;
  std::error_code gone;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
    count += std::filesystem::read_symlink(each, gone).string().starts_with(beginning) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a command's input is the whole letter in a file without a name; it may be opened again, and not written") {
  const TemporaryFolder folder;
  const TemporaryFolder temporary;
  const std::string in_memory = "/memfd:letter";
  for (const auto& [where, path] : {std::pair{temporary.path(), temporary.path()}, {"/nonexistent", in_memory}}) {
    CAPTURE(where);
    const TemporaryFilesIn here(where);
    PiecewiseOctets octets({std::string(kMessage)});
    octets.before_end = [&] {
      CHECK(open_files(path) == 1);
      // No child, not even a dead one: nobody reads yet.
      siginfo_t info{};
      const bool none = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
      CHECK(none);
    };
    const ::mode_t mask = ::umask(077);
    const Outcome outcome = deliver(
        shell("cd " + folder.path() +
              "; cp /proc/self/fdinfo/0 facts; stat -L -c '%h %a' /dev/stdin >names; cat /dev/stdin >again; cat >got"
              "; cat /proc/self/fd/0 >third; for how in '>&0' '>/dev/stdin' '>>/dev/stdin' '1<>/dev/stdin'"
              R"(; do sh -c "echo x $how" && echo "$how" >>wrote; done; ln -L /proc/self/fd/0 name; exit 0)"),
        letter_of(octets));
    ::umask(mask);
    CHECK(outcome.delivered());
    CHECK(octets_of(folder.path("facts")).starts_with("pos:\t0\n"));
    CHECK(octets_of(folder.path("names")) == "0 444\n");
    for (const char* name : {"again", "got", "third"}) CHECK(octets_of(folder.path(name)) == kGiven);
    CHECK(names_in(folder.path()) == std::vector<std::string>{"again", "facts", "got", "names", "third"});
    CHECK(open_files(path) == 0);
    CHECK(names_in(temporary.path()).empty());
    folder.clear();
  }
}

TEST_CASE("words of exec: are the program's, no shell sees them") {
  const TemporaryFolder folder;
  const PipeTarget target =
      program({"/bin/sh", "-c", "printf '%s\\n' \"$@\" >" + folder.path("words"), "sh", "$HOME", "*", ";"});
  CHECK(run(target).delivered());
  CHECK(octets_of(folder.path("words")) == "$HOME\n*\n;\n");
}

TEST_CASE("many commands at once, each with its own letter") {
  const TemporaryFolder folder;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 5; ++i) {
        const std::string name = fmt::format("{}-{}", thread, i);
        if (!run(shell("tail -n 1 >" + folder.path(name)), "A: b\r\n\r\n" + name + "\r\n").delivered()) std::abort();
      }
    });
  threads.clear();
  CHECK(names_in(folder.path()).size() == 20);
  for (const std::string& name : names_in(folder.path())) CHECK(octets_of(folder.path(name)) == name + "\n");
}

TEST_CASE("a command whose server is killed goes on, and has the whole letter") {
  const TemporaryFolder folder;
  const std::string told = folder.path("told");
  const std::string go = folder.path("go");
  for (const std::string& fifo : {told, go}) {
    REQUIRE(::mkfifo(fifo.c_str(), 0666) == 0);
    REQUIRE(::chmod(fifo.c_str(), 0666) == 0);
  }
  std::string message = "A: b\r\n\r\n";
  message.resize(2'000'000, 'x');
  const pid_t server = ::fork();
  if (server == 0) {
    OctetsInMemory octets(message);
    (void)deliver(shell(fmt::format("cd {}; head -c 100 >first; echo $$ >told; read word <go; cat >rest; echo >done",
                                    folder.path())),
                  letter_of(octets));
    ::_exit(0);
  }
  REQUIRE(server > 0);
  std::string command;
  std::ifstream(told) >> command;
  REQUIRE(::kill(server, SIGKILL) == 0);
  REQUIRE(::waitpid(server, nullptr, 0) == server);
  std::ofstream(go) << "on\n";
  CHECK(ends(command));
  CHECK(octets_of(folder.path("first")) + octets_of(folder.path("rest")) ==
        "Return-Path: <a@example.org>\nDelivered-To: anna@example.org\nA: b\n\n" + message.substr(8));
  CHECK(std::filesystem::exists(folder.path("done")));
}
