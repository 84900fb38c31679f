// The client against the server.
#include "protocol/pop3/client.h"

#include <map>

#include "base/text.h"
#include "io/memory.h"
#include "protocol/pop3/memory_backend.h"
#include "protocol/pop3/server.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::pop3;

namespace {

struct Collector final : MessageSink {
  std::map<Number, std::string> messages;
  std::map<Number, std::string_view> refusals;
  std::vector<Number> order;
  std::string* current = nullptr;

  Result<> begin(Number number) override {
    current = &messages[number];
    order.push_back(number);
    return {};
  }
  io::ValueOrTask<Result<>> append(std::string_view octets) override {
    *current += octets;
    return Result<>{};
  }
  io::ValueOrTask<Result<>> end(Number) override { return Result<>{}; }
  Result<> refused(Number number, const Error& error) override {
    refusals[number] = error.kind().name;
    return {};
  }
};

/// A server session and a client, which a coroutine drives.
struct Bench {
  io::SimulatedLoop loop;
  MemoryHouse house;
  ServerOptions server_options{};
  ClientOptions client_options{};
  wire::MemoryConnectionOptions connection_options{};
  int ended = 0;

  explicit Bench(std::uint64_t seed = 0) : loop(seed) {
    house.users["ann"] = {.password = "open sesame"};
    for (int i = 1; i <= 200; ++i)
      house.users["ann"].messages.push_back(
          {"id" + std::to_string(i),
           "Subject: " + std::to_string(i) + "\r\n\r\n.body\r\n" + std::string(i * 50, 'x') + "\r\n"});
  }
  static Credentials credentials(std::string_view password = "open sesame") {
    return {.identity = {"ann", ""}, .password = sasl::Secret::copy(password)};
  }

  /// Runs `work` with a client that has read the greeting; it must come to its end.
  template <class Work>
  void run(Work work) {
    auto connections = wire::memory_connections(connection_options);
    MemoryAuthenticator authenticator(house);
    loop.spawn(serve(*connections.server, authenticator, server_options));
    loop.spawn(drive(*connections.client, work));
    loop.run();
    CHECK(ended == 1);
  }
  template <class Work>
  io::Task<> drive(wire::Connection& connection, Work& work) {
    Client client(connection, client_options);
    CHECK((co_await client.greeting()).has_value());
    co_await work(client);
    ++ended;
    connection.close();
  }
};

}  // namespace

TEST_CASE("the client logs in by every mechanism that is alone on offer") {
  for (const std::string_view mechanism :
       {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", ""}) {
    CAPTURE(mechanism);
    Bench bench;
    bench.connection_options.encrypted = true;
    bench.server_options.mechanisms = {mechanism};
    bench.run([](Client& client) -> io::Task<> {
      const auto in = co_await client.login(Bench::credentials());
      CHECK_MESSAGE(in.has_value(), (in ? "" : in.error().text()));
      const auto stat = co_await client.stat();
      CHECK(stat.has_value());
      CHECK(stat->messages == 200);
      CHECK((co_await client.quit()).has_value());
    });
  }
}

TEST_CASE("a wrong password is bad credentials by every mechanism, and the session goes on") {
  for (const std::string_view mechanism : {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "PLAIN", "LOGIN", ""}) {
    Bench bench;
    bench.connection_options.encrypted = true;
    bench.server_options.mechanisms = {mechanism};
    bench.run([](Client& client) -> io::Task<> {
      const auto in = co_await client.login(Bench::credentials("wrong"));
      CHECK(in.error().is(sasl::kBadCredentials));
      CHECK((co_await client.login(Bench::credentials())).has_value());
    });
  }
}

TEST_CASE("without TLS the client proves its password or does not log in") {
  Bench bench;
  bench.run([](Client& client) -> io::Task<> {
    CHECK((co_await client.login(Bench::credentials())).has_value());
    CHECK(client.capability("SASL") != nullptr);
    CHECK(client.capability("USER") == nullptr);
  });
  Bench plain;
  plain.server_options.mechanisms = {"PLAIN", "LOGIN"};
  plain.server_options.plaintext_without_tls = sasl::Plaintext::allowed;
  plain.run([](Client& client) -> io::Task<> {
    CHECK((co_await client.login(Bench::credentials())).error().is(kNoMechanism));
  });
}

TEST_CASE("APOP where there is nothing better") {
  Bench bench;
  bench.server_options.mechanisms = {};
  bench.server_options.apop = Apop::on;
  bench.run([](Client& client) -> io::Task<> {
    // It is weak: only with leave.
    CHECK((co_await client.login(Bench::credentials())).error().is(kNoMechanism));
    Credentials credentials = Bench::credentials();
    credentials.weak = sasl::Choice::Weak::allowed;
    CHECK((co_await client.login(std::move(credentials))).has_value());
  });
}

TEST_CASE("STLS, then a login bound to the channel") {
  Bench bench;
  bench.run([](Client& client) -> io::Task<> {
    CHECK((co_await client.capa()).has_value());
    CHECK(client.capability("STLS") != nullptr);
    CHECK((co_await client.stls()).has_value());
    CHECK(client.capability("STLS") == nullptr);
    CHECK(client.capability("SASL")->parameters.front() == "SCRAM-SHA-256-PLUS");
    CHECK((co_await client.login(Bench::credentials())).has_value());
    CHECK((co_await client.stls()).error().is(kRefused));
  });
}

TEST_CASE("listings agree with what is retrieved, pipelined or one at a time") {
  for (const std::size_t pipeline : {1, 64})
    for (const std::uint64_t seed : {0, 1, 2}) {
      Bench bench(seed);
      bench.client_options.pipeline_max = pipeline;
      bench.connection_options.capacity = 5000;
      bench.run([&](Client& client) -> io::Task<> {
        CHECK((co_await client.login(Bench::credentials())).has_value());
        const auto listed = (co_await client.list()).value();
        const auto unique = (co_await client.uidl()).value();
        const auto stat = (co_await client.stat()).value();
        REQUIRE(listed.size() == 200);
        REQUIRE(unique.size() == 200);
        std::vector<Number> numbers;
        std::uint64_t octets = 0;
        for (const Listed& one : listed) {
          numbers.push_back(one.number);
          octets += one.octets;
        }
        CHECK(stat.octets == octets);
        Collector collector;
        CHECK((co_await client.retr(numbers, collector)).has_value());
        CHECK(collector.order == numbers);
        for (std::size_t i = 0; i < 200; ++i) {
          CHECK(collector.messages[numbers[i]].size() == listed[i].octets);
          CHECK(collector.messages[numbers[i]] == bench.house.users["ann"].messages[i].octets);
          CHECK(unique[i].id == bench.house.users["ann"].messages[i].unique_id);
        }
        CHECK((co_await client.last()).value() == 200);
      });
    }
}

TEST_CASE("a refused message does not disturb the others; marks, RSET and QUIT") {
  Bench bench;
  bench.run([](Client& client) -> io::Task<> {
    CHECK((co_await client.login(Bench::credentials())).has_value());
    const std::vector<Number> marked = {2, 3};
    CHECK((co_await client.dele(marked)).has_value());
    const std::vector<Number> again = {3, 4, 999};
    CHECK((co_await client.dele(again)).error().is(kRefused));
    Collector collector;
    const std::vector<Number> numbers = {1, 2, 5};
    CHECK((co_await client.retr(numbers, collector)).has_value());
    CHECK(collector.refusals.size() == 1);
    CHECK(collector.refusals[2] == kRefused.name);
    CHECK(collector.order == std::vector<Number>{1, 5});
    CHECK((co_await client.top(1, 0, collector)).has_value());
    CHECK((co_await client.rset()).has_value());
    CHECK((co_await client.noop()).has_value());
    CHECK((co_await client.dele(marked)).has_value());
    CHECK((co_await client.quit()).has_value());
  });
  CHECK(bench.house.users["ann"].messages.size() == 198);
}

TEST_CASE("kinds of refusal reach the caller") {
  Bench bench;
  bench.house.fail_open = Error(kInUse, "held");
  bench.run([&](Client& client) -> io::Task<> {
    CHECK((co_await client.login(Bench::credentials())).error().is(kInUse));
    bench.house.fail_open = Error(sasl::kUnavailable, "");
    CHECK((co_await client.login(Bench::credentials())).error().is(kTemporary));
    bench.house.fail_open.reset();
    bench.house.users["ann"].messages = {{"u", "Subject: \xC3\xA9\r\n\r\n"}};
    CHECK((co_await client.login(Bench::credentials())).has_value());
    Collector collector;
    const std::vector<Number> first = {1};
    CHECK((co_await client.retr(first, collector)).has_value());
    CHECK(collector.refusals[1] == kNeedsUtf8.name);
  });
}

TEST_CASE("a silent server is given up in time") {
  io::SimulatedLoop loop;
  auto connections = wire::memory_connections();
  bool ended = false;
  auto work = [&]() -> io::Task<> {
    Client client(*connections.client, {.timeout = std::chrono::seconds(30)});
    CHECK((co_await client.greeting()).error().is(kTimedOut));
    ended = true;
  };
  loop.spawn(work());
  loop.run();
  CHECK(ended);
}

TEST_CASE("a stream that breaks at any octet ends both sides, and nothing is removed without QUIT's answer") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    io::SimulatedLoop loop(seed);
    MemoryHouse house;
    house.users["ann"] = {.password = "open sesame",
                          .messages = {{"u1", "A: b\r\n\r\n" + std::string(2000, 'x') + "\r\n"}}};
    MemoryAuthenticator authenticator(house);
    auto pair = io::memory_pair({.chunk = 7});
    auto client_end = wire::plain_connection(io::faulty(
        std::move(pair.first), {.seed = seed, .reset_per_million = 3000, .nothing_per_million = 100'000, .most = 50}));
    auto server_end = wire::plain_connection(std::move(pair.second));
    const ServerOptions options;
    enum class Quit { not_sent, sent, answered } quit = Quit::not_sent;
    auto work = [&]() -> io::Task<> {
      Client client(*client_end);
      Collector collector;
      const std::vector<Number> first = {1};
      if (!co_await client.greeting() || !co_await client.login(Bench::credentials())) co_return client_end->close();
      if (!co_await client.retr(first, collector)) co_return client_end->close();
      CHECK(collector.messages[1] == "A: b\r\n\r\n" + std::string(2000, 'x') + "\r\n");
      if (!co_await client.dele(first)) co_return client_end->close();
      quit = Quit::sent;
      if (co_await client.quit()) quit = Quit::answered;
      client_end->close();
    };
    loop.spawn(serve(*server_end, authenticator, options));
    loop.spawn(work());
    loop.run();
    CHECK(loop.tasks() == 0);
    CHECK(!house.users["ann"].open);
    if (quit == Quit::answered) CHECK(house.users["ann"].messages.empty());
    if (quit == Quit::not_sent) CHECK(house.users["ann"].messages.size() == 1);
  }
}
