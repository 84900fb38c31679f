// For this room's tests: a folder of the host that is taken away again, and files in it.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "transfer/source.h"

namespace angarium::transfer::testing {

class Place {
 public:
  Place() {
    std::string name = (std::filesystem::temp_directory_path() / "angarium-transfer-XXXXXX").native();
    path_ = mkdtemp(name.data());
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string path(const std::string& name = "") const {
    return name.empty() ? path_ : path_ + "/" + name;
  }
  std::string write(const std::string& name, std::string_view octets) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << octets;
    return path(name);
  }
  void append(const std::string& name, std::string_view octets) const {
    std::ofstream(path(name), std::ios::binary | std::ios::app) << octets;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// The three folders of a Maildir.
  std::string maildir(const std::string& name) const {
    for (const char* part : {"cur", "new", "tmp"}) std::filesystem::create_directories(path(name) + "/" + part);
    return path(name);
  }

 private:
  std::string path_;
};

/// Calls visit(message, octets) for each message, in windows of two, so that a folder of three is several.
template <class Visit>
void read_all(Reader& reader, Visit visit) {
  auto announced = reader.announce(2);
  do {
    while (reader.next().value()) {
      std::string octets;
      for (auto piece = reader.read().value(); !piece.empty(); piece = reader.read().value()) octets += piece;
      visit(reader.message(), octets);
    }
    announced = reader.announce(2);
  } while (!announced.empty());
}

}  // namespace angarium::transfer::testing
