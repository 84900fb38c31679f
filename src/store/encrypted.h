// Bodies whose octets were encrypted before the store got them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "store/batch.h"
#include "store/body.h"

namespace angarium::store {

/// BodyRef::key of such a body: whoever put it there has the key. It is read as others are, and stays as it is when its
/// segment becomes cold: nothing is gained by compressing it.
inline constexpr std::uint32_t kEncryptedAbove = 1;

[[nodiscard]] inline bool is_encrypted(const BodyRef& ref) { return ref.key != 0; }

/// Says so of a body of the batch, before it is enqueued.
void set_encrypted(Batch& batch, std::size_t body);
/// Says so of a body that was streamed aside: of the reference, before it is put into a batch.
inline void set_encrypted(BodyRef& ref) { ref.key = kEncryptedAbove; }

}  // namespace angarium::store
