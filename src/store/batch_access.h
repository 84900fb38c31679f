// The store's own view of a batch.
#pragma once

#include "store/batch.h"

namespace angarium::store {

class BatchAccess {
 public:
  static std::string& metadata(Batch& batch) { return batch.metadata_; }
  static std::uint32_t operations(const Batch& batch) { return batch.operations_; }
  static std::vector<Batch::Body>& bodies(Batch& batch) { return batch.bodies_; }
  static const auto& patches(const Batch& batch) { return batch.patches_; }
  static const auto& expectations(const Batch& batch) { return batch.expectations_; }
  /// Empty, or why the batch is beyond a limit.
  static const std::string& refusal(const Batch& batch) { return batch.refusal_; }
  /// A put of one of the store's own keys.
  static void put_own(Batch& batch, std::string_view key, std::string_view value);
  static void erase_own(Batch& batch, std::string_view key);
};

}  // namespace angarium::store
