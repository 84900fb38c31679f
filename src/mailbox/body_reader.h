// Octets of a stored body as they are shown.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "mailbox/presentation.h"
#include "store/tablet.h"

namespace angarium::mailbox {

/// Appends the shown octets [offset, offset + length) of a body to `out`; fewer at its end. Costs `length`, and at most
/// Presentation::kMarkDistance more where the body is not shown as it is stored. Tier::memory: all, or kWouldBlock of
/// this room and `out` as it was.
Result<> read_shown(store::Tablet& tablet, const store::BodyRef& ref, const Presentation& presentation,
                    std::uint64_t offset, std::size_t length, store::Tier tier, std::string& out);
/// The same of the octets as they are stored.
Result<> read_stored(store::Tablet& tablet, const store::BodyRef& ref, std::uint64_t offset, std::size_t length,
                     store::Tier tier, std::string& out);

/// The store's kWouldBlock as this room's; other errors as they are.
Error as_ours(Error error);

}  // namespace angarium::mailbox
