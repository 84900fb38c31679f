#include <unistd.h>

#include <thread>

#include "control/client.h"
#include "control/request.h"
#include "control/server.h"
#include "io/listener.h"
#include "io/loop.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::control;

TEST_CASE("a request survives the wire, whatever its arguments hold") {
  Request request{.verb = "alias.add", .arguments = {}};
  request.add("address", "a@example.test").add("target", "b\n\"\\@x").add("target", "\xC3\xA9");
  const std::string line = encode(request);
  CHECK(line.find('\n') == line.size() - 1);
  auto back = decode_request(line);
  REQUIRE(back);
  CHECK(back->verb == "alias.add");
  CHECK(back->arguments == request.arguments);
  CHECK(back->get("address") == "a@example.test");
  CHECK(back->all("target").size() == 2);
  CHECK(!back->has("absent"));
}

TEST_CASE("replies and progress are told apart") {
  auto reply = decode_message(encode(Reply{75, "later", R"({"a":[1,2]})"}));
  REQUIRE(reply);
  CHECK(reply->last);
  CHECK(reply->reply.exit_code == 75);
  CHECK(reply->reply.error == "later");
  CHECK(reply->reply.result == R"({"a":[1,2]})");
  auto progress = decode_message(encode(Progress{3, 7}));
  REQUIRE(progress);
  CHECK(!progress->last);
  CHECK(progress->progress.done == 3);
  CHECK(progress->progress.all == 7);
}

TEST_CASE("a reply without an exit code of 0 to 255 is refused: it must not pass for success") {
  CHECK(decode_message(R"({"exit":0,"error":"","result":null})")->reply.exit_code == 0);
  CHECK(decode_message(R"({"exit":255,"error":"","result":null})")->reply.exit_code == 255);
  for (std::string_view exit : {"256", "-1", "184467440160", "\"0\"", "null", "1.5"})
    CHECK_MESSAGE(!decode_message("{\"exit\":" + std::string(exit) + R"(,"error":"","result":null})"), exit);
  CHECK(!decode_message(R"({"error":"","result":null})"));
  CHECK(!decode_message(R"({"exit":0,"error":""})"));
}

TEST_CASE("what is no request is refused") {
  for (std::string_view bad :
       {"", "[]", "{}", "{\"verb\":1}", "{\"verb\":\"a\",\"arguments\":{}}", "{\"verb\":\"a\",\"arguments\":[[\"x\"]]}",
        "{\"verb\":\"a\",\"arguments\":[[\"x\",1]]}", "{\"verb\":\"a\""})
    CHECK_MESSAGE(!decode_request(bad), bad);
  CHECK(decode_request("{\"verb\":\"a\"}"));
}

TEST_CASE("errors that may go away by themselves end in 75") {
  constexpr ErrorKind kLater{"test.later", Fault::dependency, Lasting::temporary};
  CHECK(failure(Error(kLater, "x")).exit_code == kTemporary);
  CHECK(failure(Error(kMalformed, "x")).exit_code == kFailed);
}

namespace {

/// A server on a socket of its own, driven by a thread.
struct Running {
  std::string path = "/tmp/angarium-control-test-" + std::to_string(getpid()) + ".sock";
  std::unique_ptr<io::Loop> loop;
  std::shared_ptr<io::Listener> listener;
  std::thread thread;

  explicit Running(Handler handler, Opener opener = {}) {
    loop = io::make_loop().value();
    listener = io::listen(io::Endpoint::unix_path(path)).value();
    loop->spawn(serve(listener, std::move(handler), std::move(opener)));
    thread = std::thread([this] { loop->run(); });
  }
  ~Running() {
    loop->post([this] { listener->close(); });
    loop->drain();
    thread.join();
  }
};

}  // namespace

TEST_CASE("a request is answered over the socket, with the caller's uid and progress on the way") {
  Running server([](Request request, Caller caller, Tell tell) -> io::Task<Reply> {
    tell({1, 2});
    co_return Reply{0, "", "\"" + request.verb + " " + std::to_string(caller.uid) + "\""};
  });
  auto reply = ask(server.path, Request{.verb = "test", .arguments = {}});
  REQUIRE(reply);
  CHECK(reply->result == "\"test " + std::to_string(geteuid()) + "\"");
}

TEST_CASE("a request at the limit is taken, one past it is not") {
  Running server([](Request request, Caller, Tell) -> io::Task<Reply> {
    co_return Reply{0, "", std::to_string(request.get("x").size())};
  });
  Request request{.verb = "v", .arguments = {}};
  request.add("x", "");
  const std::size_t fixed = encode(request).size() - 1;
  request.arguments[0].second = std::string(kRequestMax - fixed, 'a');
  auto reply = ask(server.path, request);
  REQUIRE(reply);
  CHECK(reply->result == std::to_string(kRequestMax - fixed));
  request.arguments[0].second += 'a';
  CHECK(!ask(server.path, request));
}

namespace {

/// Says its caller's uid, then gives back five octets that it hears.
io::Task<> talk(std::unique_ptr<io::Stream> stream, unsigned uid) {
  const std::string greeting = "uid " + std::to_string(uid) + "\n";
  (void)co_await io::write_all(*stream, greeting);
  std::string said(5, ' ');
  if (co_await io::read_exactly(*stream, said)) (void)co_await io::write_all(*stream, said);
}

io::Task<std::optional<Opening>> open_for(const Request& request, Caller caller) {
  if (request.verb != "talk") co_return std::nullopt;
  if (request.has("refuse")) co_return Opening{.reply = {.exit_code = 75, .error = "later"}, .talk = {}};
  co_return Opening{.reply = {}, .talk = [uid = caller.uid](std::unique_ptr<io::Stream> stream) {
                      return talk(std::move(stream), uid);
                    }};
}

Handler no_handler() {
  return [](Request, Caller, Tell) -> io::Task<Reply> { co_return Reply{.exit_code = 1, .error = "not this"}; };
}

std::string read_all(int descriptor) {
  std::string all;
  char block[64];
  for (ssize_t got = 0; (got = read(descriptor, block, sizeof block)) > 0;)
    all.append(block, static_cast<std::size_t>(got));
  return all;
}

}  // namespace

TEST_CASE("after its reply a verb may speak another language, of which the reader of the reply takes nothing") {
  Running server(no_handler(), open_for);
  auto connection = control::connect(server.path);
  REQUIRE(connection);
  const auto reply = open_talk(*connection, Request{.verb = "talk", .arguments = {}});
  REQUIRE(reply);
  CHECK(reply->exit_code == kDone);
  REQUIRE(write(connection->get(), "hello", 5) == 5);
  CHECK(read_all(connection->get()) == "uid " + std::to_string(geteuid()) + "\nhello");
  CHECK(ask(server.path, Request{.verb = "other", .arguments = {}})->error == "not this");
}

TEST_CASE("a talk that is refused ends with its reply") {
  Running server(no_handler(), open_for);
  auto connection = control::connect(server.path);
  REQUIRE(connection);
  Request request{.verb = "talk", .arguments = {}};
  const auto reply = open_talk(*connection, request.add("refuse", ""));
  REQUIRE(reply);
  CHECK(reply->exit_code == 75);
  CHECK(reply->error == "later");
  CHECK(read_all(connection->get()).empty());
}

TEST_CASE("who sends more before the reply gets no talk, which would miss it") {
  Running server(no_handler(), open_for);
  auto connection = control::connect(server.path);
  REQUIRE(connection);
  const std::string both = encode(Request{.verb = "talk", .arguments = {}}) + "hello";
  REQUIRE(write(connection->get(), both.data(), both.size()) == static_cast<ssize_t>(both.size()));
  const std::string heard = read_all(connection->get());
  const auto message = decode_message(heard.substr(0, heard.find('\n')));
  REQUIRE(message);
  CHECK(message->reply.error.contains("before the reply"));
}

TEST_CASE("nobody there is said so") {
  auto reply = ask("/tmp/angarium-control-test-nobody.sock", Request{.verb = "x", .arguments = {}});
  REQUIRE(!reply);
  CHECK(reply.error().is(kNotRunning));
}
