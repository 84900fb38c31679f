// An account at an IMAP server, as a target.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "transfer/link.h"
#include "transfer/remote.h"
#include "transfer/target.h"

namespace angarium::transfer {

class RemoteSession;

/// What went there is remembered by the talk's other end under the name of the server's account, so that it does not go
/// again; what the server took without our hearing of it is found there by its octets, and does not go again either.
/// Runs the loop while something is wanted of it.
class RemoteTarget final : public Target {
 public:
  /// Over a new connection; logs in and lists. Those of RemoteBox::enter(). Loop and link outlive it.
  static Result<std::unique_ptr<RemoteTarget>> enter(io::Loop& loop, Link& link,
                                                     std::unique_ptr<wire::Connection> connection,
                                                     RemoteOptions options);
  ~RemoteTarget() override;

  /// The name there: of the mailbox that has its special use, or its own in the server's hierarchy.
  Result<std::string> place_of(const ListedMailbox& mailbox) override;
  Result<std::unique_ptr<Box>> box(const ListedMailbox& mailbox) override;
  Result<> open() override { return {}; }

 private:
  struct Names;
  RemoteTarget(io::Loop& loop, Link& link, std::unique_ptr<RemoteSession> session);

  io::Loop& loop_;
  Link& link_;
  std::unique_ptr<RemoteSession> session_;
  std::unique_ptr<Names> names_;
};

/// "INBOX.lists.announce" for "lists/announce", where the prefix is "INBOX." and the delimiter '.': the delimiter in a
/// level becomes '_', and so does ours where there is none.
std::string name_there(std::string_view name, std::optional<char> delimiter, std::string_view prefix);

}  // namespace angarium::transfer
