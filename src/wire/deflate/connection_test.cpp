#include "wire/deflate/connection.h"

#include <zlib.h>

#include <algorithm>

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"
#include "wire/framing/output.h"

namespace angarium::wire::deflate {
using namespace std::string_view_literals;

namespace {

/// All that comes, and why no more does.
io::Task<std::pair<std::string, std::string_view>> read_all(Connection& connection, std::size_t at_a_time) {
  std::string text;
  std::string room(at_a_time, '\0');
  for (;;) {
    auto count = connection.try_read(std::span(room.data(), room.size()));
    if (count && *count > 0) {
      text += room.substr(0, *count);
      continue;
    }
    if (!count) co_return std::pair(text, count.error().kind().name);
    auto ready = co_await connection.readable();
    if (!ready) co_return std::pair(text, ready.error().kind().name);
  }
}

std::string packed(std::initializer_list<std::string_view> clear) {
  Deflater deflater;
  std::string result;
  for (const std::string_view one : clear) deflater.append(std::span(&one, 1), result);
  return result;
}

/// So many octets in one block, as far as it was written before its end.
std::string open_block(std::size_t count) {
  z_stream zlib{};
  REQUIRE(deflateInit2(&zlib, Z_BEST_SPEED, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL, Z_FIXED) == Z_OK);
  std::string clear(count, 'x');
  std::string octets(count, '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(clear.data());
  zlib.avail_in = static_cast<uInt>(clear.size());
  zlib.next_out = reinterpret_cast<Bytef*>(octets.data());
  zlib.avail_out = static_cast<uInt>(octets.size());
  REQUIRE(::deflate(&zlib, Z_SYNC_FLUSH) == Z_OK);
  octets.resize(octets.size() - zlib.avail_out - kFlushOctets - 1);
  deflateEnd(&zlib);
  return octets;
}

/// What a reader gets of octets that come in pieces of this size, before the end.
std::pair<std::string, std::string_view> received(std::string_view octets, std::size_t piece,
                                                  std::size_t at_a_time = 64, std::string_view already = {},
                                                  std::uint64_t burst = kBurst) {
  std::pair<std::string, std::string_view> result;
  io::SimulatedLoop loop;
  auto pair = memory_connections();
  auto reader = deflated(*pair.server, already, burst);
  auto write = [&]() -> io::Task<> {
    for (std::size_t at = 0; at < octets.size(); at += piece) {
      (void)co_await io::write_all(*pair.client, octets.substr(at, piece));
      co_await io::Loop::current().sleep_for(std::chrono::seconds(1));
    }
    (void)pair.client->shutdown_write();
  };
  auto read = [&]() -> io::Task<> { result = co_await read_all(*reader, at_a_time); };
  loop.spawn(write());
  loop.spawn(read());
  loop.run();
  return result;
}

}  // namespace

TEST_CASE("octets are opened however they come and are read, also those that were there before") {
  const std::string octets = packed({"a1 NOOP\r\n", "a2 NOOP\r\n", "a3 IDLE\r\n"});
  constexpr std::string_view kClear = "a1 NOOP\r\na2 NOOP\r\na3 IDLE\r\n";
  for (std::size_t piece = 1; piece <= octets.size(); ++piece)
    for (const std::size_t at_a_time : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
      const auto [text, why] = received(octets, piece, at_a_time);
      CHECK(text == kClear);
      CHECK(why == io::kEndOfStream.name);
    }
  for (std::size_t cut = 0; cut <= octets.size(); ++cut)
    CHECK(received(octets.substr(cut), 64, 64, octets.substr(0, cut)).first == kClear);
}

TEST_CASE("a stream that is cut off gives what could be read, and never more") {
  const std::string octets = packed({"a1 NOOP\r\n", "a2 NOOP\r\n"});
  for (std::size_t cut = 0; cut < octets.size(); ++cut) {
    const auto [text, why] = received(octets.substr(0, cut), 3);
    CHECK("a1 NOOP\r\na2 NOOP\r\n"sv.starts_with(text));
    CHECK(why == io::kEndOfStream.name);
  }
}

TEST_CASE("what is no DEFLATE closes the connection") {
  const auto [text, why] = received("a1 NOOP\r\n", 64);
  CHECK(text.empty());
  CHECK(why == kBadData.name);
}

TEST_CASE("what becomes too much closes the connection") {
  const std::string zeros(kSlice, '\0');
  std::string octets;
  Deflater deflater;
  const std::string_view piece = zeros;
  for (int i = 0; i < 10; ++i) deflater.append(std::span(&piece, 1), octets);
  CHECK(received(octets, 4096, 4096).first.size() == 10 * kSlice);
  const auto [text, why] = received(octets, 4096, 4096, {}, 2 * kSlice);
  CHECK(why == kBomb.name);
  CHECK(text.size() <= 2 * kSlice + octets.size() * kRatioMax);
}

TEST_CASE("the end of the compressed stream is the end") {
  // A last block of nothing (RFC 1951 section 3.2.3), and octets behind it.
  const auto [text, why] = received(packed({"a1 LOGOUT\r\n"}) + "\x03" + std::string(1, '\0') + "garbage", 64);
  CHECK(text == "a1 LOGOUT\r\n");
  CHECK(why == io::kEndOfStream.name);
}

TEST_CASE("octets cross in both directions, through a stream that takes few at a time, and none is lost") {
  for (const std::size_t capacity : {1UZ, 7UZ, 100UZ, 100'000UZ}) {
    io::SimulatedLoop loop;
    auto pair = memory_connections({.capacity = capacity});
    auto client = deflated(*pair.client);
    auto server = deflated(*pair.server);
    std::string text;
    for (int i = 0; i < 30'000; ++i) text += std::to_string(i * 7919 % 10'007);
    std::string there;
    std::string back;
    auto send = [&](Connection& connection) -> io::Task<> {
      // In two calls: what is under way of the first does not count for the second.
      CHECK(co_await io::write_all(connection, std::string_view(text).substr(0, 203)));
      CHECK(co_await io::write_all(connection, std::string_view(text).substr(203)));
      (void)connection.shutdown_write();
    };
    auto read = [&](Connection& connection, std::string& into) -> io::Task<> {
      into = (co_await read_all(connection, 1000)).first;
    };
    loop.spawn(send(*client));
    loop.spawn(send(*server));
    loop.spawn(read(*client, back));
    loop.spawn(read(*server, there));
    loop.run();
    CHECK(there == text);
    CHECK(back == text);
  }
}

TEST_CASE("an answer of many pieces is whole at the client once it was flushed, lent bodies among them") {
  io::SimulatedLoop loop;
  auto pair = memory_connections({.capacity = 5000});
  auto client = deflated(*pair.client);
  auto server = deflated(*pair.server);
  Output output;
  std::string all;
  for (int i = 0; i < 100; ++i) {
    const auto body = std::make_shared<const std::string>(3000 + i, static_cast<char>('a' + i % 26));
    const std::string head = "* " + std::to_string(i) + " FETCH (BODY[] {" + std::to_string(body->size()) + "}\r\n";
    output.append(head);
    output.append(body, *body);
    all += head + *body;
  }
  std::string there;
  auto send = [&]() -> io::Task<> {
    CHECK(co_await output.flush(*server));
    (void)server->shutdown_write();
  };
  auto read = [&]() -> io::Task<> { there = (co_await read_all(*client, 700)).first; };
  loop.spawn(send());
  loop.spawn(read());
  loop.run();
  CHECK(there == all);
}

TEST_CASE(
    "whoever asks for the rest amid a block waits for its end, wherever what came was cut, and turns no loop "
    "meanwhile") {
  const std::string line = "a UNAUTHENTICATE\r\n";
  const std::string clear = line + std::string(3000, 'x');
  const std::string octets = packed({clear});
  for (std::size_t cut = 1; cut < octets.size(); ++cut) {
    CAPTURE(cut);
    io::SimulatedLoop loop;
    auto pair = memory_connections();
    auto reader = deflated(*pair.server, std::string_view(octets).substr(0, cut));
    std::string room(line.size(), '\0');
    const auto count = reader->try_read(room);
    REQUIRE(count);
    if (*count != line.size()) continue;
    const auto rest = reader->take_rest();
    REQUIRE(rest);
    if (*rest) continue;
    bool ready = false;
    auto wait = [&]() -> io::Task<> { ready = (co_await reader->readable()).has_value(); };
    loop.spawn(wait());
    loop.settle();
    CHECK_FALSE(ready);
    (void)pair.client->try_write(std::string_view(octets).substr(cut));
    loop.settle();
    CHECK(ready);
    const auto after = reader->take_rest();
    REQUIRE(after);
    CHECK(after->has_value());
  }
}

TEST_CASE("a block without an end is waited for so long and no longer") {
  io::SimulatedLoop loop;
  auto pair = memory_connections();
  // Of one block; its end does not come.
  auto reader = deflated(*pair.server, open_block(1u << 20), 1u << 30);
  std::string room(10, '\0');
  REQUIRE(reader->try_read(room));
  Result<std::optional<std::string>> rest = std::optional<std::string>();
  for (int i = 0; i < 100 && rest && !*rest; ++i) rest = reader->take_rest();
  REQUIRE(!rest);
  CHECK(rest.error().is(kBadData));
}

TEST_CASE("no TLS begins under compression") {
  io::SimulatedLoop loop;
  auto pair = memory_connections();
  auto client = deflated(*pair.client);
  CHECK(!client->can_start_tls());
  auto start = [&]() -> io::Task<> {
    Input input;
    const auto started = co_await client->start_tls(input);
    CHECK(started.error().is(kNoTls));
  };
  loop.spawn(start());
  loop.run();
}

}  // namespace angarium::wire::deflate
