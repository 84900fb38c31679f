#include "agent/queued_message.h"

#include <algorithm>

#include "io/pool.h"
#include "keyring/body.h"
#include "queue/body.h"
#include "store/encrypted.h"

namespace angarium::agent {

io::ValueOrTask<Result<std::string_view>> QueuedMessage::next() {
  if (!std::exchange(begun_, true) && !entry_->prepended.empty())
    return Result<std::string_view>(std::string_view(entry_->prepended));
  const std::uint64_t left = entry_->body_length() - offset_;
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, kPiece));
  if (size == 0) return Result<std::string_view>(std::string_view());
  const auto outcome =
      queue::read_body(services_.tablet(), &services_.keys(), *entry_, offset_, size, store::Tier::memory, buffer_);
  if (!outcome && outcome.error().is(store::kWouldBlock)) return wait_for(size);
  if (!outcome) return Result<std::string_view>(std::unexpected(outcome.error()));
  offset_ += size;
  return Result<std::string_view>(std::string_view(buffer_));
}

io::Task<Result<std::string_view>> QueuedMessage::wait_for(std::size_t size) {
  // The pool's work owns its buffer: this object may end while it waits.
  buffer_ = CO_TRY(co_await io::run(
      services_.pool(), [&services = services_, entry = entry_, at = offset_, size]() -> Result<std::string> {
        std::string octets;
        TRY(queue::read_body(services.tablet(), &services.keys(), *entry, at, size, store::Tier::any, octets));
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
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(entry->body_length(), max));
  co_return co_await io::run(services.pool(), [&services, entry = std::move(entry), size]() -> Result<std::string> {
    std::string octets;
    TRY(queue::read_body(services.tablet(), &services.keys(), *entry, 0, size, store::Tier::any, octets));
    return octets;
  });
}

io::Task<Result<std::optional<std::size_t>>> place(Services& services, std::string octets, queue::Entry& entry,
                                                   store::Batch& batch) {
  const bool sealed = services.sealing() == mailbox::Sealing::on;
  if (sealed) {
    const keyring::Key key = keyring::Key::make();
    octets = CO_TRY(keyring::seal_body(key, octets));
    entry.sealed_key = CO_TRY(co_await services.body_keys().seal(key));
  }
  if (octets.size() <= store::kGroupBodyMax) {
    const std::size_t body = batch.body(std::move(octets));
    if (sealed) set_encrypted(batch, body);
    co_return std::optional(body);
  }
  entry.body = CO_TRY(co_await io::run(
      services.pool(), [&tablet = services.tablet(), octets = std::move(octets)]() -> Result<store::BodyRef> {
        const auto writer = TRY(tablet.open_body());
        for (std::size_t at = 0; at < octets.size(); at += store::BodyWriter::kAppendMax)
          TRY(writer->append(std::string_view(octets).substr(at, store::BodyWriter::kAppendMax)));
        return writer->seal();
      }));
  if (sealed) set_encrypted(entry.body);
  co_return std::optional<std::size_t>();
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
