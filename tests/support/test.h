// What every test includes: doctest, and where a room's own test data lies.
#pragma once
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace angarium::test {

/// The whole file as octets. Throws when it cannot be read: a test without its data must fail.
inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Generated for each test program: src/ROOM and tests/ of this checkout.
extern const char* const kRoomDirectory;
extern const char* const kTestsDirectory;

/// A path beside the room's code.
inline std::string room_path(std::string_view relative) {
  return std::string(kRoomDirectory) + "/" + std::string(relative);
}
/// A path under tests/, where vectors and what crosses rooms lie.
inline std::string tests_path(std::string_view relative) {
  return std::string(kTestsDirectory) + "/" + std::string(relative);
}

}  // namespace angarium::test
