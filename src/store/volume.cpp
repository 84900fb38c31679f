#include "store/volume.h"

#include <algorithm>

namespace angarium::store {

Result<> Volume::copy_to(const std::string& name, std::uint64_t length, Sharing /*sharing*/, Volume& target) {
  constexpr std::uint64_t kStep = 1u << 20;
  std::unique_ptr<File> from = TRY(open(name, Opening::existing));
  std::unique_ptr<File> to = TRY(target.open(name, Opening::create));
  std::string buffer(std::min(kStep, length), '\0');
  for (std::uint64_t at = 0; at < length;) {
    std::size_t want = std::min<std::uint64_t>(buffer.size(), length - at);
    std::size_t got = TRY(from->read(at, {buffer.data(), want}));
    if (got != want) return fail(kDamaged, name + " is shorter than the table says");
    TRY(to->write(at, std::string_view(buffer.data(), got)));
    at += got;
  }
  return to->sync();
}

}  // namespace angarium::store
