// A batch: the changes that become durable together or not at all, and the bodies that travel with them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/body.h"
#include "store/error.h"

namespace angarium::store {

/// Limits. A batch beyond one of them is refused whole with kTooLarge.
inline constexpr std::size_t kKeyMax = 1024;                ///< keys order everything: they stay short
inline constexpr std::size_t kValueMax = 1u << 20;          ///< larger things are bodies
inline constexpr std::size_t kBatchMetadataMax = 8u << 20;  ///< operations of one batch, so that a group stays bounded
inline constexpr std::size_t kBatchBodiesMax = 1024;        ///< bodies of one batch
inline constexpr std::size_t kBatchOctetsMax = 16u << 20;   ///< octets of the bodies of one batch
inline constexpr std::size_t kGroupBodyMax = 256u << 10;    ///< a larger body streams aside through a BodyWriter
inline constexpr unsigned char kFirstApplicationByte = 0x01;  ///< keys beginning with 0x00 are the store's own

/// Built by one thread, then moved to Tablet::enqueue. Operations take effect in the order they were added. Keys and
/// values are copied; the octets of bodies are not. Cheap to move, not copyable.
class Batch {
 public:
  Batch() = default;
  Batch(Batch&&) noexcept = default;
  Batch& operator=(Batch&&) noexcept = default;

  void put(std::string_view key, std::string_view value);
  /// As put; the committer writes the reference of this batch's `body` into the value's octets [at, at +
  /// BodyRef::kSize), since the place of a body is known only when it is committed. What stands there before does not
  /// matter.
  void put_with_body(std::string_view key, std::string_view value, std::size_t body, std::size_t at);
  /// As above for several bodies in one value.
  struct Slot {
    std::size_t body = 0;
    std::size_t at = 0;
  };
  void put_with_bodies(std::string_view key, std::string_view value, std::span<const Slot> slots);
  void erase(std::string_view key);
  /// Erases all keys in [from, to), bytewise order.
  void erase_range(std::string_view from, std::string_view to);
  /// Changes a value by a small operand; the Merger registered for the key's first byte (tablet.h) says how.
  void merge(std::string_view key, std::string_view operand);

  /// The whole batch is refused with kExpectation, and nothing of it written, unless `key` has exactly `value`
  /// (nullopt: is absent) after all batches that were enqueued before this one.
  void expect(std::string_view key, std::optional<std::string_view> value);

  /// Adds a body of at most kGroupBodyMax octets and returns its index for put_with_body. Its CRC is computed here, in
  /// the caller's thread. The first form owns the octets; the second keeps `owner` alive until the batch is gone; the
  /// third only looks: the spans must outlive the completion of the batch.
  std::size_t body(std::string octets);
  std::size_t body(std::shared_ptr<const void> owner, std::span<const std::string_view> spans);
  std::size_t body(std::span<const std::string_view> spans) { return body(nullptr, spans); }

  [[nodiscard]] bool empty() const { return operations_ == 0 && bodies_.empty() && expectations_.empty(); }
  /// Octets of the operations, and of the bodies: for the caller's accounts.
  [[nodiscard]] std::size_t metadata_size() const { return metadata_.size(); }
  [[nodiscard]] std::size_t bodies_size() const { return bodies_size_; }
  [[nodiscard]] std::size_t body_count() const { return bodies_.size(); }
  /// Where a body was put: after the batch was committed.
  [[nodiscard]] const BodyRef& body_ref(std::size_t body) const { return bodies_[body].ref; }

 private:
  friend class BatchAccess;  // the store's own view of a batch (batch_access.h)

  struct Body {
    std::shared_ptr<const void> owner;
    std::vector<std::string_view> spans;
    std::vector<std::uint32_t> chunks;  // CRC of each chunk
    BodyRef ref;
  };
  struct Patch {
    std::size_t metadata_at;
    std::size_t body;
  };
  struct Expectation {
    std::string key;
    std::optional<std::string> value;
  };

  void operation(unsigned char kind, std::string_view key);
  void argument(std::string_view octets);
  void fail_once(std::string text);

  std::string metadata_;  // operations in the log's encoding (format.h)
  std::uint32_t operations_ = 0;
  std::size_t bodies_size_ = 0;
  std::vector<Body> bodies_;
  std::vector<Patch> patches_;
  std::vector<Expectation> expectations_;
  std::string refusal_;  // why the batch is refused, if it is
};

}  // namespace angarium::store
