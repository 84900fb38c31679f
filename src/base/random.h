// Randomness comes through a seam, so that simulations can be repeated from a seed.
#pragma once

#include <cstdint>
#include <string>

namespace angarium {

/// A source of random octets. Safe to call from any thread unless a body says otherwise.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(char* octets, std::size_t count) = 0;

  std::string octets(std::size_t count) {
    std::string result(count, '\0');
    fill(result.data(), count);
    return result;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    fill(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }
  /// Uniform in [0, limit); limit > 0. The bias of the modulo is below limit / 2^64.
  std::uint64_t below(std::uint64_t limit) { return number() % limit; }
};

/// The kernel's generator; fit for keys. Lives as long as the process.
Random& system_random();

/// Repeats itself from its seed (splitmix64); never for secrets; one thread at a time.
class SeededRandom : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(char* octets, std::size_t count) override;

 private:
  std::uint64_t state_;
};

}  // namespace angarium
