// The command line of mail(1): POSIX mailx with what bsd-mailx, s-nail and GNU mailutils have taught people.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace angarium::mua {

enum class Task : std::uint8_t {
  send,
  read,     ///< no addresses, no -t
  exists,   ///< -e
  headers,  ///< -H
};

struct Options {
  Task task = Task::read;
  bool has_file = false;
  std::string file;         ///< -f FILE; empty: ~/mbox
  std::string user;         ///< -u: whose mail is read
  bool no_headers = false;  ///< -N
  bool read_only = false;   ///< -R

  std::string subject;  ///< -s
  bool has_subject = false;
  std::vector<std::string> to;  ///< lists of addresses and aliases, as written
  std::vector<std::string> cc;
  std::vector<std::string> bcc;
  std::vector<std::string> attachments;                     ///< -a FILE, -A FILE
  std::vector<std::pair<std::string, std::string>> fields;  ///< -a 'Name: value'
  std::string from;                                         ///< -r
  bool header_recipients = false;                           ///< -t
  bool discard_empty = false;                               ///< -E
  bool escapes = false;                                     ///< -~: also where input is no terminal
  bool dry_run = false;                                     ///< -d: the message is shown, not sent
  std::vector<std::string> submission;                      ///< behind the second "--": words for sendmail

  bool no_system_settings = false;    ///< -n
  bool ignore_interrupts = false;     ///< -i
  std::vector<std::string> settings;  ///< -S name[=value]
};

/// The arguments without the program's name. Options may stand anywhere before "--", as with GNU mailutils. kUsage.
///
/// -a is two things in the world: a header field where it reads "Name: value" (bsd-mailx, GNU), else a file (s-nail).
Result<Options> parse_options(std::span<const std::string> arguments);

/// What -h prints.
std::string_view usage();

}  // namespace angarium::mua
