#include "mailbox/content.h"

#include <algorithm>
#include <optional>

#include "mailbox/facts.h"
#include "mailbox/limits.h"
#include "mailbox/types.h"
#include "message/ascii_form.h"

namespace angarium::mailbox {
namespace {

bool takes_long(std::string_view message) {
  return static_cast<std::size_t>(std::ranges::count_if(
             message, [](char c) { return static_cast<unsigned char>(c) > 127; })) > kBeyondAsciiOnLoop;
}

}  // namespace

ContentPtr make_content(std::string octets) {
  auto content = std::make_shared<Content>();
  FactsReader reader;
  reader.feed(octets);
  content->facts = reader.finish(octets);
  content->octets = std::make_shared<const std::string>(std::move(octets));
  return content;
}

CopySizes copy_sizes(const Content& content, std::string_view prepended) {
  CopySizes sizes{.original = prepended.size() + content.size(), .ascii = {}};
  message::AsciiForm form;
  form.add_prepended(prepended);
  if (!form.identity() || content.facts.ascii_growth)
    sizes.ascii = sizes.original + static_cast<std::uint64_t>(form.growth() + content.facts.ascii_growth.value_or(0));
  return sizes;
}

struct Intake::Body {
  Body(store::Tablet& to, io::Pool& threads, Arrival arrival) : tablet(to), pool(threads) {
    if (arrival == Arrival::binary) binary_parts.emplace();
  }

  store::Tablet& tablet;
  io::Pool& pool;
  std::uint64_t received = 0;
  std::optional<message::BinaryPartsWriter> binary_parts;
  std::string rewritten;  // by it, of the octets just taken
  std::uint64_t size = 0;
  std::string buffer;  // small: the whole body; large: what the store does not have yet
  bool large = false;
  FactsReader facts;                          // fed from the moment the body is large
  std::unique_ptr<store::BodyWriter> writer;  // touched by pool threads, one at a time

  /// Octets to be stored.
  Result<> take(std::string_view octets) {
    if (octets.size() > kMessageSizeMax - size) return fail(store::kTooLarge, "the message is too large");
    size += octets.size();
    buffer += octets;
    if (large) {
      facts.feed(octets);
    } else if (buffer.size() > store::kGroupBodyMax) {
      large = true;
      facts.feed(buffer);
    }
    return {};
  }

  /// In the pool.
  Result<> write(const std::string& octets) {
    if (!writer) writer = TRY(tablet.open_body());
    for (std::size_t at = 0; at < octets.size(); at += store::BodyWriter::kAppendMax)
      TRY(writer->append(std::string_view(octets).substr(at, store::BodyWriter::kAppendMax)));
    return {};
  }
};

Intake::Intake(store::Tablet& tablet, io::Pool& pool, Arrival arrival)
    : body_(std::make_shared<Body>(tablet, pool, arrival)) {}
Intake::~Intake() = default;

std::uint64_t Intake::received() const { return body_->received; }

Result<> Intake::append(std::string_view octets) {
  Body& body = *body_;
  body.received += octets.size();
  if (!body.binary_parts) return body.take(octets);
  body.rewritten.clear();
  TRY(body.binary_parts->feed(octets, body.rewritten));
  return body.take(body.rewritten);
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
  if (body->binary_parts) {
    body->rewritten.clear();
    CO_TRY(body->binary_parts->finish(body->rewritten));
    CO_TRY(body->take(body->rewritten));
  }
  if (!body->large && takes_long(body->buffer))
    co_return co_await io::run(body->pool,
                               [body]() -> Result<ContentPtr> { return make_content(std::move(body->buffer)); });
  if (!body->large) co_return make_content(std::move(body->buffer));
  CO_TRY(co_await drain());
  co_return co_await io::run(body->pool, [body]() -> Result<ContentPtr> {
    auto content = std::make_shared<Content>();
    content->stored = TRY(body->writer->seal());
    content->facts = TRY(body->facts.finish(body->tablet, content->stored));
    // The size a view can hold is that of the shown octets.
    if (copy_sizes(*content, {}).counted() > kMessageSizeMax) return fail(store::kTooLarge, "the message is too large");
    return ContentPtr(std::move(content));
  });
}

}  // namespace angarium::mailbox
