#include "mailbox/content.h"

#include <algorithm>
#include <optional>

#include "mailbox/facts.h"
#include "mailbox/limits.h"
#include "mailbox/types.h"
#include "message/ascii_form.h"
#include "store/encrypted.h"

namespace angarium::mailbox {
namespace {

bool takes_long(std::string_view message) {
  return static_cast<std::size_t>(std::ranges::count_if(
             message, [](char c) { return static_cast<unsigned char>(c) > 127; })) > kBeyondAsciiOnLoop;
}

std::shared_ptr<Content> plain_content(std::string octets) {
  auto content = std::make_shared<Content>();
  FactsReader reader;
  reader.feed(octets);
  content->facts = reader.finish(octets);
  content->octets = std::make_shared<const std::string>(std::move(octets));
  return content;
}

}  // namespace

ContentPtr make_content(std::string octets) { return plain_content(std::move(octets)); }

Result<ContentPtr> make_sealed_content(std::string octets) {
  auto content = plain_content(std::move(octets));
  content->key = keyring::Key::make();
  content->sealed = std::make_shared<const std::string>(TRY(keyring::seal_body(*content->key, *content->octets)));
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
  Body(store::Tablet& to, io::Pool& threads, Arrival arrival, Sealing sealing)
      : tablet(to), pool(threads), sealed(sealing == Sealing::on) {
    if (arrival == Arrival::binary) binary_parts.emplace();
  }

  store::Tablet& tablet;
  io::Pool& pool;
  const bool sealed;
  std::uint64_t received = 0;
  std::optional<message::BinaryPartsWriter> binary_parts;
  std::string rewritten;  // by it, of the octets just taken
  std::uint64_t size = 0;
  std::string buffer;  // small: the whole body; large: what the store does not have yet
  bool large = false;
  FactsReader facts;  // fed from the moment the body is large
  // The following are touched by pool threads, one at a time.
  std::unique_ptr<store::BodyWriter> writer;
  std::optional<keyring::Key> key;
  std::optional<keyring::BodySealer> sealer;

  /// Octets to be stored.
  Result<> take(std::string_view octets) {
    if (octets.size() > kMessageSizeMax - size) return fail(store::kTooLarge, "the message is too large");
    size += octets.size();
    buffer += octets;
    if (large) {
      facts.feed(octets);
    } else if (buffer.size() > (sealed ? kSealedGroupBodyMax : store::kGroupBodyMax)) {
      large = true;
      facts.feed(buffer);
    }
    return {};
  }

  /// In the pool.
  Result<> write(const std::string& octets) {
    if (!writer) writer = TRY(tablet.open_body());
    if (!sealed) return append(octets);
    if (!sealer) sealer.emplace(key.emplace(keyring::Key::make()));
    // Piece by piece: no second copy of all of it.
    std::string hidden;
    for (std::size_t at = 0; at < octets.size(); at += keyring::kChunk) {
      hidden.clear();
      TRY(sealer->feed(std::string_view(octets).substr(at, keyring::kChunk), hidden));
      TRY(append(hidden));
    }
    return {};
  }

  Result<> append(std::string_view octets) {
    for (std::size_t at = 0; at < octets.size(); at += store::BodyWriter::kAppendMax)
      TRY(writer->append(octets.substr(at, store::BodyWriter::kAppendMax)));
    return {};
  }

  /// What stands in the store then, durable.
  Result<store::BodyRef> end() {
    if (sealer) {
      std::string hidden;
      TRY(sealer->finish(hidden));
      TRY(append(hidden));
    }
    store::BodyRef stored = TRY(writer->seal());
    if (sealer) set_encrypted(stored);
    return stored;
  }

  Result<ContentPtr> small() {
    if (sealed) return make_sealed_content(std::move(buffer));
    return make_content(std::move(buffer));
  }
};

Intake::Intake(store::Tablet& tablet, io::Pool& pool, Arrival arrival, Sealing sealing)
    : body_(std::make_shared<Body>(tablet, pool, arrival, sealing)) {}
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
    co_return co_await io::run(body->pool, [body] { return body->small(); });
  if (!body->large) co_return body->small();
  CO_TRY(co_await drain());
  co_return co_await io::run(body->pool, [body]() -> Result<ContentPtr> {
    auto content = std::make_shared<Content>();
    content->stored = TRY(body->end());
    content->key = body->key;
    content->facts = TRY(body->facts.finish(body->tablet, {content->stored, content->body_key()}));
    // The size a view can hold is that of the shown octets.
    if (copy_sizes(*content, {}).counted() > kMessageSizeMax) return fail(store::kTooLarge, "the message is too large");
    return ContentPtr(std::move(content));
  });
}

}  // namespace angarium::mailbox
