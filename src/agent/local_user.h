// Users of this host, whom the kernel names: who they are, and under which policy they speak SMTP.
#pragma once

#include <string>

#include "agent/services.h"
#include "agent/system_users.h"
#include "agent/terms.h"
#include "agent/transaction.h"
#include "protocol/smtp/policy.h"

namespace angarium::agent {

/// The domain of addresses that lack one: server.hostname if that is served here, else the first served domain.
io::Task<Result<std::string>> local_origin(Services& services, const Terms& terms);

/// The user with his login ("unknown" without one) and no author. Asks the system on the pool.
io::Task<Result<LocalUser>> local_user(Services& services, unsigned uid);

/// Whose mailbox the user of this uid may open without a password: the one that was made because he is a user of this
/// host, by the host's own list of them. An account that somebody has added under his name is another's. kNoMailbox;
/// other errors are temporary. `users`: null where users of the host are not served.
io::Task<Result<account::Account>> mailbox_of(Services& services, SystemUsers* users, unsigned uid);
inline constexpr ErrorKind kNoMailbox{"agent.no-mailbox", Fault::user, Lasting::permanent};

/// `sendmail -bs`: the terms of submission for who needs no login and no TLS. Line ends are made right, and addresses
/// may lack their domain.
protocol::smtp::Policy local_policy(protocol::smtp::Policy submission, std::string origin);

/// Speaks SMTP with a user of this host to the end. `stop` as in protocol::smtp::serve.
io::Task<> serve_local_user(Services& services, const Terms& terms, unsigned uid, wire::Connection& connection,
                            io::Event* stop);

}  // namespace angarium::agent
