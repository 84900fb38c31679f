// What the steward asks of the host: its users, their passwords, and to become one of them.
#pragma once

#include <optional>
#include <string>

#include "cage/message.h"
#include "cage/types.h"

namespace angarium::cage {

/// Every call is made in a child of the steward's that ends after it, so it may block and leave things behind.
class Host {
 public:
  virtual ~Host() = default;
  /// The user of the name, served or not; kUnavailable when nobody knows now.
  virtual Result<std::optional<User>> find_user(const std::string& name) = 0;
  /// kUnavailable when it cannot be checked now.
  virtual Result<Verdict> check_password(const User& user, const sasl::Secret& password, const std::string& remote) = 0;
  /// Gives this process the rights of the user for good, with `further` as a group beside the user's own where it is
  /// not empty. kUnavailable when it may not.
  virtual Result<> become(const User& user, const std::string& further) = 0;
};

/// getpwnam_r(3), PAM, setresuid(2). Lives as long as the process.
Host& system_host();

/// The name of our file in /etc/pam.d; without it PAM takes /etc/pam.d/other.
inline constexpr const char* kPamService = "angarium";

/// By PAM: authentication and whether the account may be used now. `services`: the folder with PAM's files; null: the
/// host's.
Result<Verdict> check_by_pam(const User& user, const sasl::Secret& password, const std::string& remote,
                             const char* services = nullptr);

}  // namespace angarium::cage
