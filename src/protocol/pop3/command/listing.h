// What LIST and UIDL have in common: one line a message.
#pragma once

#include <string>

#include "protocol/pop3/session.h"

namespace angarium::protocol::pop3 {

/// Appends what follows a message's number and a space.
using AppendEntry = void (*)(Maildrop& maildrop, std::size_t index, std::string& to);

/// With a number: that message's line after +OK; without: all that are not marked as deleted.
Answer answer_listing(Session& session, Parameters parameters, AppendEntry append);

}  // namespace angarium::protocol::pop3
