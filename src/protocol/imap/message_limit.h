// MESSAGELIMIT (RFC 9738): how many messages one command works on, where the site sets a limit.
#pragma once

#include <string>

#include "protocol/imap/session.h"

namespace angarium::protocol::imap {

/// Of a command's messages those it works on.
struct Limited {
  NumberSet uids;
  std::string code;  ///< MESSAGELIMIT with the lowest of them, where some were left out
};

/// The newest, as many as the limit lets through (RFC 9738 §3.1: from the highest UID down).
Limited limited(const Session& session, NumberSet uids);

/// Whether a mailbox of so many messages may need it.
inline bool may_be_limited(const Session& session) {
  const auto limit = session.options.message_limit;
  return limit != 0 && session.selected->view().size() > limit;
}

/// What a search looks at: the messages that its sets of UIDs and numbers leave. kSyntax, kUidRequired.
Result<NumberSet> searched(const Session& session, const SearchProgram& program);

/// NO for what is done as a whole or not at all.
Reply beyond_limit(const Session& session, std::string code = {});

/// The reply with the code, which comes in an untagged NO where there is another one already (RFC 9738 §3.1).
Reply with_limit(Session& session, Reply reply, const std::string& code);
/// The same for a reply that is an error.
Error with_limit(Session& session, Error error, const std::string& code);

}  // namespace angarium::protocol::imap
