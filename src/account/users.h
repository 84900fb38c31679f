// People who have mail without an entry in the directory, and whose passwords somebody else keeps: users of the host,
// and those of directories kept elsewhere.
#pragma once

#include <optional>
#include <string>

#include "account/types.h"
#include "io/task.h"
#include "sasl/secret.h"

namespace angarium::account {

/// Awaited on any loop, resumes there; never blocks it. Errors are temporary: it cannot be told now.
class Users {
 public:
  virtual ~Users() = default;

  struct Check {
    enum class Kind : std::uint8_t {
      nobody,  ///< no such user: what was given may be anybody else's name
      wrong,
      right,
    } kind = Kind::nobody;
    Account account;  ///< when right
  };
  /// `name` as who logs in has written it: "anna", or an address. The account is made when it is not there.
  virtual io::Task<Result<Check>> check_password(std::string name, sasl::Secret password, std::string peer) = 0;
  /// The account of who has logged in by this name; nothing when there is no such user any more, or one
  /// who may not log in by the host's password.
  virtual io::Task<Result<std::optional<Account>>> account(std::string name) = 0;
  /// What is kept of the password for SCRAM; nothing where that is not told, or there is no such user.
  virtual io::Task<Result<std::optional<sasl::ScramKeys>>> scram_keys(std::string name, sasl::Hash hash) = 0;
  /// How many iterations those keys have for names like this one, whoever is known by it; 0: none are kept. Any thread.
  [[nodiscard]] virtual std::uint32_t iterations_like([[maybe_unused]] std::string_view name) { return 0; }
};

}  // namespace angarium::account
