// What others tell of rights as MYRIGHTS does (RFC 8440).
#pragma once

#include <string_view>

#include "protocol/imap/rights.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

/// "* MYRIGHTS name rights" (RFC 4314 §3.8).
void append_my_rights(Session& session, std::string_view name, Rights rights);

}  // namespace angarium::protocol::imap::command
