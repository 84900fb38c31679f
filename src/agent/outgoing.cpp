#include "agent/outgoing.h"

#include <algorithm>
#include <optional>

#include "agent/queued_message.h"
#include "io/pool.h"
#include "message/dots.h"
#include "message/header.h"
#include "message/seven_bit.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;

/// Trace fields and body as one message, wherever it is read. On a thread of the pool.
class StoredMessage final : public message::MessageReader {
 public:
  StoredMessage(store::Tablet& tablet, queue::EntryPtr entry) : tablet_(tablet), entry_(std::move(entry)) {}
  Result<std::string_view> read(std::uint64_t at, std::size_t most) override {
    const std::string_view prepended = entry_->prepended;
    if (at < prepended.size()) return prepended.substr(static_cast<std::size_t>(at), most);
    const std::uint64_t in_body = at - prepended.size();
    if (in_body >= entry_->body.length) return std::string_view();
    // Chunks as the store verifies them.
    const std::uint64_t chunk = in_body / kChunk * kChunk;
    if (chunk != begin_) {
      begin_.reset();
      buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, entry_->body.length - chunk)));
      TRY(tablet_.read_body(entry_->body, chunk, buffer_));
      begin_ = chunk;
    }
    return std::string_view(buffer_).substr(static_cast<std::size_t>(in_body - chunk), most);
  }

 private:
  static constexpr std::size_t kChunk = QueuedMessage::kPiece;
  store::Tablet& tablet_;
  queue::EntryPtr entry_;
  std::optional<std::uint64_t> begin_;  ///< of what the buffer holds
  std::string buffer_;
};

/// A message that is being converted. The pool's work holds it while it is at it; one at a time.
struct Conversion {
  Conversion(store::Tablet& tablet, queue::EntryPtr entry) : reader(tablet, std::move(entry)) {}
  StoredMessage reader;
  std::optional<message::SevenBitWriter> writer;
  std::string piece;
  std::uint64_t octets = 0;  ///< of the whole result
};
using ConversionPtr = std::shared_ptr<Conversion>;

/// Plans the conversion, and makes it once to know what comes out: its size is said before it (RFC 1870).
Result<ConversionPtr> plan(store::Tablet& tablet, queue::EntryPtr entry) {
  auto conversion = std::make_shared<Conversion>(tablet, std::move(entry));
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

}  // namespace

io::Task<Result<Outgoing>> outgoing(Services& services, queue::EntryPtr entry, const smtp::Extensions& extensions) {
  Outgoing made{.facts = facts_of(*entry)};
  const bool carried = made.facts.binary ? extensions.binary : !made.facts.eight_bit || extensions.eight_bit;
  // Without SMTPUTF8 such a header is refused, whatever becomes of the body.
  const bool refused = made.facts.utf8_header && !extensions.smtputf8;
  if (carried || refused) {
    made.source = std::make_unique<QueuedMessage>(services, std::move(entry));
    co_return made;
  }
  ConversionPtr conversion = CO_TRY(co_await io::run(
      services.pool(), [&tablet = services.tablet(), entry = std::move(entry)] { return plan(tablet, entry); }));
  made.facts = {.octets = conversion->octets};
  made.source = std::make_unique<ConvertedMessage>(services, std::move(conversion));
  made.converted = true;
  co_return made;
}

}  // namespace angarium::agent
