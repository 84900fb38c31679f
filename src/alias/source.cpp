#include "alias/source.h"

#include <utility>

namespace angarium::alias {
namespace {

/// Beyond this age a second change has another time on every file system in use (FAT and some NFS: 2 s).
constexpr std::int64_t kSettledNs = 2'000'000'000;

}  // namespace

Result<std::shared_ptr<const Aliases>> AliasFile::read() {
  const std::lock_guard lock(mutex_);
  if (known_ && settled_ && TRY(files_.status(path_)) == status_) return known_;
  auto file = TRY(files_.read(path_, kAliasesMax));
  Aliases aliases;
  if (file) {
    if (!file->status.regular) return fail(kUnreadableFile, path_ + " is no regular file");
    aliases.table = TRY(Table::parse(file->text));
    aliases.trust = trust_of(file->status, owner_);
    aliases.owner = file->status.owner;
  }
  const auto now_ns = clock_.wall().microseconds * 1000;
  settled_ = !file || now_ns - file->status.changed_ns > kSettledNs;
  status_ = file ? std::optional(file->status) : std::nullopt;
  known_ = std::make_shared<const Aliases>(std::move(aliases));
  return known_;
}

Result<std::optional<Forward>> read_forward(Files& files, const std::string& path, std::uint32_t user) {
  auto file = TRY(files.read(path, kForwardMax));
  if (!file || !file->status.regular) return std::nullopt;
  if (file->status.owner != 0 && file->status.owner != user) return std::nullopt;
  return Forward{.list = parse_list(file->text), .trust = trust_of(file->status, user)};
}

}  // namespace angarium::alias
