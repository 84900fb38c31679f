#include "wire/connection/connection.h"

#include "io/memory.h"
#include "support/run.h"
#include "support/session.h"
#include "support/test.h"
#include "wire/framing/output.h"

namespace angarium::wire {
namespace {

using namespace std::chrono_literals;

/// A protocol in a few lines, to try the scripts on.
class LineServer {
 public:
  explicit LineServer(Connection& connection) : connection_(connection) {}

  io::Task<> serve() {
    output_.append("220 test ready\r\n");
    auto& loop = io::Loop::current();
    while (!ended_) {
      connection_.set_deadline(loop.now() + 5min);
      if (!co_await output_.flush(connection_)) co_return;
      auto line = input_.take_line(100);
      if (!line) {
        output_.append("500 too long\r\n");
      } else if (*line) {
        co_await answer((*line)->text);
      } else if (auto more = co_await input_.more(connection_); !more) {
        if (!more.error().is(kTimedOut)) co_return;
        output_.append("421 timeout\r\n");
        ended_ = true;
      }
    }
    (void)co_await output_.flush(connection_);
  }

 private:
  io::Task<> answer(std::string_view line) {
    if (line == "slow") co_await io::Loop::current().sleep_for(1s);
    if (line == "starttls") co_return co_await start_tls();
    if (line == "token") {
      output_.append("201 4711 is yours\r\n");
    } else if (line == "both") {
      output_.append("a\r\nb\r\n");
    } else if (line == "quit") {
      output_.append("221 bye\r\n");
      ended_ = true;
    } else if (line == "dropped" && connection_.tls()) {
      output_.append("200 " + std::to_string(dropped_) + " dropped over " + connection_.tls()->version + "\r\n");
    } else {
      output_.append("200 ");
      output_.append(line);
      output_.append("\r\n");
    }
  }

  io::Task<> start_tls() {
    if (!connection_.can_start_tls()) {
      output_.append("500 no\r\n");
      co_return;
    }
    output_.append("220 go ahead\r\n");
    (void)co_await output_.flush(connection_);
    auto dropped = co_await connection_.start_tls(input_);
    if (dropped) dropped_ = *dropped;
    ended_ = !dropped;
  }

  Connection& connection_;
  Input input_;
  Output output_;
  std::size_t dropped_ = 0;
  bool ended_ = false;
};

io::Task<> serve_lines(Connection& connection) { co_await LineServer(connection).serve(); }

test::ServerSetup line_server() {
  return [] { return serve_lines; };
}

std::string play(std::string_view script, test::Delivery delivery = test::Delivery::whole) {
  return test::play_session(script, line_server(), {.delivery = delivery});
}

TEST_CASE("session scripts hold for every delivery of the client's octets") {
  test::check_sessions(test::room_path("session"), line_server());
}

TEST_CASE("a session that goes otherwise is told with its line") {
  CHECK(play("S: 220 {*}\nC: a\nS: 200 b\n").starts_with("line 3: \n  expected: 200 b\n  got:      200 a"));
  CHECK(play("S: 220 {*}\nC: a\n").starts_with("after the script, connection 1: the server said: 200 a"));
  CHECK(play("S: 220 {*}\nS: 220 {*}\n").starts_with("line 2: the server said nothing"));
  CHECK(play("S: 220 {*}\nC: a\nSILENCE\n").starts_with("line 3: the server said: 200 a"));
  CHECK(play("S: 220 {*}\nEOF\n") == "line 2: the connection is still open");
  CHECK(play("S: 220 {*}\nC: quit\nS: 221 bye\nS: more\n").starts_with("line 4: the server ended the connection"));
  CHECK(play("S: 220 {*}\nC: both\nS?: a\nS?: c\n").find("expected none of these: b") != std::string::npos);
  CHECK(play("S: 220 {*}\nC: a\nS: {x:=[0-9]+}\n").find("got:      200 a") != std::string::npos);
  CHECK(play("S: 220 {*}\nC: {$x}\n") == "line 2: nothing was remembered as {$x}");
  CHECK(play("S: 220 {*}\nTLS\n") == "line 2: the server does not start TLS");
}

TEST_CASE("a script that is not one is refused with its line") {
  for (std::string_view script :
       {"S; 220\n", "C-raw: \\q\n", "C-raw: \\x4\n", "TIME 30s\n", "C<<\nno end\n", "TLS now\n"})
    CHECK_MESSAGE(play(script).starts_with("line "), script);
  CHECK(play("S: 220 {re:(}\n").find("a bad pattern") != std::string::npos);
}

TEST_CASE("a pipelined session sends before it reads") {
  // The server's wait of a second would be seen between the two lines otherwise.
  std::string_view script = "S: 220 {*}\nC: a\nS: 200 a\nC: both\nS: a\nS: b\nC: quit\nS: 221 bye\nEOF\n";
  CHECK(play(script, test::Delivery::pipelined).empty());
}

TEST_CASE("a connection that was never encrypted cannot be") {
  io::SimulatedLoop loop;
  auto pair = io::memory_pair();
  auto connection = plain_connection(std::move(pair.first), "inside");
  Input input;
  CHECK_FALSE(connection->can_start_tls());
  CHECK(connection->tls() == nullptr);
  CHECK(connection->listener() == "inside");
  CHECK(connection->channel_binding("tls-exporter").error().is(kNoChannelBinding));
  CHECK(test::sync_wait(loop, connection->start_tls(input)).error().is(kNoTls));
}

io::Task<Result<std::size_t>> start(Connection& connection, std::string before) {
  Input input;
  input.append(before);
  co_return co_await connection.start_tls(input);
}

io::Task<> start_into(Connection& connection, std::string before, Result<std::size_t>& result) {
  result = co_await start(connection, std::move(before));
}

TEST_CASE("pretended TLS empties the input, agrees on a binding and ends when the peer leaves") {
  io::SimulatedLoop loop;
  auto ends = memory_connections();
  Result<std::size_t> server = 0;
  loop.spawn(start_into(*ends.server, "EHLO x\r\n", server));
  loop.settle();
  CHECK(ends.server->tls() == nullptr);
  REQUIRE(ends.client->try_write("late").value() == 4);
  CHECK(test::sync_wait(loop, start(*ends.client, "")).value() == 0);
  loop.settle();
  CHECK(server.value() == 12);
  CHECK(ends.server->tls()->version == "TLSv1.3");
  CHECK(ends.server->channel_binding("tls-exporter").value() == ends.client->channel_binding("tls-exporter").value());
  CHECK(ends.server->channel_binding("tls-unique").error().is(kNoChannelBinding));
  CHECK_FALSE(ends.server->can_start_tls());

  auto others = memory_connections();
  loop.spawn(start_into(*others.server, "", server));
  loop.settle();
  others.client.reset();
  loop.settle();
  CHECK(server.error().is(kTlsHandshake));
}

TEST_CASE("the deadline ends a handshake that the peer does not begin") {
  io::SimulatedLoop loop;
  auto ends = memory_connections();
  ends.server->set_deadline(loop.now() + 30s);
  Result<std::size_t> server = 0;
  loop.spawn(start_into(*ends.server, "", server));
  loop.run();
  CHECK(server.error().is(kTlsHandshake));
}

}  // namespace
}  // namespace angarium::wire
