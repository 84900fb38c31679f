#include "keyring/key_uses.h"

#include "store/codec.h"

namespace angarium::keyring {
namespace {

constexpr char kVersion = 1;

}  // namespace

std::string KeyUses::encode(std::uint64_t uses) {
  std::string record(1, kVersion);
  store::put_number(record, uses);
  return record;
}

std::optional<std::uint64_t> KeyUses::decode(std::string_view record) {
  store::RecordReader reader(record);
  const bool known = reader.octet() == kVersion;
  const std::uint64_t uses = reader.number();
  return known && reader.ok() ? std::optional(uses) : std::nullopt;
}

}  // namespace angarium::keyring
