#include "store/state.h"

#include <algorithm>

namespace angarium::store {

std::string merged(const Mergers& mergers, std::string_view key, std::optional<std::string_view> before,
                   std::span<const std::string_view> operands) {
  const Merger* merger = key.empty() ? nullptr : mergers[static_cast<unsigned char>(key.front())];
  if (merger == nullptr) return std::string(operands.back());
  return merger->merge(key, before, operands);
}

namespace {

/// By which RocksDB finds the other files: without it, it begins with an empty state.
constexpr std::string_view kCurrent = "CURRENT";

}  // namespace

Result<> remove_state(Volume& volume, std::string_view folder) {
  const std::string prefix = std::string(folder) + "/";
  std::vector<std::string> names;
  for (const FileEntry& file : TRY(volume.list()))
    if (file.name.starts_with(prefix)) names.push_back(file.name);
  // First, so that nothing broken off is taken for a state.
  std::ranges::partition(names, [](const std::string& name) { return name.ends_with(kCurrent); });
  for (const std::string& name : names) TRY(volume.remove(name));
  return {};
}

Result<> put_state_in_place(Volume& volume) {
  TRY(remove_state(volume));
  const std::string from = std::string(kNewStateFolder) + "/";
  std::vector<std::string> names;
  for (const FileEntry& file : TRY(volume.list()))
    if (file.name.starts_with(from)) names.push_back(file.name.substr(from.size()));
  std::ranges::partition(names, [](const std::string& name) { return name != kCurrent; });  // last
  for (const std::string& name : names) TRY(volume.rename(from + name, std::string(kStateFolder) + "/" + name));
  return {};
}

}  // namespace angarium::store
