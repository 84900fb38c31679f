#include "wire/saslsec/connection.h"

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"
#include "wire/saslsec/client.h"

namespace angarium::wire::saslsec {
namespace {

/// Adds one to every octet, and numbers its buffers; small enough for limits to be met.
class Shift final : public sasl::SecurityLayer {
 public:
  static constexpr std::size_t kClearMax = 10;
  [[nodiscard]] std::size_t clear_max() const override { return kClearMax; }
  [[nodiscard]] std::size_t receive_max() const override { return kClearMax + 1; }
  Result<std::string> wrap(std::string_view clear) override {
    if (clear.empty() || clear.size() > kClearMax) return fail(kBroken, "not a buffer of ours");
    std::string buffer(1, static_cast<char>(out_++));
    for (const char c : clear) buffer += static_cast<char>(c + 1);
    return buffer;
  }
  Result<std::string> unwrap(std::string_view buffer) override {
    if (buffer.empty() || buffer.front() != static_cast<char>(in_++)) return fail(sasl::kLayer, "not the next one");
    std::string clear;
    for (const char c : buffer.substr(1)) clear += static_cast<char>(c - 1);
    return clear;
  }

 private:
  unsigned char out_ = 0;
  unsigned char in_ = 0;
};

/// The octets on the wire for these buffers.
std::string on_the_wire(std::initializer_list<std::string_view> clear) {
  Shift layer;
  std::string result;
  for (const std::string_view one : clear) {
    const std::string buffer = layer.wrap(one).value();
    result += std::string(3, '\0') + static_cast<char>(buffer.size()) + buffer;
  }
  return result;
}

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

/// What a reader gets of octets that come in pieces of this size, before the end.
std::pair<std::string, std::string_view> received(std::string_view octets, std::size_t piece,
                                                  std::size_t at_a_time = 64, std::string_view already = {}) {
  std::pair<std::string, std::string_view> result;
  io::SimulatedLoop loop;
  auto pair = memory_connections();
  auto reader = secured(*pair.server, std::make_unique<Shift>(), already);
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

TEST_CASE("RFC 4422 section 3.7: buffers behind four octets of their length, however they come and are read") {
  const std::string octets = on_the_wire({"hello", "w", "0123456789"});
  for (std::size_t piece = 1; piece <= octets.size(); ++piece)
    for (const std::size_t at_a_time : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
      const auto [text, why] = received(octets, piece, at_a_time);
      CHECK(text == "hellow0123456789");
      CHECK(why == io::kEndOfStream.name);
    }
  for (std::size_t cut = 0; cut <= octets.size(); ++cut)
    CHECK(received(octets.substr(cut), 64, 64, octets.substr(0, cut)).first == "hellow0123456789");
}

TEST_CASE("a stream that ends amid a buffer was cut off: only what was whole is given out") {
  const std::string first = on_the_wire({"hello"});
  const std::string octets = on_the_wire({"hello", "world"});
  for (std::size_t cut = 0; cut < octets.size(); ++cut) {
    const auto [text, why] = received(octets.substr(0, cut), 3);
    CHECK(text == (cut < first.size() ? "" : "hello"));
    CHECK(why == (cut == 0 || cut == first.size() ? io::kEndOfStream.name : sasl::kLayer.name));
  }
}

TEST_CASE("RFC 4422 section 3.7: a buffer at the limit is read, one past it closes the connection before it has come") {
  const std::string most = on_the_wire({"0123456789"});
  CHECK(received(most, 64).first == "0123456789");
  std::string longer = most;
  longer[3] = static_cast<char>(longer[3] + 1);
  const auto [text, why] = received(longer + "x", 64);
  CHECK(text.empty());
  CHECK(why == sasl::kLayer.name);
  // The length alone is enough.
  CHECK(received(std::string("\0\0\0\x0C", 4), 64).second == sasl::kLayer.name);
  CHECK(received("\xFF\xFF\xFF\xFF", 64).second == sasl::kLayer.name);
  CHECK(received(std::string(4, '\0'), 64).second == sasl::kLayer.name);  // an empty buffer holds no proof
}

TEST_CASE("a buffer that is not the peer's next one ends all reading, what came before it is given out") {
  const std::string octets = on_the_wire({"hello", "world"});
  const auto [text, why] = received(octets + octets, 64);
  CHECK(text == "helloworld");
  CHECK(why == sasl::kLayer.name);
}

TEST_CASE("octets cross in both directions, through a stream that takes few at a time, and none is lost") {
  for (const std::size_t capacity : {1UZ, 7UZ, 100UZ}) {
    io::SimulatedLoop loop;
    auto pair = memory_connections({.capacity = capacity});
    auto client = secured(*pair.client, std::make_unique<Shift>());
    auto server = secured(*pair.server, std::make_unique<Shift>());
    std::string text;
    for (int i = 0; i < 500; ++i) text += static_cast<char>('a' + i % 26);
    std::string there;
    std::string back;
    auto send = [&](Connection& connection) -> io::Task<> {
      // In two calls: what is under way of the first does not count for the second.
      CHECK(co_await io::write_all(connection, std::string_view(text).substr(0, 203)));
      CHECK(co_await io::write_all(connection, std::string_view(text).substr(203)));
      (void)connection.shutdown_write();
    };
    auto read = [&](Connection& connection, std::string& into) -> io::Task<> {
      into = (co_await read_all(connection, 16)).first;
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

TEST_CASE("no TLS begins under a layer") {
  io::SimulatedLoop loop;
  auto pair = memory_connections();
  auto client = secured(*pair.client, std::make_unique<Shift>());
  CHECK(!client->can_start_tls());
  auto start = [&]() -> io::Task<> {
    Input input;
    const auto started = co_await client->start_tls(input);
    CHECK(started.error().is(kNoTls));
  };
  loop.spawn(start());
  loop.run();
}

TEST_CASE("over TLS that may carry no password a client uses no proof that is bound to nothing") {
  io::SimulatedLoop loop;
  using sasl::Plaintext;
  for (const bool encrypted : {true, false}) {
    auto pair = memory_connections({.encrypted = encrypted});
    const auto chosen = [&](std::vector<std::string_view> names, Plaintext plaintext) -> std::string_view {
      sasl::ClientContext credentials;
      credentials.has = sasl::Needs::ticket;
      const sasl::Mechanism* const found =
          choose_on(*pair.client, names, credentials, plaintext, sasl::Choice::Weak::refused);
      return found == nullptr ? "" : found->name;
    };
    CHECK(chosen({"GSSAPI"}, Plaintext::refused) == (encrypted ? "" : "GSSAPI"));
    CHECK(chosen({"GSSAPI"}, Plaintext::allowed) == "GSSAPI");
    CHECK(chosen({"GSSAPI", "GS2-KRB5"}, Plaintext::refused) == "GS2-KRB5");
    CHECK(chosen({"GS2-KRB5-PLUS", "GS2-KRB5"}, Plaintext::refused) == (encrypted ? "GS2-KRB5-PLUS" : "GS2-KRB5"));
  }
}

}  // namespace angarium::wire::saslsec
