// The server's end of an import: takes messages in and makes them durable in batches.
#pragma once

#include "io/pool.h"
#include "io/stream.h"
#include "io/task.h"
#include "mailbox/mailbox.h"
#include "store/tablet.h"

namespace angarium::transfer {

/// Whose mail, and where it is.
struct Desk {
  mailbox::MailboxStore& mail;
  store::Tablet& tablet;
  io::Pool& pool;
  mailbox::AccountId account = 0;
};

/// Octets of the messages of one batch, and their number, beyond which it takes no further one.
inline constexpr std::uint64_t kBatchOctets = 4u << 20;
inline constexpr std::size_t kBatchMessages = 64;
/// A command that says nothing for so long has the connection closed.
inline constexpr Duration kTalkPatience = std::chrono::minutes(30);

/// Holds the talk (frames.h) until the command ends it. Every message is in its mailbox once, with its record in the
/// ledger, or was never there; several commands at once may bring the same messages.
io::Task<> receive(io::Stream& stream, Desk desk);

}  // namespace angarium::transfer
