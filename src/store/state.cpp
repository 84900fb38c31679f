#include "store/state.h"

namespace angarium::store {

std::string merged(const Mergers& mergers, std::string_view key, std::optional<std::string_view> before,
                   std::span<const std::string_view> operands) {
  const Merger* merger = key.empty() ? nullptr : mergers[static_cast<unsigned char>(key.front())];
  if (merger == nullptr) return std::string(operands.back());
  return merger->merge(key, before, operands);
}

Result<> remove_state(Volume& volume) {
  for (const FileEntry& file : TRY(volume.list()))
    if (file.name.starts_with(std::string(kStateFolder) + "/")) TRY(volume.remove(file.name));
  return {};
}

}  // namespace angarium::store
