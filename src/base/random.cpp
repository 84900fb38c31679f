#include "base/random.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace angarium {
namespace {

void fill_from_kernel(char* octets, std::size_t count) {
  while (count > 0) {
    const ssize_t got = getrandom(octets, count, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) std::abort();  // Without randomness no key and no identifier is safe.
    octets += got;
    count -= static_cast<std::size_t>(got);
  }
}

/// What the kernel gave at once, so that an identifier does not cost a system call. Each octet is handed out once and
/// wiped. The process does not fork after its threads have started, so no two processes share a supply.
class Supply {
 public:
  void take(char* octets, std::size_t count) {
    if (left_ < count) {
      fill_from_kernel(octets_.data(), octets_.size());
      left_ = octets_.size();
    }
    char* const from = octets_.data() + (left_ -= count);
    std::memcpy(octets, from, count);
    explicit_bzero(from, count);
  }

 private:
  std::array<char, 512> octets_;
  std::size_t left_ = 0;
};

class SystemRandom : public Random {
 public:
  void fill(char* octets, std::size_t count) override {
    constexpr std::size_t kSmall = 64;
    thread_local Supply supply;
    if (count <= kSmall) {
      supply.take(octets, count);
    } else {
      fill_from_kernel(octets, count);
    }
  }
};

}  // namespace

Random& system_random() {
  static SystemRandom random;
  return random;
}

void SeededRandom::fill(char* octets, std::size_t count) {
  while (count > 0) {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    z ^= z >> 31;
    const std::size_t part = count < sizeof z ? count : sizeof z;
    std::memcpy(octets, &z, part);
    octets += part;
    count -= part;
  }
}

}  // namespace angarium
