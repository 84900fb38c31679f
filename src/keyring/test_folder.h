// A folder for the files of servers' keys, which a test may take away and bring back.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace angarium::keyring::test {

/// Gone with its owner. `of`: a folder in it, beginning with a slash, where there are several servers.
struct KeyFolder {
  KeyFolder() {
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no folder for keys");
  }
  KeyFolder(const KeyFolder&) = delete;
  KeyFolder& operator=(const KeyFolder&) = delete;
  ~KeyFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  [[nodiscard]] std::string file(const std::string& of = {}) const { return path + of + "/keys/server.keys"; }
  void lose(const std::string& of = {}) const { std::filesystem::rename(file(of), path + "/away"); }
  void bring_back(const std::string& of = {}) const { std::filesystem::rename(path + "/away", file(of)); }

  std::string path = "/tmp/angarium-keys-XXXXXX";
};

}  // namespace angarium::keyring::test
