#include "mua/host.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "delivery/files.h"
#include "mua/error.h"

namespace angarium::mua {
namespace {

using delivery::Descriptor;

constexpr std::size_t kBlock = 65536;

Error cannot(const std::string& what, int number) { return {kHost, what + ": " + strerrordesc_np(number)}; }

Result<> write_whole(int descriptor, std::string_view octets, const std::string& path) {
  while (!octets.empty()) {
    const ssize_t written = write(descriptor, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(cannot(path, errno));
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

/// While it lives, interrupts go to the program that is waited for.
class SignalsAway {
 public:
  SignalsAway() {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGINT, &ignore, &interrupt_);
    sigaction(SIGQUIT, &ignore, &quit_);
  }
  SignalsAway(const SignalsAway&) = delete;
  SignalsAway& operator=(const SignalsAway&) = delete;
  ~SignalsAway() {
    sigaction(SIGINT, &interrupt_, nullptr);
    sigaction(SIGQUIT, &quit_, nullptr);
  }

 private:
  struct sigaction interrupt_{};
  struct sigaction quit_{};
};

[[noreturn]] void become_command(const std::string& shell, const std::string& command, int input, int output) {
  for (const int number : {SIGINT, SIGQUIT, SIGPIPE}) std::signal(number, SIG_DFL);
  if (input >= 0) dup2(input, STDIN_FILENO);
  if (output >= 0) dup2(output, STDOUT_FILENO);
  execl(shell.c_str(), shell.c_str(), "-c", command.c_str(), nullptr);
  _exit(127);
}

struct Pipe {
  Descriptor reads;
  Descriptor writes;
};
Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(cannot("a pipe", errno));
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

/// Gives the input and takes the output as the other side is ready for it.
Result<std::string> exchange(Pipe& to, Pipe& from, std::string_view input) {
  std::string output;
  std::string block(kBlock, '\0');
  fcntl(to.writes.get(), F_SETFL, O_NONBLOCK);
  for (;;) {
    if (input.empty()) to.writes = Descriptor();
    std::array<pollfd, 2> ends{};
    ends[0] = {.fd = from.reads.get(), .events = POLLIN, .revents = 0};
    ends[1] = {.fd = to.writes.get(), .events = POLLOUT, .revents = 0};
    if (poll(ends.data(), ends.size(), -1) < 0 && errno != EINTR) return std::unexpected(cannot("waiting", errno));
    if (ends[1].revents != 0) {
      const ssize_t written = write(to.writes.get(), input.data(), std::min(input.size(), kBlock));
      if (written > 0) input.remove_prefix(static_cast<std::size_t>(written));
      if (written < 0 && errno != EAGAIN && errno != EINTR) input = {};
    }
    if (ends[0].revents == 0) continue;
    const ssize_t got = read(from.reads.get(), block.data(), block.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return output;
    output.append(block, 0, static_cast<std::size_t>(got));
    if (output.size() > kTextMax) return fail(kHost, "the program printed too much");
  }
}

Result<int> wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return std::unexpected(cannot("waiting for a program", errno));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::string in_home(std::string_view path, const std::string& home) {
  if (path == "~") return home;
  return path.starts_with("~/") ? home + std::string(path.substr(1)) : std::string(path);
}

bool file_exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

bool is_folder(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat first{};
  struct stat second{};
  return stat(a.c_str(), &first) == 0 && stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

Result<std::string> read_file(const std::string& path, std::size_t max) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) return std::unexpected(cannot(path, errno));
  if (S_ISDIR(status.st_mode)) return fail(kHost, path + " is a folder");
  std::string content;
  std::string block(kBlock, '\0');
  for (;;) {
    const ssize_t got = read(file.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(cannot(path, errno));
    if (got == 0) return content;
    content.append(block, 0, static_cast<std::size_t>(got));
    if (content.size() > max) return fail(kHost, path + " is larger than " + std::to_string(max) + " octets");
  }
}

Result<> append_file(const std::string& path, std::string_view octets) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) return std::unexpected(cannot(path, errno));
  TRY(write_whole(file.get(), octets, path));
  // What cannot be synced (a terminal, a pipe) is written all the same.
  if (fsync(file.get()) != 0 && errno != EINVAL && errno != EROFS) return std::unexpected(cannot(path, errno));
  return {};
}

Result<> write_new_file(const std::string& path, std::string_view octets, unsigned mode) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (file.get() < 0 && errno == EEXIST) return fail(kHost, path + " is there already, and stays as it is");
  if (file.get() < 0) return std::unexpected(cannot(path, errno));
  auto written = write_whole(file.get(), octets, path);
  if (written && fsync(file.get()) != 0 && errno != EINVAL && errno != EROFS)
    written = std::unexpected(cannot(path, errno));
  if (!written) unlink(path.c_str());
  return written;
}

void remove_file(const std::string& path) { unlink(path.c_str()); }

Result<TemporaryFile> TemporaryFile::make(std::string_view content, std::string_view suffix) {
  const char* folder = std::getenv("TMPDIR");
  std::string path = folder == nullptr || *folder == '\0' ? "/tmp" : folder;
  path += "/mail-XXXXXX" + std::string(suffix);
  const Descriptor file(mkostemps(path.data(), static_cast<int>(suffix.size()), O_CLOEXEC));
  if (file.get() < 0) return std::unexpected(cannot(path, errno));
  TemporaryFile made(path);
  TRY(write_whole(file.get(), content, path));
  return made;
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

Result<int> run_command(const std::string& shell, const std::string& command) {
  const SignalsAway away;
  const pid_t child = fork();
  if (child < 0) return std::unexpected(cannot("starting a program", errno));
  if (child == 0) become_command(shell, command, -1, -1);
  return wait_for(child);
}

Result<int> feed_command(const std::string& shell, const std::string& command, std::string_view input) {
  const SignalsAway away;
  Pipe to = TRY(make_pipe());
  const pid_t child = fork();
  if (child < 0) return std::unexpected(cannot("starting a program", errno));
  if (child == 0) become_command(shell, command, to.reads.get(), -1);
  to.reads = Descriptor();
  // SIGPIPE is ignored by the program that this is: who stops reading ends the giving.
  (void)write_whole(to.writes.get(), input, "");
  to.writes = Descriptor();
  return wait_for(child);
}

Result<Ran> filter_command(const std::string& shell, const std::string& command, std::string_view input) {
  const SignalsAway away;
  Pipe to = TRY(make_pipe());
  Pipe from = TRY(make_pipe());
  const pid_t child = fork();
  if (child < 0) return std::unexpected(cannot("starting a program", errno));
  if (child == 0) become_command(shell, command, to.reads.get(), from.writes.get());
  to.reads = Descriptor();
  from.writes = Descriptor();
  auto output = exchange(to, from, input);
  to.writes = Descriptor();
  from.reads = Descriptor();
  const int status = TRY(wait_for(child));
  return Ran{status, TRY(std::move(output))};
}

std::string shell_word(std::string_view text) {
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'')
      word += "'\\''";
    else
      word += c;
  }
  return word + "'";
}

}  // namespace angarium::mua
