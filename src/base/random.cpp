#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace angarium {
namespace {

class SystemRandom : public Random {
 public:
  void fill(char* octets, std::size_t count) override {
    while (count > 0) {
      const ssize_t got = getrandom(octets, count, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) std::abort();  // Without randomness no key and no identifier is safe.
      octets += got;
      count -= static_cast<std::size_t>(got);
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
