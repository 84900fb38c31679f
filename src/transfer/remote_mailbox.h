// One mailbox of an IMAP server, being written.
#pragma once

#include <memory>
#include <string>

#include "transfer/link.h"
#include "transfer/target.h"

namespace angarium::transfer {

/// Messages between two looks at what the server took: so many are asked for again after a kill.
inline constexpr std::size_t kRemoteTogether = 64;

class RemoteSession;

struct RemoteMailboxTerms {
  ListedMailbox mailbox;
  std::string name;  ///< there
  bool exists = false;
  std::string use;  ///< "\\Sent", that it is to be made for; or empty
};

/// All but the terms outlive it. kNotTaken: the server refuses this mailbox.
Result<std::unique_ptr<Box>> look_at_remote_mailbox(io::Loop& loop, Link& link, RemoteSession& session,
                                                    RemoteMailboxTerms terms);

}  // namespace angarium::transfer
