#include "keyring/standing.h"

#include "keyring/key_files.h"
#include "keyring/keys.h"
#include "store/codec.h"
#include "store/keys.h"

namespace angarium::keyring {

Result<Standing> standing(store::Tablet& tablet, const std::string& directory) {
  Standing found{.wrapped = 0, .shut = 0, .file = directory + "/" + std::string(kKeysFile), .trouble = {}};
  auto file = ServerKeys::read(directory);
  const std::string all(1, static_cast<char>(kKeyOctet));
  TRY(tablet.scan(all, store::after_prefix(all), {}, [&](std::string_view, std::string_view wrapped) {
    ++found.wrapped;
    store::RecordReader record(wrapped);
    (void)record.octet();
    const std::uint64_t by = store::KeyReader(record.take(8)).u64();
    if (!file || !record.ok() || !file->find(by)) ++found.shut;
    return store::Step::next;
  }));
  if (!file) found.trouble = std::move(file).error();
  return found;
}

}  // namespace angarium::keyring
