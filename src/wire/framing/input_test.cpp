#include "wire/framing/input.h"

#include <string>
#include <vector>

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"
#include "wire/framing/spare.h"

namespace angarium::wire {
namespace {

std::string describe(const Line& line) {
  return std::string(line.text) + (line.end == LineEnd::crlf ? "|" : "!") + (line.bare_cr ? "?" : "");
}

/// All lines of `octets`, given in two halves cut at `cut`; "#" for a line that is too long, the rest after "+".
std::string lines(std::string_view octets, std::size_t limit, std::size_t cut) {
  Input input;
  std::string seen;
  for (auto half : {octets.substr(0, cut), octets.substr(cut)}) {
    input.append(half);
    while (true) {
      auto line = input.take_line(limit);
      if (!line) {
        seen += "#";
      } else if (*line) {
        seen += describe(**line);
      } else {
        break;
      }
    }
  }
  return seen + "+" + std::string(input.view());
}

void check_lines(std::string_view octets, std::size_t limit, std::string_view expected) {
  for (std::size_t cut = 0; cut <= octets.size(); ++cut) {
    CAPTURE(cut);
    CHECK(lines(octets, limit, cut) == expected);
  }
}

TEST_CASE("a line ends at CRLF, and what is not strict is told, however it is cut") {
  check_lines("a\r\nbc\r\n\r\nrest", 10, "a|bc||+rest");
  check_lines("a\nb\r\n", 10, "a!b|+");
  check_lines("a\rb\r\n", 10, "a\rb|?+");
  check_lines("a\r\r\n", 10, "a\r|?+");
  check_lines(std::string_view("a\0b\r\n", 5), 10, std::string_view("a\0b|+", 5));
  check_lines("\r", 10, "+\r");
}

TEST_CASE("a line at the limit is taken, one octet more is refused once and skipped to its end") {
  check_lines("12345\r\nnext\r\n", 5, "12345|next|+");
  check_lines("123456\r\nnext\r\n", 5, "#next|+");
  check_lines("12345\nnext\r\n", 5, "12345!next|+");
  check_lines("123456\nnext\r\n", 5, "#next|+");
  check_lines("1234567890123456789\r\n\r\nx", 5, "#|+x");
  check_lines("12345\r6\r\nx\r\n", 5, "#x|+");
  check_lines("\r\n", 0, "|+");
  check_lines("a\r\n", 0, "#+");
}

TEST_CASE("clearing drops all, also the rest of a line that is skipped, and counts it") {
  Input input;
  input.append("123456789");
  CHECK_FALSE(input.take_line(5));
  input.append("89");
  CHECK(input.clear() == 2);
  CHECK(input.empty());
  input.append("a\r\n");
  CHECK(input.take_line(5).value()->text == "a");
}

TEST_CASE("octets are consumed between lines") {
  Input input;
  input.append("ab\r\nLITERALcd\r\n");
  CHECK(input.take_line(100).value()->text == "ab");
  CHECK(input.view().substr(0, 7) == "LITERAL");
  input.consume(7);
  CHECK(input.take_line(100).value()->text == "cd");
  input.consume(100);
  CHECK(input.empty());
  input.append("xyz");
  CHECK_FALSE(input.take_line(100).value());  // "xyz" is scanned
  input.consume(2);
  input.append("\r\n");
  CHECK(input.take_line(100).value()->text == "z");
}

TEST_CASE("an input holds its capacity and not an octet more") {
  io::SimulatedLoop loop;
  auto pair = io::memory_pair();
  Input input;
  REQUIRE(pair.first->try_write(std::string(Input::kCapacity + 1, 'x')).value() == Input::kCapacity + 1);
  CHECK(input.fill(*pair.second).value() == Input::kCapacity);
  CHECK(input.fill(*pair.second).error().is(kInputFull));
  CHECK(input.take_line(60'000).error().is(kLineTooLong));
  CHECK(input.fill(*pair.second).value() == 1);
  CHECK(input.fill(*pair.second).value() == 0);
}

io::Task<std::string> read_lines(io::Stream& stream, std::size_t count, io::Event* also) {
  Input input;
  std::string seen;
  while (count > 0) {
    auto line = input.take_line(100);
    if (line && *line) {
      seen += describe(**line);
      --count;
      continue;
    }
    auto more = co_await input.more(stream, also);
    if (!more) co_return seen + "-" + std::string(more.error().kind().name);
    if (more->event) seen += "*";
  }
  co_return seen;
}

TEST_CASE("waiting for more ends with octets, an event, or the stream's error") {
  io::SimulatedLoop loop;
  auto pair = io::memory_pair({.chunk = 3});
  io::Event event;
  std::string seen;
  auto keep = [](io::Task<std::string> task, std::string& into) -> io::Task<> { into = co_await std::move(task); };
  loop.spawn(keep(read_lines(*pair.second, 3, &event), seen));
  loop.settle();
  REQUIRE(pair.first->try_write("one\r\ntw").value() == 7);
  loop.settle();
  event.set();
  loop.settle();
  REQUIRE(pair.first->try_write("o\r\nthree\r\n").value() == 10);
  loop.settle();
  CHECK(seen == "one|*two|three|");
  pair.first.reset();
  CHECK(test::sync_wait(loop, read_lines(*pair.second, 1, nullptr)) == "-io.end-of-stream");
}

/// Never runs dry.
class Flood final : public io::Stream {
 public:
  Result<std::size_t> try_read(std::span<char> room) override {
    room[0] = '\n';
    return 1;
  }
  Result<std::size_t> try_write(std::span<const std::string_view>) override { return 0; }
  void set_deadline(Moment) override {}
  Result<void> shutdown_write() override { return {}; }
  void close() override {}
  [[nodiscard]] const io::Endpoint& peer() const override { return endpoint_; }
  [[nodiscard]] const io::Endpoint& local() const override { return endpoint_; }
  bool start_wait(io::StreamWait& wait) override {
    wait.finish();
    return false;
  }
  void stop_wait(io::StreamWait&) noexcept override {}

 private:
  io::Endpoint endpoint_;
};

io::Task<> drown(io::Stream& stream, Input& input, bool& stop) {
  while (!stop) {
    if (!co_await input.more(stream)) co_return;
    input.consume(input.size());
  }
}
io::Task<> set(bool& flag) {
  flag = true;
  co_return;
}

TEST_CASE("a peer that sends without end lets others go on") {
  io::SimulatedLoop loop;
  Flood flood;
  Input input;
  bool stop = false;
  loop.spawn(drown(flood, input, stop));
  loop.spawn(set(stop));
  loop.run();
  CHECK(loop.tasks() == 0);
}

TEST_CASE("a waiting input holds no block when empty and a small one for a little") {
  io::SimulatedLoop loop;
  auto pair = io::memory_pair();
  Input one;
  one.append("partial line");
  auto wait = one.more(*pair.first);
  CHECK_FALSE(wait.await_ready());
  CHECK(one.view() == "partial line");
  CHECK(one.memory() == 12);
  one.consume(12);
  auto again = one.more(*pair.second);
  CHECK_FALSE(again.await_ready());
  CHECK(one.memory() == 0);
  static_assert(sizeof(Input) <= 40);
}

TEST_CASE("views stay valid until the next read even when all was consumed") {
  Input input;
  input.append("command argument\r\n");
  auto line = input.take_line(100).value();
  CHECK(input.empty());
  CHECK(line->text == "command argument");
  Input moved(std::move(input));
  CHECK(line->text == "command argument");
}

}  // namespace
}  // namespace angarium::wire
