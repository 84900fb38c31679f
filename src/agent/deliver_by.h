// DELIVERBY (RFC 2852): by when a message of the queue is wanted, and what that asks of us.
#pragma once

#include <optional>

#include "queue/types.h"

namespace angarium::agent {

/// The sender's wish, told at `began`, becomes the entry's: what it has in the queue's own words (`arrived`, `expires`,
/// `notice`) is there already. By-mode R: it expires then (§4.1.3). By-mode N: its sender is told of the delay then,
/// and not at the usual time.
void set_deliver_by(queue::Entry& entry, const std::optional<envelope::DeliverBy>& wanted, WallTime began);

/// The deliver-by-time of the entry, if there is one.
std::optional<WallTime> deliver_by_time(const queue::Entry& entry);
/// §4.1.3: by-mode R, and the time has come: no attempt may be made any more.
bool too_late(const queue::Entry& entry, WallTime now);
/// §4.1.4: what the next server is told: the seconds that are left, or less than none.
std::optional<envelope::DeliverBy> remaining(const queue::Entry& entry, WallTime now);

/// Whether the next server keeps the time, too.
enum class Keeps : std::uint8_t { no, yes };
/// §4.1.4, §4.1.4.2: that it was relayed is told to the sender though he did not ask for success: he asked for a
/// trace, or the next server does not keep the time.
bool tells_of_relay(const queue::Entry& entry, Keeps keeps, WallTime now);

}  // namespace angarium::agent
