// What operators are told of the server's key.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"
#include "store/tablet.h"

namespace angarium::keyring {

struct Standing {
  std::size_t wrapped = 0;       ///< keys in the store
  std::size_t shut = 0;          ///< those of them that the file as it is now does not open
  std::string file;              ///< where it is, or should be
  std::optional<Error> trouble;  ///< why it cannot be read
  /// Nothing is needed that is not there: without a key in the store the file is made with the first.
  [[nodiscard]] bool well() const { return shut == 0; }
  /// Why it is not well.
  [[nodiscard]] std::string why() const {
    return trouble ? trouble->text() : file + ": it does not open all keys of this store";
  }
};

/// As the next start would find it: by the file in that directory (server_keys.h), not by what is in memory. Waits.
Result<Standing> standing(store::Tablet& tablet, const std::string& directory);

}  // namespace angarium::keyring
