#include "delivery/pipe.h"

#include <fmt/format.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "delivery/command.h"

namespace angarium::delivery {
namespace {

using message::StatusCode;

struct ExitMeaning {
  int code;
  StatusCode status;
  std::string_view words;
};
/// As Postfix's pipe(8) and local(8) understand sysexits.h.
constexpr std::array kMeanings{
    ExitMeaning{EX_USAGE, {5, 3, 0}, "command line usage error"},
    ExitMeaning{EX_DATAERR, {5, 6, 0}, "data format error"},
    ExitMeaning{EX_NOINPUT, {5, 3, 0}, "cannot open input"},
    ExitMeaning{EX_NOUSER, {5, 1, 1}, "user unknown"},
    ExitMeaning{EX_NOHOST, {5, 1, 2}, "host name unknown"},
    ExitMeaning{EX_UNAVAILABLE, {5, 3, 0}, "service unavailable"},
    ExitMeaning{EX_SOFTWARE, {5, 3, 0}, "internal software error"},
    ExitMeaning{EX_OSERR, {4, 3, 0}, "system resource problem"},
    ExitMeaning{EX_OSFILE, {5, 3, 0}, "critical system file missing"},
    ExitMeaning{EX_CANTCREAT, {5, 2, 0}, "cannot create user output file"},
    ExitMeaning{EX_IOERR, {5, 3, 0}, "input/output error"},
    ExitMeaning{EX_TEMPFAIL, {4, 3, 0}, "temporary failure"},
    ExitMeaning{EX_PROTOCOL, {5, 5, 0}, "remote error in protocol"},
    ExitMeaning{EX_NOPERM, {5, 7, 0}, "permission denied"},
    ExitMeaning{EX_CONFIG, {5, 3, 5}, "local configuration error"},
};

/// The first line that says something.
std::string_view first_line(std::string_view output) {
  while (!output.empty()) {
    std::string_view line = take_until(output, '\n');
    while (!line.empty() && (is_wsp(line.back()) || line.back() == '\r')) line.remove_suffix(1);
    line = trim(line);
    if (!line.empty()) return line;
  }
  return {};
}

/// What sh(1) says of a command it found and could not start, and of one it did not find (POSIX XCU 2.8.2).
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
/// Added by sh(1) to the number of the signal that killed a command.
constexpr int kSignalBase = 128;

/// Of an exit status that is not 0. A line of output that begins with an enhanced status code knows better (pipe(8)).
std::unexpected<Outcome> exit_outcome(int code, std::string_view output) {
  const auto* meaning = std::ranges::find(kMeanings, code, &ExitMeaning::code);
  StatusCode status{.class_code = 5, .subject = 3, .detail = 0};
  std::string words = fmt::format("the command ended with status {}", code);
  if (meaning != kMeanings.end()) {
    status = meaning->status;
    words = meaning->words;
  } else if (code == kNotExecutable || code == kNotFound) {
    // As where no shell is between: the host's trouble, or the operator's, never the sender's.
    status = kWronglyConfigured;
    words = code == kNotFound ? "the command is not found" : "the command cannot be started";
  } else if (code > kSignalBase && code < kSignalBase + NSIG) {
    status = kSystemTrouble;
    words = fmt::format("the command was killed by signal {}", code - kSignalBase);
  }
  const std::string_view line = first_line(output);
  if (const std::optional<StatusCode> told = message::parse_status(line); told && told->class_code != 2) status = *told;
  if (!line.empty()) words += ": " + escape_controls(line);
  return fail(status, std::move(words));
}

Step<> outcome_of(const CommandEnd& end) {
  switch (end.how) {
    case CommandEnd::How::exited:
      if (end.code == 0) return {};
      return exit_outcome(end.code, end.output);
    case CommandEnd::How::killed_by_signal:
      return fail(kSystemTrouble, fmt::format("the command was killed by signal {}", end.code));
    case CommandEnd::How::timed_out: return fail(kSystemTrouble, "the command took too long and was killed");
    case CommandEnd::How::called_off:
      return fail(kSystemTrouble, "the command was ended, for the server ends; it is run again");
    case CommandEnd::How::not_started: return fail_system(end.code, end.trouble, "the command");
    case CommandEnd::How::input_failed: return fail(kSystemTrouble, "the message cannot be read: " + end.trouble);
    case CommandEnd::How::lost: break;
  }
  return fail(kSystemTrouble, "the command's exit status is lost");
}

/// Never root: neither by what is asked nor by what this process is.
Step<> check_identity(const std::optional<Identity>& identity) {
  if (!identity) {
    if (::geteuid() == 0 || ::getuid() == 0)
      return fail(kWronglyConfigured, "a command is not run as root, and no other user is named");
    return {};
  }
  if (identity->user == 0 || identity->group == 0)
    return fail(kWronglyConfigured, "a command is not run as root or with root's group");
  if (std::ranges::find(identity->groups, gid_t{0}) != identity->groups.end())
    return fail(kWronglyConfigured, "a command is not run with root's group");
  if (::geteuid() != 0 && (::geteuid() != identity->user || ::getegid() != identity->group))
    return fail(kWronglyConfigured, "this process may not run a command as another user");
  return {};
}

std::string tame(std::string_view text) {
  std::string safe(text);
  std::ranges::replace_if(safe, [](char c) { return !is_alnum(c) && !"!@%-_=+:,./"sv.contains(c); }, '_');
  return safe;
}

class UnixOctets final : public Octets {
 public:
  explicit UnixOctets(Octets& letter) : letter_(letter) {}
  Result<std::string_view> next() override {
    while (true) {
      if (piece_.empty() && !ended_) {
        piece_ = TRY(letter_.next());
        ended_ = piece_.empty();
      }
      const std::string_view run = ended_ ? lines_.finish() : lines_.take(piece_);
      if (!run.empty() || ended_) return run;
    }
  }

 private:
  Octets& letter_;
  UnixLines lines_;
  std::string_view piece_;
  bool ended_ = false;
};

}  // namespace

std::vector<std::string> environment_of(const PipeTarget& target, const Letter& letter) {
  const std::string& user = target.user.empty() ? letter.recipient.local_part : target.user;
  std::vector<std::string> environment{
      "SENDER=" + (letter.reverse_path.null() ? "" : tame(letter.reverse_path.mailbox->text())),
      "RECIPIENT=" + tame(letter.recipient.text()),
      "LOCAL=" + tame(letter.recipient.local_part),
      "DOMAIN=" + tame(letter.recipient.domain),
      "USER=" + tame(user),
      "LOGNAME=" + tame(user),
      "HOME=" + target.home,
      "SHELL=" + target.shell,
      "PATH=" + target.path,
      "LANG=C"};
  if (!letter.extension.empty()) environment.push_back("EXTENSION=" + tame(letter.extension));
  return environment;
}

Step<std::string> deliver_pipe(const PipeTarget& target, Letter& letter, const Surroundings& surroundings) {
  TRY(check_identity(target.identity));
  Command command{.environment = environment_of(target, letter),
                  .folder = target.home,
                  .identity = ::geteuid() == 0 ? target.identity : std::nullopt,
                  .deadline = target.deadline,
                  .cpu_s = target.cpu_s,
                  .descriptors = target.descriptors,
                  .call_off = surroundings.call_off};
  if (const auto* line = std::get_if<std::string>(&target.command))
    command.words = {"/bin/sh", "-c", *line};
  else
    command.words = std::get<std::vector<std::string>>(target.command);
  LetterOctets octets(letter);
  UnixOctets input(octets);
  const CommandEnd end = run_command(command, input, surroundings.files, surroundings.clock);
  TRY(outcome_of(end));
  const std::string_view said = first_line(end.output);
  return said.empty() ? "delivered to command" : "delivered to command: " + escape_controls(said);
}

}  // namespace angarium::delivery
