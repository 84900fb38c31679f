// The kinds of error of this room. Compare with Error::is().
#pragma once

#include "base/result.h"

namespace angarium::store {

/// No room for mail: below the reserve, or the volume is full. Deleting, flushing and sweeping go on. SMTP 452, NO
/// [UNAVAILABLE].
inline constexpr ErrorKind kStoreFull{"store.full", Fault::dependency, Lasting::temporary};
/// Stored octets do not match their checksum, or something the table names is missing. Never served; see `verify`.
inline constexpr ErrorKind kDamaged{"store.damaged", Fault::dependency, Lasting::permanent};
/// The tablet stopped after a failed write or sync and tries to run again, or is closing. What was not acknowledged may
/// or may not be there afterwards; what was acknowledged is. A read of a state that is being opened again.
inline constexpr ErrorKind kStopped{"store.stopped", Fault::dependency, Lasting::temporary};
/// Batch::expect did not hold: nothing of the batch was written. Read again and decide again.
inline constexpr ErrorKind kExpectation{"store.expectation", Fault::user, Lasting::temporary};
/// Another process, or another object of this one, has the store open.
inline constexpr ErrorKind kLocked{"store.locked", Fault::user, Lasting::temporary};
/// The answer is not in memory: ask again, from a thread that may wait, with Tier::any.
inline constexpr ErrorKind kWouldBlock{"store.would-block", Fault::dependency, Lasting::temporary};
/// A key, value, batch or body is beyond its limit (batch.h).
inline constexpr ErrorKind kTooLarge{"store.too-large", Fault::user, Lasting::permanent};
/// The file, the segment or the body a reference names does not exist (any more).
inline constexpr ErrorKind kMissing{"store.missing", Fault::user, Lasting::permanent};
/// The volume answered with an error: the operating system's words are in the text.
inline constexpr ErrorKind kInputOutput{"store.input-output", Fault::dependency, Lasting::temporary};
/// The store on disk was written in a format this program does not read.
inline constexpr ErrorKind kFormat{"store.format", Fault::user, Lasting::permanent};
/// This volume or state can't do it (a snapshot of a store in memory).
inline constexpr ErrorKind kUnsupported{"store.unsupported", Fault::user, Lasting::permanent};

}  // namespace angarium::store
