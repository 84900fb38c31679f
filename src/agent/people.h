// People of directories kept elsewhere, as who follows addresses asks for them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "account/routes.h"
#include "base/result.h"
#include "io/task.h"

namespace angarium::agent {

/// Any thread.
class People {
 public:
  virtual ~People() = default;
  /// Whether any directory knows addresses of this domain.
  virtual bool serves(std::string_view domain) = 0;
  /// Whose mailbox this address (canonical, without a detail) is; it is made when it is not there. Nothing when nobody
  /// has the address, or who has it is switched off. Blocks; errors are temporary.
  virtual Result<std::optional<account::Destination>> find(const std::string& address) = 0;
  /// The same without blocking the loop. In the seconds that follow find() says the same at once, also that it cannot
  /// be told.
  virtual io::Task<Result<std::optional<account::Destination>>> ask(std::string address) = 0;
};

}  // namespace angarium::agent
