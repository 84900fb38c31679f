// What mail(1) needs of the host: made once by the program, or by a test.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "delivery/delivery.h"
#include "mua/terminal.h"

namespace angarium::mua {

/// A message that is handed in.
struct Letter {
  std::string sender;   ///< envelope; empty: the user
  std::string message;  ///< CR LF; without Bcc
  std::vector<std::string> recipients;
  std::vector<std::string> options;  ///< words for sendmail
};

/// Octets of a message that are taken into memory; larger ones are refused: neither shown nor saved.
inline constexpr std::size_t kMessageMax = std::size_t{256} << 20;

struct Surroundings {
  Terminal& terminal;
  /// Hands in: it is sent, or will be, when this is done.
  std::function<Result<>(const Letter&)> submit;
  delivery::Surroundings delivery = {};  ///< files, clock, randomness
  std::string user;                      ///< login
  std::string home;
  /// A connected socket whose other end speaks IMAP and knows the user. kNoBox: the server has no mail for this user,
  /// or there is none. Without it there is no such server.
  std::function<Result<int>()> own_store = {};
  std::string spool;  ///< where the user's mail comes to: $MAIL or /var/mail/USER
  std::string shell = "/bin/sh";
  std::string editor = "ed";
  std::string visual = "vi";
  int zone_minutes = 0;  ///< east of Greenwich, for Date fields
  std::size_t message_max = kMessageMax;
};

}  // namespace angarium::mua
