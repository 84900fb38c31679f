#include "delivery/files_faulty.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace angarium::delivery {
namespace {

std::string whole(const Descriptor& file) {
  const Answer<FileFacts> facts = local_files().facts(file);
  return local_files().read(file, 0, facts ? facts->size : 0).value_or("");
}

/// A description of its own: one that is shared would keep the locks.
Descriptor again(const Descriptor& file) {
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  const int number = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  return Descriptor(number >= 0 ? number : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

Answer<> FaultyFiles::enter() {
  if (dark_) return std::unexpected(EIO);
  ++calls_;
  going_dark_ = calls_ == faults_.power_cut_at;
  if (going_dark_) {
    dark_ = true;
    if (random_.below(2) == 0) return std::unexpected(EIO);
  }
  const bool fails = faults_.fail_at != 0 && calls_ >= faults_.fail_at && calls_ < faults_.fail_at + faults_.failing;
  if (fails) return std::unexpected(faults_.code);
  return {};
}

FaultyFiles::Identity FaultyFiles::identity_of(const Descriptor& file) {
  const Answer<FileFacts> facts = local_files().facts(file);
  return facts ? Identity{facts->device, facts->number} : Identity{};
}

void FaultyFiles::before_change(const Descriptor& file) {
  const Identity identity = identity_of(file);
  if (!contents_.contains(identity)) contents_.emplace(identity, Unsynced{.file = again(file), .synced = whole(file)});
}

void FaultyFiles::added(const Descriptor& folder, const std::string& name) {
  names_.push_back({.folder_identity = identity_of(folder), .folder = again(folder), .name = name});
}

void FaultyFiles::settle(Unsynced& content) {
  const std::string now = whole(content.file);
  // What was synced stays, but for what was cut off or written over on purpose.
  const std::size_t kept = std::min(now.size(), content.synced.size());
  std::string left = now;
  switch (random_.below(4)) {
    case 0: return;
    case 1: left = content.synced; break;
    case 2: left.resize(kept + random_.below(now.size() - kept + 1)); break;
    default:  // the size is there, the octets are not
      if (now.size() > kept)
        std::fill(left.begin() + static_cast<std::ptrdiff_t>(kept + random_.below(now.size() - kept)), left.end(),
                  '\0');
  }
  // Of what was written over, any part may still be the old.
  const std::size_t begin = random_.below(kept + 1);
  const std::size_t count = random_.below(kept - begin + 1);
  left.replace(begin, count, content.synced, begin, count);
  [[maybe_unused]] const Answer<> cut = local_files().truncate(content.file, 0);
  [[maybe_unused]] const Answer<> written = write_all(local_files(), content.file, 0, left);
}

void FaultyFiles::power_cut() {
  for (auto& [identity, content] : contents_) settle(content);
  for (const Name& each : names_)
    if (random_.below(2) == 0) [[maybe_unused]]
      const Answer<> lost = local_files().remove(each.folder, each.name);
  contents_.clear();
  names_.clear();
  dark_ = false;
  faults_ = {};
}

Answer<Descriptor> FaultyFiles::open_folder(const std::string& path) {
  if (const Answer<> entered = enter(); !entered) return std::unexpected(entered.error());
  return local_files().open_folder(path);
}

Answer<Descriptor> FaultyFiles::open_folder(const Descriptor& folder, const std::string& name) {
  if (const Answer<> entered = enter(); !entered) return std::unexpected(entered.error());
  return local_files().open_folder(folder, name);
}

Answer<> FaultyFiles::make_folder(const Descriptor& folder, const std::string& name) {
  if (const Answer<> entered = enter(); !entered) return entered;
  return local_files().make_folder(folder, name);
}

Answer<Descriptor> FaultyFiles::open(const Descriptor& folder, const std::string& name) {
  if (const Answer<> entered = enter(); !entered) return std::unexpected(entered.error());
  return local_files().open(folder, name);
}

Answer<Descriptor> FaultyFiles::create(const Descriptor& folder, const std::string& name, unsigned mode) {
  if (const Answer<> entered = enter(); !entered) return std::unexpected(entered.error());
  if (faults_.create_code != 0) return std::unexpected(faults_.create_code);
  Answer<Descriptor> file = local_files().create(folder, name, mode);
  if (file) added(folder, name);
  return file;
}

Answer<Descriptor> FaultyFiles::create_unnamed() {
  if (const Answer<> entered = enter(); !entered) return std::unexpected(entered.error());
  if (faults_.create_code != 0) return std::unexpected(faults_.create_code);
  return local_files().create_unnamed();
}

Answer<Descriptor> FaultyFiles::open_for_reading(const Descriptor& file) {
  if (const Answer<> entered = enter(); !entered) return std::unexpected(entered.error());
  return local_files().open_for_reading(file);
}

Answer<FileFacts> FaultyFiles::facts(const Descriptor& file) {
  if (const Answer<> entered = enter(); !entered) return std::unexpected(entered.error());
  return local_files().facts(file);
}

Answer<FileFacts> FaultyFiles::facts(const Descriptor& folder, const std::string& name) {
  if (const Answer<> entered = enter(); !entered) return std::unexpected(entered.error());
  return local_files().facts(folder, name);
}

Answer<std::string> FaultyFiles::read(const Descriptor& file, std::uint64_t offset, std::size_t count) {
  if (const Answer<> entered = enter(); !entered) return std::unexpected(entered.error());
  return local_files().read(file, offset, count);
}

Answer<std::size_t> FaultyFiles::write(const Descriptor& file, std::uint64_t offset, std::string_view octets) {
  if (const Answer<> entered = enter(); !entered) return std::unexpected(entered.error());
  std::uint64_t size = std::min<std::uint64_t>({octets.size(), faults_.write_octets_max, faults_.room});
  if (going_dark_) size = random_.below(size + 1);
  if (size == 0) return std::unexpected(going_dark_ ? EIO : ENOSPC);
  if (faults_.room != UINT64_MAX) faults_.room -= size;
  before_change(file);
  return local_files().write(file, offset, octets.substr(0, size));
}

Answer<> FaultyFiles::append(const Descriptor& folder, const std::string& name, std::string_view octets) {
  if (const Answer<> entered = enter(); !entered) return entered;
  if (faults_.room < octets.size()) return std::unexpected(ENOSPC);
  return local_files().append(folder, name, octets);
}

Answer<> FaultyFiles::truncate(const Descriptor& file, std::uint64_t size) {
  if (const Answer<> entered = enter(); !entered) return entered;
  before_change(file);
  return local_files().truncate(file, size);
}

Answer<> FaultyFiles::sync(const Descriptor& file) {
  if (const Answer<> entered = enter(); !entered) return entered;
  const Identity identity = identity_of(file);
  contents_.erase(identity);
  std::erase_if(names_, [&](const Name& each) { return each.folder_identity == identity; });
  return {};
}

Answer<> FaultyFiles::lock(const Descriptor& file) {
  if (const Answer<> entered = enter(); !entered) return entered;
  if (on_lock) on_lock();
  return local_files().lock(file);
}

Answer<> FaultyFiles::link(const Descriptor& from, const std::string& name, const Descriptor& to,
                           const std::string& new_name) {
  if (const Answer<> entered = enter(); !entered) return entered;
  if (faults_.link_code != 0) return std::unexpected(faults_.link_code);
  const Answer<> linked = local_files().link(from, name, to, new_name);
  if (linked) added(to, new_name);
  return linked;
}

Answer<> FaultyFiles::rename(const Descriptor& from, const std::string& name, const Descriptor& to,
                             const std::string& new_name) {
  if (const Answer<> entered = enter(); !entered) return entered;
  const Answer<> renamed = local_files().rename(from, name, to, new_name);
  if (renamed) added(to, new_name);
  return renamed;
}

Answer<> FaultyFiles::remove(const Descriptor& folder, const std::string& name) {
  if (const Answer<> entered = enter(); !entered) return entered;
  return local_files().remove(folder, name);
}

Answer<std::vector<std::string>> FaultyFiles::list(const Descriptor& folder, std::size_t max) {
  if (const Answer<> entered = enter(); !entered) return std::unexpected(entered.error());
  return local_files().list(folder, max);
}

void FaultyFiles::pause(Duration duration) {
  clock_.advance(duration);
  if (on_pause) on_pause();
}

std::optional<std::int64_t> FaultyFiles::process_began(std::uint64_t process) {
  const auto found = running.find(process);
  if (found == running.end()) return std::nullopt;
  return found->second;
}

}  // namespace angarium::delivery
