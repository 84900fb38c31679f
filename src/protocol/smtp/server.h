// The server's half of SMTP, submission and LMTP.
#pragma once

#include "io/event.h"
#include "io/task.h"
#include "protocol/smtp/backend.h"
#include "protocol/smtp/policy.h"
#include "wire/connection/connection.h"

namespace angarium::protocol::smtp {

/// Speaks with one client to the end: greeting, commands, farewell. All four must outlive the task; `stop`, if given,
/// ends the session with 421 4.3.2 at the next command boundary once it is set (RFC 5321 §3.8). Runs on the
/// connection's loop. Holds at most wire::Input::kCapacity octets of input, and little when idle.
io::Task<> serve(wire::Connection& connection, Session& session, const Policy& policy, io::Event* stop = nullptr);

}  // namespace angarium::protocol::smtp
