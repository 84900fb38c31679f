// Where mail for a recipient goes besides the own store, and its text form in the configuration, in alias files and in
// .forward:
//   mbox:/var/mail/anna            appended to a file
//   maildir:/home/anna/Maildir/    a file of its own in a folder; "…/Maildir/.Work/" is a subfolder of Maildir++
//   pipe:vacation -a anna          handed to a command that /bin/sh runs
//   exec:/usr/bin/procmail -d anna handed to a program, no shell between: words are cut at blanks, nothing is quoted
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace angarium::delivery {

/// A text that is no target: the words say why.
inline constexpr ErrorKind kBadTarget{"delivery.bad-target", Fault::user, Lasting::permanent};

/// Octets of a target's text. PATH_MAX of the host for files; alias lines hold no longer commands in practice.
inline constexpr std::size_t kTargetMax = 4096;
/// Words of exec:.
inline constexpr std::size_t kArgumentsMax = 64;

struct MboxTarget {
  std::string path;
  friend bool operator==(const MboxTarget&, const MboxTarget&) = default;
};

struct MaildirTarget {
  std::string path;  ///< without '/' at its end
  friend bool operator==(const MaildirTarget&, const MaildirTarget&) = default;
};

/// Who a command runs as.
struct Identity {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;
  friend bool operator==(const Identity&, const Identity&) = default;
};

struct PipeTarget {
  /// Either for /bin/sh -c, or the words of a program whose first is its path.
  std::variant<std::string, std::vector<std::string>> command;

  // What the text form does not say: the account's, and limits.
  std::optional<Identity> identity;  ///< nothing: that of this process, which must not be root's
  std::string user;                  ///< USER and LOGNAME
  std::string home = "/";            ///< HOME, and where the command starts
  std::string shell = "/bin/sh";     ///< SHELL
  std::string path = "/usr/local/bin:/usr/bin:/bin";
  /// Postfix's command_time_limit.
  Duration deadline = std::chrono::seconds{1000};
  /// Of processor time for each process: what counts is the deadline, this stops what outlives its group.
  unsigned cpu_s = 1000;
  unsigned descriptors = 256;
  friend bool operator==(const PipeTarget&, const PipeTarget&) = default;
};

using Target = std::variant<MboxTarget, MaildirTarget, PipeTarget>;

/// Paths begin with '/'. Controls have no place in any of them (kBadTarget).
Result<Target> parse_target(std::string_view text);
/// What parse_target() reads back.
std::string format_target(const Target& target);

}  // namespace angarium::delivery
