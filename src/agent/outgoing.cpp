#include "agent/outgoing.h"

#include <algorithm>
#include <optional>

#include "agent/queued_message.h"
#include "io/pool.h"
#include "message/dots.h"
#include "message/header.h"
#include "message/seven_bit.h"
#include "queue/body.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;

/// Trace fields and body as one message, wherever it is read. On a thread of the pool.
class StoredMessage final : public message::MessageReader {
 public:
  StoredMessage(Services& services, queue::EntryPtr entry) : services_(services), entry_(std::move(entry)) {}
  Result<std::string_view> read(std::uint64_t at, std::size_t most) override {
    const std::string_view prepended = entry_->prepended;
    if (at < prepended.size()) return prepended.substr(static_cast<std::size_t>(at), most);
    const std::uint64_t in_body = at - prepended.size();
    if (in_body >= entry_->body_length()) return std::string_view();
    // Chunks as the store verifies them.
    const std::uint64_t chunk = in_body / kChunk * kChunk;
    if (chunk != begin_) {
      begin_.reset();
      TRY(queue::read_body(services_.tablet(), &services_.keys(), *entry_, chunk, kChunk, store::Tier::any, buffer_));
      begin_ = chunk;
    }
    return std::string_view(buffer_).substr(static_cast<std::size_t>(in_body - chunk), most);
  }

 private:
  static constexpr std::size_t kChunk = QueuedMessage::kPiece;
  Services& services_;
  queue::EntryPtr entry_;
  std::optional<std::uint64_t> begin_;  ///< of what the buffer holds
  std::string buffer_;
};

/// A message that is being converted. The pool's work holds it while it is at it; one at a time.
struct Conversion {
  Conversion(Services& services, queue::EntryPtr entry) : reader(services, std::move(entry)) {}
  StoredMessage reader;
  std::optional<message::SevenBitWriter> writer;
  std::string piece;
  std::uint64_t octets = 0;  ///< of the whole result
};
using ConversionPtr = std::shared_ptr<Conversion>;

/// Plans the conversion, and makes it once to know what comes out: its size is said before it (RFC 1870).
Result<ConversionPtr> plan(Services& services, queue::EntryPtr entry) {
  auto conversion = std::make_shared<Conversion>(services, std::move(entry));
  conversion->writer = TRY(message::SevenBitWriter::make(conversion->reader));
  message::SevenBitWriter& writer = *conversion->writer;
  if (writer.eight_bit_header())
    return fail(kHeaderNotConvertible, "a header of the message has octets above 127, and the server takes none");
  if (!writer.left().empty())
    return fail(kNotConvertible,
                "the server takes 7-bit messages only, and a part of this one is signed or may have no coding");
  message::LineScanner seen;
  while (TRY(writer.next(conversion->piece))) {
    seen.feed(conversion->piece);
    conversion->piece.clear();
  }
  if (seen.eight_bit() > 0 || seen.nul() > 0 || !seen.clean_line_ends() || seen.longest_line() > message::kLineMax)
    return fail(kNotConvertible,
                "the server takes text only, and the message has line ends or lines that no coding makes right");
  conversion->octets = seen.octets();
  writer.rewind();
  return conversion;
}

class ConvertedMessage final : public smtp::MessageSource {
 public:
  ConvertedMessage(Services& services, ConversionPtr conversion)
      : services_(services), conversion_(std::move(conversion)) {}
  io::ValueOrTask<Result<std::string_view>> next() override { return pull(); }

 private:
  io::Task<Result<std::string_view>> pull() {
    CO_TRY(co_await io::run(services_.pool(), [conversion = conversion_]() -> Result<bool> {
      conversion->piece.clear();
      return conversion->writer->next(conversion->piece);
    }));
    co_return std::string_view(conversion_->piece);
  }

  Services& services_;
  ConversionPtr conversion_;
};

/// Whether the key of a sealed body is to be had.
io::Task<Result<>> may_read(Services& services, queue::EntryPtr entry) {
  const auto open = [&services, entry = std::move(entry)](store::Tier tier) -> Result<> {
    TRY(queue::open_body_key(&services.keys(), entry->sealed_key.octets, tier));
    return {};
  };
  auto now = open(store::Tier::memory);
  if (now || !now.error().is(store::kWouldBlock)) co_return now;
  co_return co_await io::run(services.pool(), [open] { return open(store::Tier::any); });
}

}  // namespace

io::Task<Result<Outgoing>> outgoing(Services& services, queue::EntryPtr entry, const smtp::Extensions& extensions) {
  // Of a message that cannot be read for now the other side hears nothing.
  if (!entry->sealed_key.empty()) CO_TRY(co_await may_read(services, entry));
  Outgoing made{.facts = facts_of(*entry)};
  const bool carried = made.facts.binary ? extensions.binary : !made.facts.eight_bit || extensions.eight_bit;
  // Without SMTPUTF8 such a header is refused, whatever becomes of the body.
  const bool refused = made.facts.utf8_header && !extensions.smtputf8;
  if (carried || refused) {
    made.source = std::make_unique<QueuedMessage>(services, std::move(entry));
    co_return made;
  }
  ConversionPtr conversion = CO_TRY(
      co_await io::run(services.pool(), [&services, entry = std::move(entry)] { return plan(services, entry); }));
  made.facts = {.octets = conversion->octets};
  made.source = std::make_unique<ConvertedMessage>(services, std::move(conversion));
  made.converted = true;
  co_return made;
}

}  // namespace angarium::agent
