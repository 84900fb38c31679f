#include "fetch/seal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.h"

namespace angarium::fetch {

Seal Seal::of(std::string_view key) { return Seal(keyring::Key(key)); }

Result<Seal> Seal::read(const std::string& path) {
  const auto because = [&](const std::string& why) { return fail(kNoKey, path + ": " + why); };
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0) return because(strerrordesc_np(errno));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return because(strerrordesc_np(errno));
  if (!S_ISREG(status.st_mode)) return because("not a file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0) return because("belongs to another user");
  if ((status.st_mode & 077) != 0) return because("others may open it; make it 0600");
  std::string key(kKeyOctets + 1, '\0');
  const ssize_t count = ::read(file.get(), key.data(), key.size());
  if (count < 0) return because(strerrordesc_np(errno));
  if (static_cast<std::size_t>(count) != kKeyOctets) return because("a key has 32 octets");
  Seal seal = of(key);
  explicit_bzero(key.data(), key.size());
  return seal;
}

Result<std::string> Seal::seal(std::string_view plain, std::string_view about, Random& random) const {
  return keyring::seal(key_, plain, about, random);
}

Result<std::string> Seal::open(std::string_view sealed, std::string_view about) const {
  auto plain = keyring::open(key_, sealed, about);
  if (!plain && plain.error().is(keyring::kNotOpened))
    return fail(kSealed, "a password was sealed with another key than there is now, or is damaged");
  return plain;
}

}  // namespace angarium::fetch
