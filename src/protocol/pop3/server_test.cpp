// What scripts can't show: large messages, lost connections, what is durable when.
#include "protocol/pop3/server.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "io/memory.h"
#include "protocol/pop3/memory_backend.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::pop3;

namespace {

/// One server session and the raw end of its client.
struct Bench {
  io::SimulatedLoop loop;
  MemoryHouse house;
  ServerOptions options{.plaintext_without_tls = sasl::Plaintext::allowed};
  wire::MemoryConnections connections;
  std::unique_ptr<MemoryAuthenticator> authenticator;
  std::unique_ptr<io::Event> stop;
  bool closed = false;

  explicit Bench(std::size_t capacity = 256 * 1024) : connections(wire::memory_connections({.capacity = capacity})) {
    house.users["ann"] = {.password = "secret",
                          .messages = {{"u1", "Subject: 1\r\n\r\none\r\n"}, {"u2", "Subject: 2\r\n\r\ntwo\r\n"}}};
  }
  ~Bench() {
    connections.client->close();
    loop.run();
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  void start() {
    authenticator = std::make_unique<MemoryAuthenticator>(house);
    stop = std::make_unique<io::Event>(loop);
    loop.spawn(serve(*connections.server, *authenticator, options, stop.get()));
    loop.settle();
  }
  void send(std::string_view octets) {
    while (!octets.empty()) {
      const auto count = connections.client->try_write(octets);
      if (!count) return;
      octets.remove_prefix(*count);
      loop.settle();
    }
  }
  std::string receive() {
    std::string result;
    std::array<char, 8192> room;
    for (;;) {
      loop.settle();
      const auto count = connections.client->try_read(room);
      if (!count) closed = true;
      if (!count || *count == 0) return result;
      result.append(room.data(), *count);
    }
  }
  std::string exchange(std::string_view octets) {
    send(octets);
    return receive();
  }
  void log_in() {
    start();
    CHECK(exchange("USER ann\r\nPASS secret\r\n").find("+OK maildrop has") != std::string::npos);
  }
};

}  // namespace

TEST_CASE("a message larger than every buffer arrives whole, and little of it waits in memory") {
  for (const bool shared : {true, false})
    for (const std::size_t piece : {std::size_t{1000}, std::size_t{65536}}) {
      Bench bench(16 * 1024);
      std::string message = "Subject: large\r\n\r\n";
      for (int i = 0; message.size() < 3'000'000; ++i)
        message += (i % 7 == 0 ? ".line " : "line ") + std::to_string(i) + "\r\n";
      bench.house.users["ann"].messages = {{"u", message}};
      bench.house.piece = piece;
      bench.house.shared_pieces = shared;
      bench.log_in();
      std::string expected = "+OK " + std::to_string(message.size()) + " octets\r\n";
      std::string_view rest = message;
      while (!rest.empty()) {
        const std::string_view line = take_until(rest, '\n');
        expected += (line.starts_with('.') ? "." : "") + std::string(line) + "\n";
      }
      CHECK(bench.exchange("RETR 1\r\n") == expected + ".\r\n");
    }
}

TEST_CASE("RFC 1939 section 6: nothing is removed before QUIT, nor when the connection is lost") {
  Bench bench;
  bench.log_in();
  bench.exchange("DELE 1\r\n");
  CHECK(bench.house.users["ann"].messages.size() == 2);
  bench.connections.client->close();
  bench.loop.settle();
  CHECK(bench.loop.tasks() == 0);
  CHECK(bench.house.users["ann"].messages.size() == 2);
  CHECK(!bench.house.users["ann"].open);
}

TEST_CASE("RFC 1939 section 6: QUIT removes what is marked, and the lock is gone when +OK is read") {
  Bench bench;
  bench.log_in();
  CHECK(bench.exchange("DELE 1\r\nQUIT\r\n").ends_with("+OK the marked messages are removed, bye\r\n"));
  REQUIRE(bench.house.users["ann"].messages.size() == 1);
  CHECK(bench.house.users["ann"].messages[0].unique_id == "u2");
  CHECK(!bench.house.users["ann"].open);
  CHECK(bench.closed);
}

TEST_CASE("RSET before QUIT removes nothing, and a failed removal keeps all") {
  Bench bench;
  bench.log_in();
  bench.exchange("DELE 1\r\nRSET\r\nQUIT\r\n");
  CHECK(bench.house.users["ann"].messages.size() == 2);
  Bench failing;
  failing.house.fail_remove = Error(sasl::kUnavailable, "full");
  failing.log_in();
  CHECK(failing.exchange("DELE 1\r\nDELE 2\r\nQUIT\r\n")
            .ends_with("-ERR [SYS/TEMP] not possible now, try again later\r\n"));
  CHECK(failing.house.users["ann"].messages.size() == 2);
}

TEST_CASE("a message that breaks off ends the connection, without the final dot") {
  Bench bench;
  bench.house.piece = 8;
  bench.house.fail_read_after = 8;
  bench.log_in();
  const std::string answer = bench.exchange("RETR 1\r\nNOOP\r\n");
  CHECK(answer.find("\r\n.\r\n") == std::string::npos);
  CHECK(bench.closed);
  CHECK(bench.house.users["ann"].messages.size() == 2);
}

TEST_CASE("RFC 3206 section 4: a message that can't be read is -ERR [SYS/PERM], and the session goes on") {
  Bench bench;
  bench.house.fail_read_after = 0;
  bench.log_in();
  CHECK(bench.exchange("RETR 1\r\nTOP 1 0\r\nNOOP\r\n") ==
        "-ERR [SYS/PERM] the server failed; the incident has been logged\r\n"
        "-ERR [SYS/PERM] the server failed; the incident has been logged\r\n+OK\r\n");
  CHECK(!bench.closed);
}

TEST_CASE("what was sent in plain behind STLS is dropped") {
  Bench bench;
  bench.start();
  bench.receive();
  bench.send("USER ann\r\nSTLS\r\nPASS secret\r\n");
  auto tls = [](wire::Connection& client) -> io::Task<> {
    wire::Input nothing;
    CHECK((co_await client.start_tls(nothing)).has_value());
  };
  bench.loop.spawn(tls(*bench.connections.client));
  bench.loop.settle();
  bench.receive();
  CHECK(std::ranges::count(bench.house.offences, Offence::injected_plaintext) == 1);
  // The user name is forgotten as well (RFC 2595 section 4).
  CHECK(bench.exchange("PASS secret\r\n") == "-ERR say USER first\r\n");
}

TEST_CASE("command lines at the limit and one past; a line without end costs no memory") {
  Bench bench;
  bench.start();
  bench.receive();
  CHECK(bench.exchange("USER " + std::string(kCommandLineMax - 5, 'u') + "\r\n") == "+OK send the password\r\n");
  CHECK(bench.exchange("USER " + std::string(kCommandLineMax - 4, 'u') + "\r\n") == "-ERR the command is too long\r\n");
  CHECK(bench.exchange(std::string(300'000, 'u')) == "-ERR the command is too long\r\n");
  CHECK(bench.exchange("\r\nQUIT\r\n") == "+OK bye\r\n");
}

TEST_CASE("an initial response may be as long as a response, behind AUTH only") {
  Bench bench;
  bench.start();
  bench.receive();
  const std::string refused = bench.exchange("AUTH PLAIN AAAA\r\n");
  CHECK(bench.exchange("auth PLAIN " + std::string(kSaslLineMax, 'A') + "\r\n") == refused);
  CHECK(bench.exchange("AUTH PLAIN " + std::string(kSaslLineMax + 100, 'A') + "\r\n") ==
        "-ERR the command is too long\r\n");
  CHECK(bench.exchange("AUTHOR " + std::string(kSaslLineMax, 'A') + "\r\n") == "-ERR the command is too long\r\n");
  CHECK(bench.exchange("\r\nQUIT\r\n").ends_with("+OK bye\r\n"));
}

TEST_CASE("a SASL response may be longer than a command, and has its own limit") {
  for (const std::size_t size : {kSaslLineMax, kSaslLineMax + 4}) {
    Bench bench;
    bench.start();
    bench.receive();
    bench.exchange("AUTH PLAIN\r\n");
    const std::string answer = bench.exchange(std::string(size, 'A') + "\r\n");
    CHECK(answer ==
          (size == kSaslLineMax ? "-ERR an empty name or password\r\n" : "-ERR the response is too long\r\n"));
    CHECK(bench.exchange("QUIT\r\n") == "+OK bye\r\n");
  }
}

TEST_CASE("so many commands before login and no more") {
  Bench bench;
  bench.start();
  bench.receive();
  for (unsigned i = 0; i < kCommandsBeforeLoginMax; ++i) CHECK(bench.exchange("UTF8\r\n") == "+OK UTF-8 mode\r\n");
  CHECK(bench.exchange("UTF8\r\n") == "-ERR too many commands without a login\r\n");
  CHECK(bench.closed);
}

TEST_CASE("an octet now and then does not keep a session alive") {
  Bench bench;
  bench.start();
  bench.receive();
  for (int i = 0; i < 7 && !bench.closed; ++i) {
    bench.loop.advance(std::chrono::seconds(10));
    bench.exchange("x");
  }
  CHECK(bench.closed);
  CHECK(std::ranges::count(bench.house.offences, Offence::too_slow) == 1);
}

TEST_CASE("a client that reads nothing is given up in time") {
  Bench bench(1024);
  bench.house.users["ann"].messages = {{"u", "A: b\r\n\r\n" + std::string(2'000'000, 'x') + "\r\n"}};
  bench.log_in();
  bench.send("RETR 1\r\n");
  bench.loop.advance(std::chrono::minutes(11));
  CHECK(bench.loop.tasks() == 0);
  CHECK(!bench.house.users["ann"].open);
}

TEST_CASE("a client that reads nothing and stops in the middle of a command has no more time than another") {
  Bench bench(512);
  bench.log_in();
  // Little enough to stay below what is waited for after each command.
  std::string noops;
  for (int i = 0; i < 200; ++i) noops += "NOOP\r\n";
  for (const std::string_view piece : {std::string_view(noops), std::string_view("NO")}) {
    std::string_view left = piece;
    while (!left.empty()) {
      const auto count = bench.connections.client->try_write(left);
      if (!count || *count == 0) break;
      left.remove_prefix(*count);
      bench.loop.settle();
    }
  }
  bench.loop.advance(bench.options.send_timeout - std::chrono::seconds(1));
  CHECK(bench.loop.tasks() == 1);
  bench.loop.advance(std::chrono::seconds(2));
  CHECK(bench.loop.tasks() == 0);
}

TEST_CASE("a server that shuts down says so to those who wait, and removes nothing") {
  Bench bench;
  bench.log_in();
  bench.exchange("DELE 1\r\n");
  bench.stop->set();
  CHECK(bench.receive() == "-ERR [SYS/TEMP] the server ends this session\r\n");
  CHECK(bench.closed);
  CHECK(bench.house.users["ann"].messages.size() == 2);
}

TEST_CASE("RETR tells the size of what it sends, whatever was counted when the message came") {
  Bench bench;
  bench.house.users["ann"].messages[0].listed = 20;
  bench.log_in();
  CHECK(bench.exchange("LIST 1\r\n") == "+OK 1 20\r\n");
  CHECK(bench.exchange("RETR 1\r\n") == "+OK 19 octets\r\nSubject: 1\r\n\r\none\r\n.\r\n");
}

TEST_CASE("a hundred thousand messages are listed without being held at once") {
  Bench bench(4096);
  auto& messages = bench.house.users["ann"].messages;
  messages.assign(100'000, {"", "A: b\r\n\r\n"});
  for (std::size_t i = 0; i < messages.size(); ++i) messages[i].unique_id = std::to_string(i);
  bench.log_in();
  const std::string answer = bench.exchange("UIDL\r\n");
  CHECK(std::ranges::count(answer, '\n') == 100'002);
  CHECK(answer.ends_with("\r\n100000 99999\r\n.\r\n"));
}
