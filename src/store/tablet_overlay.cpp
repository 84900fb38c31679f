#include "store/tablet_overlay.h"

#include <algorithm>

namespace angarium::store {

void Overlay::clear() {
  changes_.clear();
  ranges_.clear();
  order_ = 0;
}

void Overlay::add(std::string_view operations) {
  OperationReader reader(operations);
  while (auto operation = reader.next()) {
    ++order_;
    if (operation->kind == OperationKind::erase_range) {
      ranges_.push_back({order_, operation->key, operation->argument});
    } else {
      changes_[operation->key].push_back({order_, operation->kind, operation->argument});
    }
  }
}

Result<std::optional<std::string>> Overlay::value(std::string_view key) {
  std::optional<std::string> value = TRY(state_->get(key, {}));
  std::vector<Change> changes;
  if (auto found = changes_.find(key); found != changes_.end()) changes = found->second;
  for (const Range& range : ranges_)
    if (range.from <= key && key < range.to) changes.push_back({range.order, OperationKind::erase, {}});
  std::ranges::sort(changes, {}, &Change::order);
  for (const Change& change : changes) {
    switch (change.kind) {
      case OperationKind::put: value = std::string(change.argument); break;
      case OperationKind::merge: value = merged(mergers_, key, value, {&change.argument, 1}); break;
      case OperationKind::erase:
      case OperationKind::erase_range: value.reset(); break;
    }
  }
  return value;
}

}  // namespace angarium::store
