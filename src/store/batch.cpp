#include "store/batch.h"

#include <fmt/format.h>

#include "store/batch_access.h"
#include "store/encrypted.h"
#include "store/format.h"
#include "store/octets.h"

namespace angarium::store {
namespace {

bool own(std::string_view key) { return static_cast<unsigned char>(key.front()) < kFirstApplicationByte; }

}  // namespace

void Batch::fail_once(std::string text) {
  if (refusal_.empty()) refusal_ = std::move(text);
}

void Batch::argument(std::string_view octets) {
  append_varint(metadata_, octets.size());
  metadata_.append(octets);
}

void Batch::operation(unsigned char kind, std::string_view key) {
  if (key.empty() || key.size() > kKeyMax || own(key)) fail_once("a key is empty, too long or reserved");
  metadata_.push_back(static_cast<char>(kind));
  argument(key);
  ++operations_;
  if (metadata_.size() > kBatchMetadataMax) fail_once("the batch has too many changes");
}

void Batch::put(std::string_view key, std::string_view value) {
  if (value.size() > kValueMax) return fail_once(fmt::format("a value of {} octets is too large", value.size()));
  operation(static_cast<unsigned char>(OperationKind::put), key);
  argument(value);
}

void Batch::put_with_body(std::string_view key, std::string_view value, std::size_t body, std::size_t at) {
  Slot slot{body, at};
  put_with_bodies(key, value, {&slot, 1});
}

void Batch::put_with_bodies(std::string_view key, std::string_view value, std::span<const Slot> slots) {
  put(key, value);
  for (const Slot& slot : slots) {
    if (slot.body >= bodies_.size() || slot.at > value.size() || value.size() - slot.at < BodyRef::kSize)
      return fail_once("a body's slot lies outside its value");
    patches_.push_back({metadata_.size() - value.size() + slot.at, slot.body});
  }
}

void Batch::erase(std::string_view key) { operation(static_cast<unsigned char>(OperationKind::erase), key); }

void Batch::erase_range(std::string_view from, std::string_view to) {
  if (to.size() > kKeyMax || to <= from) return fail_once("a range to erase has no end, or ends before it begins");
  operation(static_cast<unsigned char>(OperationKind::erase_range), from);
  argument(to);
}

void Batch::merge(std::string_view key, std::string_view operand) {
  if (operand.size() > kValueMax) return fail_once("an operand is too large");
  operation(static_cast<unsigned char>(OperationKind::merge), key);
  argument(operand);
}

void Batch::expect(std::string_view key, std::optional<std::string_view> value) {
  expectations_.push_back({std::string(key), value ? std::optional<std::string>(*value) : std::nullopt});
}

std::size_t Batch::body(std::string octets) {
  auto owned = std::make_shared<const std::string>(std::move(octets));
  std::string_view span = *owned;
  return body(owned, {&span, 1});
}

std::size_t Batch::body(std::shared_ptr<const void> owner, std::span<const std::string_view> spans) {
  Body body;
  body.owner = std::move(owner);
  ChunkSums sums;
  for (std::string_view span : spans) {
    if (span.empty()) continue;
    body.spans.push_back(span);
    body.ref.length += span.size();
    sums.add(span);
  }
  body.chunks = sums.finish();
  body.ref.crc = ChunkSums::body_crc(body.chunks);
  if (body.ref.length > kGroupBodyMax) fail_once("a body is too large for a batch: it has to go through a BodyWriter");
  if (bodies_.size() == kBatchBodiesMax) fail_once("the batch has too many bodies");
  bodies_size_ += body.ref.length;
  if (bodies_size_ > kBatchOctetsMax) fail_once("the bodies of the batch are too large together");
  bodies_.push_back(std::move(body));
  return bodies_.size() - 1;
}

void set_encrypted(Batch& batch, std::size_t body) { set_encrypted(BatchAccess::bodies(batch)[body].ref); }

void BatchAccess::put_own(Batch& batch, std::string_view key, std::string_view value) {
  batch.metadata_.push_back(static_cast<char>(OperationKind::put));
  batch.argument(key);
  batch.argument(value);
  ++batch.operations_;
}

void BatchAccess::erase_own(Batch& batch, std::string_view key) {
  batch.metadata_.push_back(static_cast<char>(OperationKind::erase));
  batch.argument(key);
  ++batch.operations_;
}

}  // namespace angarium::store
