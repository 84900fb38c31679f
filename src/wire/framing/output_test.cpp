#include "wire/framing/output.h"

#include <string>

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::wire {
namespace {

std::string take_all(io::Stream& stream) {
  std::string all;
  char buffer[1000];
  while (true) {
    auto count = stream.try_read(buffer);
    if (!count || *count == 0) return all;
    all.append(buffer, *count);
  }
}

std::shared_ptr<const std::string> body(std::size_t size, char octet) {
  return std::make_shared<const std::string>(size, octet);
}

TEST_CASE("text and shared bodies are sent in the order they were appended") {
  for (std::size_t capacity : {1U, 999U, 5000U, 1'000'000U}) {
    io::SimulatedLoop loop;
    auto pair = io::memory_pair({.capacity = capacity});
    Output output;
    std::string expected;
    auto big = body(5000, 'b');
    for (int i = 0; i < 100; ++i) {
      auto text = std::to_string(i) + " ";
      if (i % 3 > 0) output.append(text);
      if (i % 3 > 0) expected += text;
      if (i % 2 > 0) output.append(big, *big);
      if (i % 2 > 0) expected += *big;
      if (i % 7 == 0) output.append(big, std::string_view(*big).substr(0, 2000));
      if (i % 7 == 0) expected += big->substr(0, 2000);
    }
    CHECK(output.size() == expected.size());
    CHECK(big.use_count() == 51);  // what is short was copied
    std::string got;
    while (!output.empty()) {
      REQUIRE(output.flush_some(*pair.first));
      got += take_all(*pair.second);
      CHECK(got.size() + output.size() == expected.size());
    }
    CHECK(got == expected);
    CHECK(big.use_count() == 1);
    output.append("again");
    REQUIRE(output.flush_some(*pair.first));
    if (capacity > 5) CHECK(take_all(*pair.second) == "again");
  }
}

TEST_CASE("appending goes on while a part is sent, and what was sent is forgotten") {
  io::SimulatedLoop loop;
  auto pair = io::memory_pair({.capacity = 1000});
  Output output;
  std::string expected;
  std::string got;
  auto shared = body(3000, 's');
  for (int i = 0; i < 2000; ++i) {
    auto text = std::to_string(i) + std::string(990, '.');
    output.append(text);
    expected += text;
    if (i % 10 == 0) {
      output.append(shared, *shared);
      expected += *shared;
    }
    REQUIRE(output.flush_some(*pair.first));
    got += take_all(*pair.second);
  }
  while (!output.empty()) {
    REQUIRE(output.flush_some(*pair.first));
    got += take_all(*pair.second);
  }
  CHECK(got == expected);
}

io::Task<> write_much(io::Stream& stream, Output& output, int pieces, std::size_t& most, int& done) {
  for (int i = 0; i < pieces; ++i) {
    output.append(std::string(10'000, 'x'));
    most = std::max(most, output.size());
    if (!co_await output.room(stream)) co_return;
    ++done;
  }
  if (co_await output.flush(stream)) done = -1;
}

TEST_CASE("a reader that does not read holds the writer at the high-water mark") {
  io::SimulatedLoop loop;
  auto pair = io::memory_pair({.capacity = 1000});
  Output output;
  std::size_t most = 0;
  int done = 0;
  loop.spawn(write_much(*pair.first, output, 100, most, done));
  loop.settle();
  CHECK(done == 26);
  CHECK(most <= Output::kHighWater + 10'000);
  std::size_t got = 0;
  while (done >= 0) {
    got += take_all(*pair.second).size();
    loop.settle();
  }
  got += take_all(*pair.second).size();
  CHECK(got == 1'000'000);
  CHECK(most <= Output::kHighWater + 10'000);
  CHECK(output.empty());
}

TEST_CASE("text is offered to the stream early, and no writer waits for that below the high-water mark") {
  io::SimulatedLoop loop;
  auto open = io::memory_pair({.capacity = 1'000'000});
  Output output;
  output.append(std::string(Output::kTextWater, 'x'));
  CHECK_FALSE(output.wants_room());
  output.append("y");
  CHECK(output.wants_room());
  loop.spawn(
      [](io::Stream& stream, Output& out) -> io::Task<> { (void)co_await out.room(stream); }(*open.first, output));
  loop.settle();
  CHECK(output.empty());
  CHECK(take_all(*open.second).size() == Output::kTextWater + 1);
  // What the stream does not take stays, and more may be written.
  auto stuck = io::memory_pair({.capacity = 1000});
  output.append(std::string(Output::kTextWater + 1, 'x'));
  bool went_on = false;
  loop.spawn([](io::Stream& stream, Output& out, bool& on) -> io::Task<> {
    on = (co_await out.room(stream)).has_value();
  }(*stuck.first, output, went_on));
  loop.settle();
  CHECK(went_on);
  CHECK(output.size() == Output::kTextWater + 1 - 1000);
  // Shared octets are no text.
  Output shared;
  const auto owner = std::make_shared<const std::string>(Output::kHighWater, 'z');
  shared.append(owner, *owner);
  CHECK_FALSE(shared.wants_room());
}

TEST_CASE("a flush ends with the stream's error") {
  io::SimulatedLoop loop;
  auto pair = io::memory_pair({.capacity = 10});
  Output output;
  std::size_t most = 0;
  int done = 0;
  loop.spawn(write_much(*pair.first, output, 1, most, done));
  loop.settle();
  CHECK(done == 1);
  pair.second.reset();
  loop.run();
  CHECK(done == 1);
  CHECK(loop.tasks() == 0);
  output.clear();
  CHECK(output.empty());
}

TEST_CASE("an empty output holds no memory") {
  io::SimulatedLoop loop;
  auto pair = io::memory_pair();
  Output output;
  output.append("250 OK\r\n");
  CHECK(output.text().capacity() >= 512);
  REQUIRE(output.flush_some(*pair.first));
  CHECK(output.empty());
  CHECK(output.memory() <= sizeof(std::string));
  static_assert(sizeof(Output) <= 104);
}

}  // namespace
}  // namespace angarium::wire
