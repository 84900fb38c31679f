// Streams and time without an operating system: for tests, scripts and simulations.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "io/error.h"
#include "io/stream.h"

namespace angarium::io {

/// Whether other threads answer the tasks of a loop (pools, a store's committer). By themselves they do it in real
/// time, so that virtual time stands still until they have; with all answers from tasks of the loop, waiting for them
/// takes virtual time, and a seed replays exactly.
enum class Answers : std::uint8_t { by_threads, by_tasks };

/// Virtual time, seeded order. run() never sleeps: when nothing is ready it moves the time to the next timer.
class SimulatedLoop final : public Loop {
 public:
  /// Seed 0 resumes in order of arrival; any other seed shuffles what is ready at the same time.
  explicit SimulatedLoop(std::uint64_t seed = 0, WallTime start = WallTime::from_seconds(1'700'000'000),
                         Answers answers = Answers::by_threads);
  ~SimulatedLoop() override;

  [[nodiscard]] const Clock& clock() const override { return clock_; }
  [[nodiscard]] Random& random() override { return random_; }

  /// Until every task has ended, stop() was called, or nothing can ever happen again (then tasks() > 0).
  void run() override;
  /// Everything that can happen without time passing.
  void settle();
  /// Lets time pass, with all that happens meanwhile.
  void advance(Duration by);
  /// The civil clock jumps; no time passes.
  void jump(Duration by) { clock_.jump(by); }

  Result<void> watch(Watch& watch) override;
  void unwatch(Watch& watch) noexcept override;

 protected:
  void wake() noexcept override;
  std::size_t choose(std::size_t waiting) override;

 private:
  bool wait_for_answers();

  ManualClock clock_;
  std::uint64_t seed_;
  Answers answers_;
  SeededRandom random_;
  SeededRandom order_;
  std::atomic<bool> woken_{false};
  Entered entered_;
};

struct MemoryOptions {
  std::size_t capacity = 256 * 1024;  ///< octets in flight in each direction; a full one blocks the writer
  std::size_t chunk = SIZE_MAX;       ///< most octets one try_read gives; 1 is an octet at a time
  Endpoint first;                     ///< name of the first end
  Endpoint second;
};

struct MemoryPair {
  std::unique_ptr<Stream> first;
  std::unique_ptr<Stream> second;
};
/// Two connected ends on one loop.
MemoryPair memory_pair(MemoryOptions options = {});

struct Faults {
  std::uint64_t seed = 1;
  std::uint32_t reset_per_million = 0;    ///< chance of each call to break the connection for good
  std::uint32_t nothing_per_million = 0;  ///< chance of each call to say "nothing now" though there is something
  std::size_t most = SIZE_MAX;            ///< a call moves a random number of octets, at most so many
  Duration delay_max{0};                  ///< each wait ends so much later, at random
};
/// A stream that fails by seed.
std::unique_ptr<Stream> faulty(std::unique_ptr<Stream> inner, Faults faults);

}  // namespace angarium::io
