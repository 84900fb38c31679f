// What the command line asks of accounts whose mail lies in place: to move into the own store, and back.
#pragma once

#include <string>

#include "agent/location_of.h"
#include "agent/services.h"
#include "control/request.h"
#include "control/server.h"
#include "io/task.h"

namespace angarium::agent {

/// The account has no location: there is nothing to move.
inline constexpr ErrorKind kNoLocation{"agent.no-location", Fault::user, Lasting::permanent};

/// Carries out one of these and gives its JSON text. Through the caretaker of a running server, whose looks at the
/// account's boxes wait meanwhile; without one as the caretaker would.
///
///     location.survey address
///         {"address", "location", "moved_in": time or null, "boxes": [{"mailbox", "path", "exists", "messages",
///         "already_there", "too_large", "trouble": words or null}]}
///     location.move-in address [messages]     Keeper::move_in()
///     location.move-out address [messages]    Keeper::move_out(); messages: how many are expected, for progress
///         {"address", "location", "moved_in", "imported", "given", "expunged", "removed", "marked",
///         "left": [{"path", "messages"}], "troubles": [words], "further_troubles"}
///
/// account::kUnknown, kNoLocation, kPlaceTaken; location::kTrouble and errors of the store.
io::Task<Result<std::string>> location_verb(Services& services, LocationTerms terms, control::Request request,
                                            control::Tell tell);

}  // namespace angarium::agent
