// A message of the queue as octets: for the client that sends it, for mailboxes here, and for reports.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/services.h"
#include "mailbox/content.h"
#include "protocol/smtp/client.h"
#include "queue/types.h"

namespace angarium::agent {

/// Trace fields, then the body as received, in pieces. One coroutine at a time.
class QueuedMessage final : public protocol::smtp::MessageSource {
 public:
  static constexpr std::size_t kPiece = 64 * 1024;

  QueuedMessage(Services& services, queue::EntryPtr entry) : services_(services), entry_(std::move(entry)) {}
  io::ValueOrTask<Result<std::string_view>> next() override;

 private:
  io::Task<Result<std::string_view>> wait_for(std::size_t size);

  Services& services_;
  queue::EntryPtr entry_;
  bool begun_ = false;
  std::uint64_t offset_ = 0;
  std::string buffer_;
};

/// What the client must know of it before.
protocol::smtp::MessageFacts facts_of(const queue::Entry& entry);

/// At most `max` octets of the body from its beginning.
io::Task<Result<std::string>> read_body(Services& services, queue::EntryPtr entry, std::uint64_t max);

/// Puts the octets of a message that is made here where the batch or the store has them, sealed where mail is; gives
/// their index in the batch, or fills entry.body.
io::Task<Result<std::optional<std::size_t>>> place(Services& services, std::string octets, queue::Entry& entry,
                                                   store::Batch& batch);

/// The body as mailboxes take it.
io::Task<Result<mailbox::ContentPtr>> content_of(Services& services, queue::EntryPtr entry);

}  // namespace angarium::agent
