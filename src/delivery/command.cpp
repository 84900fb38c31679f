#include "delivery/command.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "delivery/file_writer.h"

namespace angarium::delivery {
namespace {

/// Descriptors of ours lie above those the child moves its own to.
constexpr int kDescriptorMin = 10;
/// Where the child keeps the pipe that tells of a failed start; exec closes it.
constexpr int kReportDescriptor = 3;
constexpr std::size_t kDrainMax = std::size_t{256} * 1024;

/// What the child says when it cannot start; smaller than PIPE_BUF, so it comes whole.
struct Report {
  enum class What : int { folder, identity, limits, program } what;
  int code;
};
std::string_view name_of(Report::What what) {
  switch (what) {
    case Report::What::folder: return "enter the home of";
    case Report::What::identity: return "take on the user of";
    case Report::What::limits: return "set the limits of";
    case Report::What::program: return "start";
  }
  return "start";
}

struct Pipe {
  Descriptor read;
  Descriptor write;
};
Answer<Descriptor> moved_up(Descriptor descriptor) {
  const int number = ::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, kDescriptorMin);
  if (number < 0) return std::unexpected(errno);
  return Descriptor(number);
}
Answer<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(errno);
  Answer<Descriptor> read = moved_up(Descriptor(ends[0]));
  Answer<Descriptor> write = moved_up(Descriptor(ends[1]));
  if (!read) return std::unexpected(read.error());
  if (!write) return std::unexpected(write.error());
  return Pipe{.read = *std::move(read), .write = *std::move(write)};
}
void set_nonblocking(const Descriptor& descriptor) {
  ::fcntl(descriptor.get(), F_SETFL, ::fcntl(descriptor.get(), F_GETFL) | O_NONBLOCK);
}

/// All that the child needs, made before fork(): after it only calls that are safe in a signal handler are allowed, for
/// other threads may have held any lock.
struct Start {
  std::vector<char*> words;
  std::vector<char*> environment;
  const Command& command;
  int input;
  int output;
  int report;
};
std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

[[noreturn]] void give_up(Report::What what) {
  const Report report{.what = what, .code = errno};
  [[maybe_unused]] const ssize_t written = ::write(kReportDescriptor, &report, sizeof report);
  ::_exit(127);
}

void take_on(const Identity& identity) {
  if (::setgroups(identity.groups.size(), identity.groups.data()) != 0 ||
      ::setresgid(identity.group, identity.group, identity.group) != 0 ||
      ::setresuid(identity.user, identity.user, identity.user) != 0)
    give_up(Report::What::identity);
  if (::setuid(0) == 0) {  // it must not be possible to come back
    errno = EPERM;
    give_up(Report::What::identity);
  }
}

void limit(__rlimit_resource resource, rlim_t value) {
  struct rlimit both{};
  if (::getrlimit(resource, &both) != 0) give_up(Report::What::limits);
  value = std::min(value, both.rlim_max);
  both = {.rlim_cur = value, .rlim_max = value};
  if (::setrlimit(resource, &both) != 0) give_up(Report::What::limits);
}

/// In the child.
[[noreturn]] void become(const Start& start) {
  ::setsid();
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &by_default, nullptr);
  ::dup2(start.input, STDIN_FILENO);
  ::dup2(start.output, STDOUT_FILENO);
  ::dup2(start.output, STDERR_FILENO);
  ::dup3(start.report, kReportDescriptor, O_CLOEXEC);
  ::close_range(kReportDescriptor + 1, UINT_MAX, 0);
  ::umask(077);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, start.command.cpu_s);
  limit(RLIMIT_NOFILE, start.command.descriptors);
  if (start.command.identity) take_on(*start.command.identity);
  if (::chdir(start.command.folder.c_str()) != 0) give_up(Report::What::folder);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(start.words.front(), start.words.data(), start.environment.data());
  give_up(Report::What::program);
}

/// While it lives, this thread gets no signal.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  ~SignalsHeld() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

/// A child that runs, and what is between it and us.
class Child {
 public:
  Child(pid_t process, Descriptor ended, Descriptor output, Descriptor report)
      : process_(process), ended_(std::move(ended)), output_(std::move(output)), report_(std::move(report)) {}

  CommandEnd watch(Moment deadline, CallOff call_off, const Clock& clock) {
    set_nonblocking(output_);
    set_nonblocking(report_);
    while (true) {
      std::array<pollfd, 3> waits{pollfd{.fd = ended_.get(), .events = POLLIN},
                                  pollfd{.fd = output_.get(), .events = POLLIN},
                                  pollfd{.fd = called_off_ ? -1 : call_off.descriptor, .events = call_off.events}};
      const std::int64_t left_ms = (deadline - clock.now()).count() / 1000;
      if (left_ms <= 0) return killed(called_off_ ? CommandEnd::How::called_off : CommandEnd::How::timed_out);
      const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(std::min<std::int64_t>(left_ms, INT_MAX)));
      if (ready < 0) continue;  // interrupted, or no memory for a moment
      if (waits[1].revents != 0) take_output(PIPE_BUF);
      if (waits[0].revents != 0) return finish();
      if (waits[2].revents == 0) continue;
      deadline = std::min(deadline, clock.now() + kEndGrace);
      called_off_ = true;
      signal_all(SIGTERM);
    }
  }

 private:
  void take_output(std::size_t max) {
    std::array<char, PIPE_BUF> octets{};
    for (std::size_t taken = 0; taken < max;) {
      const ssize_t size = ::read(output_.get(), octets.data(), octets.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) {
        if (size == 0) output_ = Descriptor();
        return;
      }
      taken += static_cast<std::size_t>(size);
      const std::size_t room = kCommandOutputMax - kept_.size();
      kept_.append(octets.data(), std::min(room, static_cast<std::size_t>(size)));
    }
  }

  CommandEnd finish() {
    take_output(kDrainMax);
    CommandEnd end{.output = std::move(kept_)};
    Report report{};
    // What it had to say lies there; the end of the pipe may be late, for children of other threads have it until exec.
    if (::read(report_.get(), &report, sizeof report) == sizeof report) {
      reap();
      end.how = CommandEnd::How::not_started;
      end.code = report.code;
      end.trouble = name_of(report.what);
      return end;
    }
    // What it has started does not outlive it.
    if (called_off_) signal_all(SIGKILL);
    const std::optional<int> status = reap();
    if (!status) return end;
    // Only this tells that it has done its work.
    if (called_off_ && *status != 0) {
      end.how = CommandEnd::How::called_off;
      return end;
    }
    end.how = WIFEXITED(*status) ? CommandEnd::How::exited : CommandEnd::How::killed_by_signal;
    end.code = WIFEXITED(*status) ? WEXITSTATUS(*status) : WTERMSIG(*status);
    return end;
  }

  /// The group has the child's number for as long as it is not reaped. Once each: a shell would run its trap twice.
  void signal_all(int signal) const {
    if (::kill(-process_, signal) != 0) ::kill(process_, signal);  // it has not made its group yet
  }

  CommandEnd killed(CommandEnd::How how) {
    signal_all(SIGKILL);
    take_output(kDrainMax);
    reap();
    return {.how = how, .output = std::move(kept_)};
  }

  std::optional<int> reap() {
    int status = 0;
    while (::waitpid(process_, &status, 0) < 0)
      if (errno != EINTR) return std::nullopt;
    return status;
  }

  pid_t process_;
  Descriptor ended_;  // readable when it has
  Descriptor output_;
  Descriptor report_;
  std::string kept_;
  bool called_off_ = false;
};

CommandEnd not_started(int code, std::string trouble = "start") {
  return {.how = CommandEnd::How::not_started, .code = code, .trouble = std::move(trouble)};
}

/// The whole letter, to be read from its beginning and not to be written.
std::expected<Descriptor, CommandEnd> keep(Octets& letter, Files& files) {
  const auto failed = [](int code) { return std::unexpected(not_started(code, "keep the letter for")); };
  const Answer<Descriptor> file = files.create_unnamed();
  if (!file) return failed(file.error());
  FileWriter out(files, *file, 0);
  while (true) {
    const Result<std::string_view> piece = letter.next();
    if (!piece)
      return std::unexpected(CommandEnd{.how = CommandEnd::How::input_failed, .trouble = piece.error().text()});
    const Answer<> written = piece->empty() ? out.flush() : out.write(*piece);
    if (!written) return failed(written.error());
    if (piece->empty()) break;
  }
  Answer<Descriptor> read = files.open_for_reading(*file);
  if (read) read = moved_up(*std::move(read));
  if (!read) return failed(read.error());
  return *std::move(read);
}

bool is_called_off(CallOff call_off) {
  pollfd now{.fd = call_off.descriptor, .events = call_off.events, .revents = 0};
  return ::poll(&now, 1, 0) == 1;
}

pid_t begin(const Start& start) {
  const SignalsHeld held;  // no handler of ours may run in the child
  const pid_t process = ::fork();
  if (process == 0) become(start);
  return process;
}

}  // namespace

CommandEnd run_command(const Command& command, Octets& input, Files& files, const Clock& clock) {
  const Moment deadline = clock.now() + command.deadline;
  auto letter = keep(input, files);
  if (!letter) return std::move(letter).error();
  if (is_called_off(command.call_off)) return {.how = CommandEnd::How::called_off};
  Answer<Pipe> out = open_pipe();
  Answer<Pipe> report = open_pipe();
  for (const Answer<Pipe>* pipe : {&out, &report})
    if (!*pipe) return not_started(pipe->error());
  std::vector<std::string> words = command.words;
  std::vector<std::string> environment = command.environment;
  const pid_t process = begin({.words = pointers(words),
                               .environment = pointers(environment),
                               .command = command,
                               .input = letter->get(),
                               .output = out->write.get(),
                               .report = report->write.get()});
  if (process < 0) return not_started(errno);
  // glibc 2.36 declares pidfd_open() for C only.
  Descriptor ended(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (ended.get() < 0) {
    const int code = errno;
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
    return not_started(code);
  }
  out->write = Descriptor();
  report->write = Descriptor();
  Child child(process, std::move(ended), std::move(out->read), std::move(report->read));
  return child.watch(deadline, command.call_off, clock);
}

}  // namespace angarium::delivery
