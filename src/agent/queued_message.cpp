#include "agent/queued_message.h"

#include <algorithm>

#include "io/pool.h"

namespace angarium::agent {

io::ValueOrTask<Result<std::string_view>> QueuedMessage::next() {
  if (!std::exchange(begun_, true) && !entry_->prepended.empty())
    return Result<std::string_view>(std::string_view(entry_->prepended));
  const std::uint64_t left = entry_->body.length - offset_;
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, kPiece));
  if (size == 0) return Result<std::string_view>(std::string_view());
  buffer_.resize(size);
  const auto outcome = services_.tablet().read_body(entry_->body, offset_, buffer_, store::Tier::memory);
  if (!outcome && outcome.error().is(store::kWouldBlock)) return wait_for(size);
  if (!outcome) return Result<std::string_view>(std::unexpected(outcome.error()));
  offset_ += size;
  return Result<std::string_view>(std::string_view(buffer_));
}

io::Task<Result<std::string_view>> QueuedMessage::wait_for(std::size_t size) {
  // The pool's work owns its buffer: this object may end while it waits.
  buffer_ = CO_TRY(co_await io::run(
      services_.pool(),
      [&tablet = services_.tablet(), body = entry_->body, at = offset_, size]() -> Result<std::string> {
        std::string octets(size, '\0');
        TRY(tablet.read_body(body, at, octets));
        return octets;
      }));
  offset_ += size;
  co_return std::string_view(buffer_);
}

protocol::smtp::MessageFacts facts_of(const queue::Entry& entry) {
  return {
      .octets = entry.octets(), .eight_bit = entry.eight_bit, .utf8_header = entry.utf8_header, .binary = entry.binary};
}

io::Task<Result<std::string>> read_body(Services& services, queue::EntryPtr entry, std::uint64_t max) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(entry->body.length, max));
  co_return co_await io::run(services.pool(),
                             [&tablet = services.tablet(), body = entry->body, size]() -> Result<std::string> {
                               std::string octets(size, '\0');
                               TRY(tablet.read_body(body, 0, octets));
                               return octets;
                             });
}

io::Task<Result<mailbox::ContentPtr>> content_of(Services& services, queue::EntryPtr entry) {
  const auto intake = services.mail().intake(mailbox::Arrival::ordinary);
  // The trace fields of the way go with the body: they are the same for every recipient.
  QueuedMessage source(services, std::move(entry));
  while (true) {
    const std::string_view piece = CO_TRY(co_await source.next());
    if (piece.empty()) break;
    CO_TRY(intake->append(piece));
    if (intake->full()) CO_TRY(co_await intake->drain());
  }
  co_return co_await intake->finish();
}

}  // namespace angarium::agent
