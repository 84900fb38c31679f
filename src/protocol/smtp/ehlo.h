// The reply to EHLO and LHLO: what this server offers this client now.
#pragma once

#include <string>

#include "protocol/smtp/conversation.h"

namespace angarium::protocol::smtp {

/// The lines behind the host's name, one keyword with its parameters each (RFC 5321 §4.1.1.1).
std::string extensions(const Conversation& conversation);

}  // namespace angarium::protocol::smtp
