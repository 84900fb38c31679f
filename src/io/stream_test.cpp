#include "io/stream.h"

#include <string>

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::io {
namespace {

using namespace std::chrono_literals;

Task<> read_all(Stream& stream, std::string& into, const ErrorKind*& end) {
  char buffer[64];
  while (true) {
    auto count = stream.try_read(buffer);
    if (!count) {
      end = &count.error().kind();
      co_return;
    }
    into.append(buffer, *count);
    if (*count > 0) continue;
    if (auto ready = co_await stream.readable(); !ready) {
      end = &ready.error().kind();
      co_return;
    }
  }
}

Task<> write_and_end(Stream& stream, std::string octets, bool& done) {
  auto written = co_await write_all(stream, octets);
  done = written.has_value();
  (void)stream.shutdown_write();
}

std::string sample(std::size_t size) {
  SeededRandom random(size);
  return random.octets(size);
}

TEST_CASE("what is written at one end is read at the other, in order, until the end") {
  for (std::size_t capacity : {1U, 7U, 4096U})
    for (std::size_t chunk : {std::size_t{1}, std::size_t{5}, SIZE_MAX}) {
      SimulatedLoop loop;
      auto pair = memory_pair({.capacity = capacity, .chunk = chunk});
      std::string got;
      const ErrorKind* end = nullptr;
      bool done = false;
      loop.spawn(read_all(*pair.second, got, end));
      loop.spawn(write_and_end(*pair.first, sample(10'000), done));
      loop.run();
      CHECK(done);
      CHECK(got == sample(10'000));
      CHECK(end == &kEndOfStream);
    }
}

TEST_CASE("a slow reader holds the writer at the capacity") {
  SimulatedLoop loop;
  auto pair = memory_pair({.capacity = 100});
  CHECK(pair.first->try_write(sample(250)).value() == 100);
  CHECK(pair.first->try_write("x").value() == 0);
  bool done = false;
  loop.spawn(write_and_end(*pair.first, sample(250), done));
  loop.settle();
  CHECK_FALSE(done);
  char buffer[60];
  CHECK(pair.second->try_read(buffer).value() == 60);
  CHECK(pair.first->try_write("x").value() == 1);
  loop.settle();
  CHECK_FALSE(done);
}

TEST_CASE("pieces are written in order and partly") {
  SimulatedLoop loop;
  auto pair = memory_pair({.capacity = 5});
  std::string_view pieces[] = {"ab", "", "cd", "ef"};
  CHECK(pair.first->try_write(pieces).value() == 5);
  char buffer[8];
  CHECK(pair.second->try_read(buffer).value() == 5);
  CHECK(std::string_view(buffer, 5) == "abcde");
}

struct Outcome {
  std::optional<Result<Ready>> ready;
  [[nodiscard]] bool failed_with(const ErrorKind& kind) const { return ready && !*ready && ready->error().is(kind); }
};
Task<> wait_input(Stream& stream, Event* also, Outcome& outcome) { outcome.ready = co_await stream.readable(also); }
Task<> wait_output(Stream& stream, Outcome& outcome) { outcome.ready = co_await stream.writable(); }

TEST_CASE("the deadline ends both waits in virtual time, and moves without ending them") {
  SimulatedLoop loop;
  auto pair = memory_pair({.capacity = 1});
  REQUIRE(pair.first->try_write("x").value() == 1);
  Outcome input;
  Outcome output;
  pair.first->set_deadline(loop.now() + 10s);
  loop.spawn(wait_input(*pair.first, nullptr, input));
  loop.spawn(wait_output(*pair.first, output));
  loop.advance(9s);
  pair.first->set_deadline(loop.now() + 10s);
  loop.advance(9999ms);
  CHECK_FALSE(input.ready);
  loop.advance(1ms);
  CHECK(input.failed_with(kTimedOut));
  CHECK(output.failed_with(kTimedOut));
  loop.spawn(wait_input(*pair.first, nullptr, input));
  input.ready.reset();
  loop.settle();
  CHECK(input.failed_with(kTimedOut));
  pair.first->set_deadline(Moment::never());
  input.ready.reset();
  loop.spawn(wait_input(*pair.first, nullptr, input));
  loop.advance(24h);
  CHECK_FALSE(input.ready);
  pair.first->set_deadline(loop.now() + 5s);  // sooner than any timer that is armed
  loop.advance(5s);
  CHECK(input.failed_with(kTimedOut));
}

TEST_CASE("a deadline may be drawn nearer while waiting") {
  SimulatedLoop loop;
  auto pair = memory_pair();
  Outcome input;
  pair.first->set_deadline(loop.now() + 10min);
  loop.spawn(wait_input(*pair.first, nullptr, input));
  loop.settle();
  pair.first->set_deadline(loop.now() + 1s);
  loop.advance(1s);
  CHECK(input.failed_with(kTimedOut));
}

TEST_CASE("closing ends the waits of this end and shows the other its end") {
  SimulatedLoop loop;
  auto pair = memory_pair();
  Outcome mine;
  Outcome other;
  loop.spawn(wait_input(*pair.first, nullptr, mine));
  loop.spawn(wait_input(*pair.second, nullptr, other));
  loop.settle();
  pair.first->close();
  loop.settle();
  CHECK(mine.failed_with(kCancelled));
  CHECK(other.ready->value().input);
  char buffer[1];
  CHECK(pair.second->try_read(buffer).error().is(kEndOfStream));
  CHECK(pair.second->try_write("x").error().is(kReset));
  CHECK(pair.first->try_read(buffer).error().is(kCancelled));
  CHECK(pair.first->try_write("x").error().is(kCancelled));
  CHECK(pair.first->shutdown_write().error().is(kCancelled));
}

TEST_CASE("what was sent before the end is read before it") {
  SimulatedLoop loop;
  auto pair = memory_pair();
  REQUIRE(pair.first->try_write("last").value() == 4);
  pair.first.reset();
  std::string got;
  const ErrorKind* end = nullptr;
  loop.spawn(read_all(*pair.second, got, end));
  loop.run();
  CHECK(got == "last");
  CHECK(end == &kEndOfStream);
}

TEST_CASE("a wait ends by the event or by input, whichever comes, and loses neither") {
  SimulatedLoop loop;
  auto pair = memory_pair();
  Event event;
  Outcome first;
  loop.spawn(wait_input(*pair.first, &event, first));
  loop.settle();
  event.set();
  REQUIRE(pair.second->try_write("x").value() == 1);
  loop.settle();
  CHECK(first.ready->value().event);
  CHECK_FALSE(first.ready->value().input);
  Outcome second;
  loop.spawn(wait_input(*pair.first, &event, second));
  loop.settle();
  CHECK(second.ready->value().input);
  CHECK_FALSE(second.ready->value().event);
  char buffer[1];
  REQUIRE(pair.first->try_read(buffer).value() == 1);
  Outcome third;
  loop.spawn(wait_input(*pair.first, &event, third));
  loop.settle();
  REQUIRE(pair.second->try_write("y").value() == 1);
  event.set();
  loop.settle();
  CHECK(third.ready->value().input);
  CHECK(event.is_set());
}

TEST_CASE("a coroutine that waits may be destroyed, and the stream goes on") {
  SimulatedLoop loop;
  auto pair = memory_pair();
  Event event;
  Outcome outcome;
  pair.first->set_deadline(loop.now() + 1s);
  loop.spawn(wait_input(*pair.first, &event, outcome));
  loop.settle();
  loop.destroy_tasks();
  event.set();
  REQUIRE(pair.second->try_write("x").value() == 1);
  loop.advance(2s);
  CHECK_FALSE(outcome.ready);
  // Destroyed while it stands in line:
  pair.first->set_deadline(Moment::never());
  event.take();
  char buffer[1];
  REQUIRE(pair.first->try_read(buffer).value() == 1);
  loop.spawn(wait_input(*pair.first, &event, outcome));
  loop.settle();
  REQUIRE(pair.second->try_write("x").value() == 1);
  loop.destroy_tasks();
  loop.settle();
  CHECK_FALSE(outcome.ready);
}

TEST_CASE("a faulty stream delays, cuts and says nothing, and still loses nothing") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimulatedLoop loop(seed);
    auto pair = memory_pair({.capacity = 64});
    Faults faults{.seed = seed, .reset_per_million = 0, .nothing_per_million = 300'000, .most = 9, .delay_max = 20ms};
    auto writer = faulty(std::move(pair.first), faults);
    faults.seed += 1000;
    auto reader = faulty(std::move(pair.second), faults);
    std::string got;
    const ErrorKind* end = nullptr;
    bool done = false;
    loop.spawn(read_all(*reader, got, end));
    loop.spawn(write_and_end(*writer, sample(2000), done));
    loop.run();
    CHECK(done);
    CHECK(got == sample(2000));
    CHECK(end == &kEndOfStream);
  }
}

TEST_CASE("a faulty stream resets for good, by its seed") {
  int resets = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimulatedLoop loop;
    auto pair = memory_pair({.capacity = 64});
    auto writer = faulty(std::move(pair.first), {.seed = seed, .reset_per_million = 20'000});
    std::string got;
    const ErrorKind* end = nullptr;
    bool done = false;
    loop.spawn(read_all(*pair.second, got, end));
    loop.spawn(write_and_end(*writer, sample(2000), done));
    loop.run();
    CHECK(loop.tasks() == 0);
    CHECK(got == sample(2000).substr(0, got.size()));
    if (!done) {
      ++resets;
      CHECK(writer->try_write("x").error().is(kReset));
    }
  }
  CHECK(resets > 5);
  CHECK(resets < 50);
}

TEST_CASE("reading exactly waits for all and tells an early end") {
  SimulatedLoop loop;
  auto pair = memory_pair({.capacity = 3});
  bool done = false;
  loop.spawn(write_and_end(*pair.first, "abcdefgh", done));
  char buffer[6];
  CHECK(test::sync_wait(loop, read_exactly(*pair.second, buffer)));
  CHECK(std::string_view(buffer, 6) == "abcdef");
  CHECK(test::sync_wait(loop, read_exactly(*pair.second, buffer)).error().is(kEndOfStream));
}

}  // namespace
}  // namespace angarium::io
