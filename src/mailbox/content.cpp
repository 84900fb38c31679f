#include "mailbox/content.h"

#include <algorithm>

#include "mailbox/facts.h"
#include "mailbox/limits.h"
#include "mailbox/types.h"

namespace angarium::mailbox {

ContentPtr make_content(std::string octets) {
  auto content = std::make_shared<Content>();
  FactsReader reader;
  reader.feed(octets);
  content->facts = reader.finish(octets);
  content->octets = std::make_shared<const std::string>(std::move(octets));
  return content;
}

struct Intake::Body {
  Body(store::Tablet& to, io::Pool& threads) : tablet(to), pool(threads) {}

  store::Tablet& tablet;
  io::Pool& pool;
  std::uint64_t received = 0;
  std::string buffer;  // small: the whole body; large: what the store does not have yet
  bool large = false;
  FactsReader facts;                          // fed from the moment the body is large
  std::unique_ptr<store::BodyWriter> writer;  // touched by pool threads, one at a time

  /// In the pool.
  Result<> write(const std::string& octets) {
    if (!writer) writer = TRY(tablet.open_body());
    for (std::size_t at = 0; at < octets.size(); at += store::BodyWriter::kAppendMax)
      TRY(writer->append(std::string_view(octets).substr(at, store::BodyWriter::kAppendMax)));
    return {};
  }
};

Intake::Intake(store::Tablet& tablet, io::Pool& pool) : body_(std::make_shared<Body>(tablet, pool)) {}
Intake::~Intake() = default;

std::uint64_t Intake::received() const { return body_->received; }

Result<> Intake::append(std::string_view octets) {
  Body& body = *body_;
  if (octets.size() > kMessageSizeMax - body.received) return fail(store::kTooLarge, "the message is too large");
  body.received += octets.size();
  body.buffer += octets;
  if (body.large) {
    body.facts.feed(octets);
  } else if (body.buffer.size() > store::kGroupBodyMax) {
    body.large = true;
    body.facts.feed(body.buffer);
  }
  return {};
}

bool Intake::full() const { return body_->large && body_->buffer.size() >= store::kGroupBodyMax; }

io::Task<Result<>> Intake::drain() {
  auto body = body_;
  if (!body->large || body->buffer.empty()) co_return Result<>();
  std::string octets;
  octets.swap(body->buffer);
  body->buffer.reserve(octets.size());
  co_return co_await io::run(body->pool, [body, octets = std::move(octets)] { return body->write(octets); });
}

io::Task<Result<ContentPtr>> Intake::finish() {
  auto body = body_;
  if (!body->large) co_return make_content(std::move(body->buffer));
  CO_TRY(co_await drain());
  co_return co_await io::run(body->pool, [body]() -> Result<ContentPtr> {
    auto content = std::make_shared<Content>();
    content->stored = TRY(body->writer->seal());
    content->facts = TRY(body->facts.finish(body->tablet, content->stored));
    // The size a view can hold is that of the shown octets.
    if (content->size() > kMessageSizeMax) return fail(store::kTooLarge, "the message is too large");
    return ContentPtr(std::move(content));
  });
}

}  // namespace angarium::mailbox
