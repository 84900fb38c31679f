// Only for tests: a home folder with boxes in it.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "box/box.h"

namespace angarium::box::testing {

/// Made empty, removed with all that is in it. In memory where the host has a place for that: all is synced often.
class Home {
 public:
  Home() {
    const std::filesystem::path memory = "/dev/shm";
    path_ = ((::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path()) /
             "angarium-box-XXXXXX")
                .string();
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  ~Home() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  void put(const std::string& name, std::string_view octets) const {
    const std::filesystem::path path = path_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << octets;
  }
  [[nodiscard]] std::string get(const std::string& name) const {
    std::ifstream file(path_ + "/" + name, std::ios::binary);
    if (!file) return "(not there)\n";
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  /// The time stands still, randomness is always the same.
  [[nodiscard]] Host host() const {
    return {.delivery = {.files = delivery::local_files(),
                         .clock = clock_,
                         .random = random_,
                         .host = "host.test",
                         .process = 4712},
            .home = path_};
  }

 private:
  std::string path_;
  /// Its day stands still; intervals pass, for locks are waited for.
  class OneDay final : public Clock {
   public:
    [[nodiscard]] Moment now() const override { return system_clock().now(); }
    [[nodiscard]] WallTime wall() const override { return WallTime::from_seconds(1'700'000'000); }
  };
  OneDay clock_;
  mutable SeededRandom random_{1};
};

}  // namespace angarium::box::testing
