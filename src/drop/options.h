// The command line of sendmail(1), as programs have called it for forty years.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "envelope/parameters.h"

namespace angarium::drop {

/// An option that does not exist, without its argument, or with one that means nothing.
inline constexpr ErrorKind kUsage{"drop.usage", Fault::syntax, Lasting::permanent};

/// Exit codes of sysexits.h, in which programs look for what became of their message.
inline constexpr int kExitOk = 0;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitData = 65;
inline constexpr int kExitNoUser = 67;
inline constexpr int kExitUnavailable = 69;
inline constexpr int kExitAgain = 75;

enum class Mode : std::uint8_t {
  deliver,      ///< -bm, and without a mode
  list_queue,   ///< -bp, mailq
  new_aliases,  ///< -bi, -I, newaliases
  flush,        ///< -q
  verify,       ///< -bv
  smtp,         ///< -bs: SMTP over standard input and output
};

struct Options {
  Mode mode = Mode::deliver;
  bool header_recipients = false;     ///< -t: those of To, Cc and Bcc too
  bool dot_ends = true;               ///< without -i: a line that is a dot alone ends the message
  std::optional<std::string> sender;  ///< -f, -r; empty is the null sender
  std::string name;                   ///< -F
  std::optional<envelope::Notify> notify;
  std::optional<envelope::Return> ret;
  std::optional<std::string> envelope_id;
  std::string what;                     ///< with -qI and -qR: the message or the domain that is tried at once
  std::vector<std::string> recipients;  ///< "local@domain" or "local"; an argument may have been a list
};

/// Recipients of one message: what smtp takes of a session (protocol/smtp/policy.h).
inline constexpr std::size_t kRecipientsMax = 1000;

/// The arguments without the program's name. Options that mean nothing here are taken and ignored, as Postfix does.
Result<Options> parse_options(std::span<const std::string> arguments);

/// The addresses of a list as they are kept; nothing where an address has no local part.
std::optional<std::vector<std::string>> addresses_of(std::string_view list);

}  // namespace angarium::drop
