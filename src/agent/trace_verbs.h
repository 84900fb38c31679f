// What the command line asks of the trace: the stories of messages, in facts and in words.
#pragma once

#include <string>

#include "agent/services.h"
#include "control/request.h"

namespace angarium::agent {

/// Stories that one answer has at most, and how many when nothing is said.
inline constexpr std::size_t kStoriesMax = 1000;
inline constexpr std::size_t kStoriesShown = 10;

/// Carries out this one and gives its JSON text; texts of others in it are escaped already. kUsageError.
///
///     trace.find what [since] [limit]
///         {"stories": […]}, newest first. what: the id of a message, an address, a Message-ID, the address of a host,
///         or "last"; since: microseconds since 1970.
io::Task<Result<std::string>> trace_verb(Services& services, control::Request request);

}  // namespace angarium::agent
