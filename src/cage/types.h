// What the steward and who asks it both know: users of the host, and which of them are served.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace angarium::cage {

/// The steward is gone, does not answer, has too much to do, or what it asked of the host failed: come back later.
inline constexpr ErrorKind kUnavailable{"cage.unavailable", Fault::dependency, Lasting::temporary};
/// Octets that are no request or no answer.
inline constexpr ErrorKind kMalformed{"cage.malformed", Fault::ours, Lasting::permanent};
/// The steward could not be started.
inline constexpr ErrorKind kNotStarted{"cage.not-started", Fault::dependency, Lasting::permanent};

/// Octets of a user's name: LOGIN_NAME_MAX of Linux with its end.
inline constexpr std::size_t kUserNameMax = 256;

/// A user of the host, as getpwnam(3) tells.
struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
  std::string full_name;  ///< the first part of the GECOS field
  friend bool operator==(const User&, const User&) = default;
};

/// Which users there are for mail. Held by the steward, so that who asks cannot have others.
struct Policy {
  uid_t uid_min = 1000;
  uid_t uid_max = 59'999;             ///< Debian policy §9.2.2: dynamically allocated user accounts
  std::vector<std::string> excluded;  ///< names
  /// The group whose members may make files in the folder of mailboxes ("mail" on Debian); empty: none. Deliveries to
  /// mbox files that the operator names have it beside the user's own.
  std::string spool_group = "mail";
};

/// Never uid 0 or gid 0. Of a steward that does not run as root, whose uid is `own`: that user alone.
bool serves(const Policy& policy, const User& user, uid_t own);

/// Whether a user may have the name: letters, digits, "-._+" and octets above 127, no "-" or "." in front, at most
/// kUserNameMax. What fits is safe as a part of a path and of a command line.
bool plausible_user_name(std::string_view name);

}  // namespace angarium::cage
