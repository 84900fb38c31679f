// What keys will hold after the batches of a group that is not applied yet: so that expectations see the batches before
// them.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "store/state.h"

namespace angarium::store {

class Overlay {
 public:
  Overlay(const std::shared_ptr<State>& state, const Mergers& mergers) : state_(state), mergers_(mergers) {}
  void clear();
  /// The operations must live until clear().
  void add(std::string_view operations);
  /// The value of the key after all that was added.
  Result<std::optional<std::string>> value(std::string_view key);

 private:
  struct Change {
    std::size_t order;
    OperationKind kind;
    std::string_view argument;
  };
  struct Range {
    std::size_t order;
    std::string_view from;
    std::string_view to;
  };
  const std::shared_ptr<State>& state_;  // of the committer, which alone exchanges it
  Mergers mergers_;
  std::size_t order_ = 0;
  std::unordered_map<std::string_view, std::vector<Change>> changes_;
  std::vector<Range> ranges_;
};

}  // namespace angarium::store
