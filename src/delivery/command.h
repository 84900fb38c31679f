// A child process that gets a letter, is watched and ended in time. Linux: pidfd_open, close_range.
#pragma once

#include <string>
#include <vector>

#include "delivery/call_off.h"
#include "delivery/files.h"
#include "delivery/letter.h"
#include "delivery/target.h"

namespace angarium::delivery {

/// Octets of a command's output that are kept.
inline constexpr std::size_t kCommandOutputMax = 4096;

/// What a command that is called off has left to end after SIGTERM; then it is killed.
inline constexpr Duration kEndGrace = std::chrono::seconds(5);

struct Command {
  std::vector<std::string> words;  ///< the first is the program's path
  std::vector<std::string> environment;
  std::string folder;                ///< where it starts
  std::optional<Identity> identity;  ///< taken on before it starts; needs a process of root's
  Duration deadline{};               ///< for all of it
  unsigned cpu_s = 0;
  unsigned descriptors = 0;
  CallOff call_off;
};

struct CommandEnd {
  enum class How {
    exited,
    killed_by_signal,
    timed_out,     ///< its process group was killed
    called_off,    ///< not started, or its process group was ended; what exits with 0 all the same has exited
    not_started,   ///< `code` is errno
    input_failed,  ///< the letter could not be read to its end: not started
    lost,          ///< nobody knows: another part of this process took its exit status
  };
  How how = How::lost;
  int code = 0;         ///< exit status, signal or errno
  std::string output;   ///< of standard output and error together
  std::string trouble;  ///< not_started: what could not be done; input_failed: why
};

/// Writes the letter into a file without a name, then runs the command, whose standard input this file is: whatever
/// becomes of this process, nothing that has an end is less than the whole letter. The command has a session and
/// process group of its own, no descriptor but 0, 1 and 2, no signal ignored or blocked, umask 077 and no core dumps.
/// What it does not read is not missed. Blocks the thread until it has ended; descendants that hold its output open are
/// not waited for. Any number of threads at once.
CommandEnd run_command(const Command& command, Octets& input, Files& files, const Clock& clock);

}  // namespace angarium::delivery
