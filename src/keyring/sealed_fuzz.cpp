// Sealed octets, sealed bodies and files of keys that may be anything.
#include "keyring/body.h"
#include "keyring/server_keys.h"

using namespace angarium;
using namespace angarium::keyring;

namespace {

void require(bool what) {
  if (!what) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  const std::string_view octets(data, size);
  static const Key key("a key");
  // What nobody sealed does not open, and leaves nothing.
  require(!open(key, octets, "about"));
  std::string to;
  const auto opened = open_body(
      key, octets.size(), 0, SIZE_MAX,
      [&](std::uint64_t at, std::span<char> into) -> Result<> {
        require(at + into.size() <= octets.size());
        octets.substr(static_cast<std::size_t>(at), into.size()).copy(into.data(), into.size());
        return {};
      },
      to);
  require(to.empty() && !opened);
  // What is sealed opens as it was.
  const std::string sealed = *seal_body(key, octets);
  require(plain_size(sealed.size()) == octets.size());
  if (const auto keys = ServerKeys::parse(octets)) require(ServerKeys::parse(keys->text())->text() == keys->text());
  return 0;
}
