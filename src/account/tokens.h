// Who judges bearer tokens (RFC 6750), which somebody else gives to users.
#pragma once

#include <string>

#include "base/result.h"
#include "io/task.h"
#include "sasl/secret.h"

namespace angarium::account {

/// Awaited on any loop, resumes there; never blocks it.
class TokenVerifier {
 public:
  virtual ~TokenVerifier() = default;

  /// The address of the account that the token speaks for. sasl::kBadCredentials for one that is forged or not for
  /// this server; a permanent error of its own for one that is over; temporary errors when it cannot be told now.
  virtual io::Task<Result<std::string>> owner(sasl::Secret token) = 0;
};

}  // namespace angarium::account
