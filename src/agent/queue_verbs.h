// What the command line asks of the queue: what waits and why, and what an operator may do about it.
#pragma once

#include <string>

#include "agent/report.h"
#include "agent/services.h"
#include "control/request.h"

namespace angarium::agent {

/// An argument of a request that cannot be, whatever the server holds.
inline constexpr ErrorKind kUsageError{"agent.usage", Fault::syntax, Lasting::permanent};

/// Messages that one queue.list or queue.wake looks at, at most: callers ask again, from `next`.
inline constexpr std::size_t kQueuePage = 100;
/// Recipients of a message that a list shows, and that queue.show shows; the others are counted.
inline constexpr std::size_t kListedRecipients = 10;
inline constexpr std::size_t kShownRecipients = 2000;

/// Carries out one of these and gives its JSON text. Texts of others in it are escaped already. queue::kNotQueued,
/// queue::kUnderWay, kUsageError.
///
///     queue.list [from] [sender] [recipient] [destination] [state]
///         {"messages": […], "next": id or null}: a page, in the order of ids. sender, recipient: parts of an address;
///         destination: the whole name; state: "held" or "deferred".
///     queue.show id              the message with its header
///     queue.retry id             it is due now, and its destinations may be tried; what is held stays so
///     queue.wake [destination] [from] [since]
///         the same for all, or all of a destination, page by page; since: as the first answer said
///     queue.hold id
///     queue.release id
///     queue.remove id [bounce]   bounce: its sender is told
///         hold, release and remove take destination, recipient and state, too, and then touch only consignments that
///         fit, and of whose recipients each does. listed: the id comes from a list, and it is no error that it is gone
io::Task<Result<std::string>> queue_verb(Services& services, ReportTerms terms, control::Request request);

}  // namespace angarium::agent
