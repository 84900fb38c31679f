#include <fstream>

#include "directory/oidc/fetch.h"
#include "token/keys.h"

namespace angarium::directory {

Result<std::string> read_keys(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(kNoKeys, "cannot read " + path);
  std::string octets(token::kSetMax + 1, '\0');
  file.read(octets.data(), static_cast<std::streamsize>(octets.size()));
  if (file.bad()) return fail(kNoKeys, "cannot read " + path);
  octets.resize(static_cast<std::size_t>(file.gcount()));
  if (octets.size() > token::kSetMax) return fail(kNoKeys, path + " is larger than 256 KiB: that is no key set");
  return octets;
}

}  // namespace angarium::directory
