// Whom access control lists speak of, and whose the mailboxes are that they open to others.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "account/directory.h"
#include "io/one_for_all.h"
#include "io/pool.h"
#include "io/task.h"

namespace angarium::agent {

/// An identifier of a list that is no user's.
inline constexpr ErrorKind kNobody{"agent.nobody", Fault::user, Lasting::permanent};
/// Everybody who has logged in by a name (RFC 4314 §2); guests have not.
inline constexpr std::string_view kAnyone = "anyone";

/// The one form in which lists have whom somebody named: "anyone", or the address of an account; a name without a
/// domain is one of `domain`. kNobody. Blocks: for pools.
Result<std::string> access_identifier(account::Directory& directory, std::string_view domain, std::string written);

/// The addresses of accounts by their ids. One for each directory, used from any loop.
class Owners {
 public:
  Owners(account::Directory& directory, io::Pool& pool) : directory_(directory), pool_(pool) {}
  /// Empty: no account has that id.
  io::Task<Result<std::string>> address(account::AccountId id);

 private:
  io::Task<Result<>> read_all();

  account::Directory& directory_;
  io::Pool& pool_;
  io::OneForAll reading_;
  std::mutex mutex_;
  std::map<account::AccountId, std::string> known_;  ///< ids are never given again, and addresses stay
};

}  // namespace angarium::agent
