// Only for this room's tests: a directory of the test's own, letters, and what a disk holds.
#pragma once

#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "base/random.h"
#include "delivery/delivery.h"

namespace angarium::delivery::test {

/// Made empty, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    path_ = (std::filesystem::temp_directory_path() / "angarium-delivery-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
    ::chmod(path_.c_str(), 0777);  // commands run as another user
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path(std::string_view name = "") const { return path_ + "/" + std::string(name); }
  void clear() const {
    for (const auto& each : std::filesystem::directory_iterator(path_)) std::filesystem::remove_all(each);
  }

 private:
  std::string path_;
};

inline void put_file(const std::string& path, std::string_view octets) {
  std::ofstream(path, std::ios::binary) << octets;
}

/// Empty when there is none.
inline std::string octets_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Sorted.
inline std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  if (!std::filesystem::exists(folder)) return names;
  for (const auto& each : std::filesystem::directory_iterator(folder)) names.push_back(each.path().filename());
  std::ranges::sort(names);
  return names;
}

inline unsigned mode_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

/// Given piece by piece, with a call before the last one, and an error instead of it if wanted.
class PiecewiseOctets : public Octets {
 public:
  explicit PiecewiseOctets(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  Result<std::string_view> next() override {
    if (at_ == pieces_.size()) {
      if (before_end) before_end();
      if (fails) return fail(kTimedOut, "the store is away");
      return std::string_view();
    }
    return pieces_[at_++];
  }
  std::function<void()> before_end;
  bool fails = false;

 private:
  std::vector<std::string> pieces_;
  std::size_t at_ = 0;
};

inline constexpr std::string_view kMessage =
    "From: a@example.org\r\nSubject: x\r\n\r\nFrom the first line\r\n\r\n>From x\r\n.\r\n";
inline constexpr std::string_view kFields = "Return-Path: <a@example.org>\r\nDelivered-To: anna@example.org\r\n";

inline Letter letter_of(Octets& message) {
  return {.reverse_path = {.mailbox = envelope::Mailbox{.local_part = "a", .domain = "example.org"}},
          .recipient = {.local_part = "anna", .domain = "example.org"},
          .extension = {},
          .received = WallTime::from_seconds(1'772'694'489),
          .fields = std::string(kFields),
          .message = message};
}

}  // namespace angarium::delivery::test
