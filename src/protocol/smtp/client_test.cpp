// The client against our own server, and against servers that do odd things.
#include "protocol/smtp/client.h"

#include <algorithm>
#include <string>
#include <vector>

#include "io/memory.h"
#include "protocol/smtp/memory_backend.h"
#include "protocol/smtp/server.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::protocol::smtp {
namespace {

envelope::Envelope to(const std::vector<std::string>& recipients, std::string_view sender = "<a@b.example>") {
  envelope::Envelope envelope;
  envelope.sender.path = envelope::parse_reverse_path(sender).value();
  for (const std::string& recipient : recipients)
    envelope.recipients.push_back({envelope::parse_forward_path(recipient).value(), {}});
  return envelope;
}

std::string codes(const SendReport& report) {
  std::string codes = std::to_string(report.mail.code) + ":";
  for (const Reply& reply : report.recipients) codes += " " + std::to_string(reply.code);
  return codes;
}

/// Our server on one end, the client on the other, in virtual time.
struct Pair {
  explicit Pair(Policy server_policy = {}) : policy(std::move(server_policy)), ends(wire::memory_connections()) {
    policy.hostname = "mx.example.test";
    house.users = {{"alice", "wonder"}, {"bob", "builder"}, {"full", "x"}, {"broken", "x"}};
    loop.spawn(run());
  }
  ~Pair() { loop.destroy_tasks(); }

  io::Task<> run() {
    MemorySession session(house);
    co_await serve(*ends.server, session, policy);
  }
  ClientOptions options() const {
    return {.name = "client.example", .dialect = policy.lmtp() ? Dialect::lmtp : Dialect::smtp};
  }

  Policy policy;
  MemoryHouse house;
  io::SimulatedLoop loop;
  wire::MemoryConnections ends;
};

/// Opens, sends one message, says goodbye.
io::Task<Result<SendReport>> deliver(Pair& pair, ClientOptions options, const envelope::Envelope& envelope,
                                     MessageFacts facts, std::string_view message) {
  Client client(*pair.ends.client, std::move(options));
  CO_TRY(co_await client.open());
  MessageInMemory source(message);
  facts.octets = message.size();
  Result<SendReport> report = co_await client.send(envelope, facts, source);
  co_await client.quit();
  co_return report;
}

SendReport delivered(Pair& pair, ClientOptions options, const envelope::Envelope& envelope, MessageFacts facts,
                     std::string_view message) {
  auto report = test::sync_wait(pair.loop, deliver(pair, std::move(options), envelope, facts, message));
  REQUIRE_MESSAGE(report, (report ? std::string() : report.error().text()));
  return *std::move(report);
}

TEST_CASE("a message goes from the client to the server unharmed, each recipient has its reply") {
  for (const std::string message :
       {"Subject: x\r\n\r\n.\r\n..dots\r\n.\r\n", "", ".", "no end", "\r\n", "x\r\n.\r\n"}) {
    for (const Chunking chunking : {Chunking::when_needed, Chunking::when_possible}) {
      Pair pair;
      ClientOptions options = pair.options();
      options.chunking = chunking;
      const auto report = delivered(
          pair, options, to({"<alice@example.test>", "<nobody@example.test>", "<bob@example.test>"}), {}, message);
      CHECK(codes(report) == "250: 250 550 250");
      REQUIRE(pair.house.messages.size() == 1);
      // RFC 5321 §4.1.1.4: data end with CR LF, so one is added; chunks need none.
      const bool ended = message.empty() || message.ends_with("\r\n") || chunking == Chunking::when_possible;
      CHECK(pair.house.messages[0].octets == message + (ended ? "" : "\r\n"));
      CHECK(pair.house.messages[0].with == "ESMTP");
    }
  }
}

TEST_CASE("large messages and many recipients pass, in groups") {
  Policy policy;
  policy.limits.recipients = 250;
  Pair pair(policy);
  std::string message;
  while (message.size() < 3'000'000) message += ".line of text that is long enough to matter\r\n";
  std::vector<std::string> recipients(300, "<alice@example.test>");
  const SendReport report = delivered(pair, pair.options(), to(recipients), {}, message);
  REQUIRE(pair.house.messages.size() == 1);
  CHECK(pair.house.messages[0].octets == message);
  CHECK(pair.house.messages[0].envelope.recipients.size() == 250);
  // RCPTMAX was announced: the others were not sent, and are told so.
  CHECK(std::ranges::count_if(report.recipients, [](const Reply& reply) { return reply.code == 250; }) == 250);
  CHECK(report.recipients[250].code == 452);
  Pair chunked;
  ClientOptions options = chunked.options();
  options.chunking = Chunking::when_possible;
  delivered(chunked, options, to({"<alice@example.test>"}), {}, message);
  CHECK(chunked.house.messages.at(0).octets == message);
}

TEST_CASE("when all recipients are refused nothing is sent, and the session goes on") {
  Pair pair;
  const SendReport report = delivered(pair, pair.options(), to({"<x@example.test>", "<y@example.test>"}), {}, "x");
  CHECK(codes(report) == "250: 550 550");
  CHECK(pair.house.messages.empty());
  CHECK(pair.house.aborted == 1);
}

TEST_CASE("LMTP: each recipient has the reply to its own delivery") {
  Policy policy;
  policy.role = Role::lmtp;
  for (const Chunking chunking : {Chunking::when_needed, Chunking::when_possible}) {
    Pair pair(policy);
    ClientOptions options = pair.options();
    options.chunking = chunking;
    const auto report = delivered(
        pair, options, to({"<alice@example.test>", "<x@example.test>", "<full@example.test>", "<bob@example.test>"}),
        {}, "x\r\n");
    CHECK(codes(report) == "250: 250 550 452 250");
    CHECK(pair.house.messages.at(0).with == "LMTP");
  }
}

TEST_CASE("binary messages go by chunks and keep every octet; a failing sink is told to all") {
  Pair pair;
  const std::string message("\0\r\n\n\r.\r\n.\xff", 9);
  // The memory house refuses NUL, as a store of text would.
  const auto report =
      delivered(pair, pair.options(), to({"<alice@example.test>"}), {.eight_bit = true, .binary = true}, message);
  CHECK(codes(report) == "250: 554");
  Pair broken;
  CHECK(codes(delivered(broken, broken.options(), to({"<broken@example.test>"}), {.binary = true}, message)) ==
        "250: 451");
}

TEST_CASE("STARTTLS, then the strongest mechanism of both") {
  Policy policy;
  policy.role = Role::submission;
  policy.tls = TlsUse::required;
  policy.auth = AuthUse::required;
  policy.mechanisms = {"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"};
  for (const std::string only : {"", "LOGIN", "PLAIN", "SCRAM-SHA-256"}) {
    for (const std::string password : {"wonder", "wrong"}) {
      if (!only.empty()) policy.mechanisms = {only};
      Pair pair(policy);
      auto session = [&]() -> io::Task<Result<SendReport>> {
        Client client(*pair.ends.client, pair.options());
        CO_TRY(co_await client.open());
        CO_TRY(co_await client.start_tls());
        sasl::ClientContext credentials;
        credentials.identity.authentication_id = "alice";
        credentials.password = sasl::Secret::copy(password);
        CO_TRY(co_await client.authenticate(std::move(credentials), sasl::Plaintext::allowed));
        MessageInMemory source("x\r\n");
        co_return co_await client.send(to({"<friend@elsewhere.example>"}), {.octets = 3}, source);
      };
      const auto report = test::sync_wait(pair.loop, session());
      CHECK(report.has_value() == (password == "wonder"));
      if (!report) continue;
      CHECK(codes(*report) == "250: 250");
      CHECK(pair.house.messages.at(0).with == "ESMTPSA");
      CHECK(pair.house.messages.at(0).user == "alice");
    }
  }
}

/// A server that sends fixed texts: the first at once, each other one after a line (or a whole message) was received.
struct Canned {
  explicit Canned(std::vector<std::string> texts) : said(std::move(texts)), ends(wire::memory_connections()) {
    loop.spawn(run());
  }
  ~Canned() { loop.destroy_tasks(); }

  io::Task<> run() {
    wire::Input input;
    bool data = false;
    for (const std::string& text : said) {
      if (!co_await io::write_all(*ends.server, text)) co_return;
      data = text.starts_with("354");
      if (data && !gives_up.empty()) {
        (void)co_await io::write_all(*ends.server, gives_up);
        break;
      }
      for (std::string line; line.empty() || (data && line != ".");) {
        auto next = input.take_line(60'000);
        if (!next) co_return;
        if (*next)
          heard.push_back(line = (*next)->text);
        else if (!co_await input.more(*ends.server))
          co_return;
      }
    }
    ends.server->close();
  }

  std::vector<std::string> said;
  std::string gives_up;  ///< said instead of reading data
  std::vector<std::string> heard;
  io::SimulatedLoop loop;
  wire::MemoryConnections ends;
};

Result<> logged_in(Canned& server, sasl::Plaintext plaintext) {
  auto session = [&]() -> io::Task<Result<>> {
    Client client(*server.ends.client, {.name = "c.example"});
    CO_TRY(co_await client.open());
    sasl::ClientContext credentials;
    credentials.identity.authentication_id = "alice";
    credentials.password = sasl::Secret::copy("wonder");
    co_return co_await client.authenticate(std::move(credentials), plaintext);
  };
  return test::sync_wait(server.loop, session());
}

TEST_CASE("weak mechanisms are used only with leave, and only where there is nothing sound") {
  for (const std::string_view only : {"CRAM-MD5", "DIGEST-MD5", "NTLM"}) {
    CAPTURE(only);
    Policy policy;
    policy.role = Role::submission;
    policy.tls = TlsUse::required;
    policy.auth = AuthUse::required;
    policy.mechanisms = {std::string(only)};
    for (const auto weak : {Client::Weak::refused, Client::Weak::allowed}) {
      Pair pair(policy);
      pair.house.host = "mx.example.test";
      auto session = [&]() -> io::Task<Result<>> {
        Client client(*pair.ends.client, pair.options());
        CO_TRY(co_await client.open());
        CO_TRY(co_await client.start_tls());
        sasl::ClientContext credentials;
        credentials.identity.authentication_id = "alice";
        credentials.password = sasl::Secret::copy("wonder");
        credentials.host = "mx.example.test";
        co_return co_await client.authenticate(std::move(credentials), sasl::Plaintext::refused, weak);
      };
      CHECK(test::sync_wait(pair.loop, session()).has_value() == (weak == Client::Weak::allowed));
    }
  }
}

TEST_CASE("RFC 4954 6: after 432 the password is told once by PLAIN, where it may be told; then 432 waits") {
  const std::vector<std::string> begun = {"220 s\r\n", "250-s\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n",
                                          "432 4.7.12 A password transition is needed\r\n"};
  std::vector<std::string> said = begun;
  said.emplace_back("235 2.7.0 in\r\n");
  said.emplace_back("");
  Canned taken(said);
  CHECK(logged_in(taken, sasl::Plaintext::allowed).has_value());
  REQUIRE(taken.heard.size() == 3);
  CHECK(taken.heard[1].starts_with("AUTH SCRAM-SHA-256 "));
  CHECK(taken.heard[2] == "AUTH PLAIN AGFsaWNlAHdvbmRlcg==");
  Canned not_told(begun);
  const auto waits = logged_in(not_told, sasl::Plaintext::refused);
  REQUIRE(!waits);
  CHECK(waits.error().is(kRefusedNow));
  CHECK(waits.error().text().find("432 ") != std::string::npos);
  said[3] = "432 4.7.12 A password transition is needed\r\n";
  Canned again(said);
  const auto refused = logged_in(again, sasl::Plaintext::allowed);
  REQUIRE(!refused);
  CHECK(refused.error().is(kRefusedNow));
  CHECK(again.heard.size() == 3);
}

TEST_CASE("RFC 4954 6: 454 to AUTH is no wrong password: the same one may be taken later") {
  Canned server({"220 s\r\n", "250-s\r\n250 AUTH PLAIN\r\n", "454 4.7.0 Temporary authentication failure\r\n"});
  const auto refused = logged_in(server, sasl::Plaintext::allowed);
  REQUIRE(!refused);
  CHECK(refused.error().is(kRefusedNow));
}

TEST_CASE("a server that hangs up behind the credentials says so of the login, one that does before them does not") {
  Canned at_once({"220 s\r\n", "250-s\r\n250 AUTH PLAIN\r\n"});
  const auto refused = logged_in(at_once, sasl::Plaintext::allowed);
  REQUIRE(!refused);
  CHECK(refused.error().is(kHungUpAtLogin));
  CHECK(at_once.heard.back() == "AUTH PLAIN AGFsaWNlAHdvbmRlcg==");
  // LOGIN: the command tells nothing, the answers name and password.
  for (std::size_t challenges = 0; challenges <= 2; ++challenges) {
    std::vector<std::string> said = {"220 s\r\n", "250-s\r\n250 AUTH LOGIN\r\n"};
    for (std::size_t i = 0; i < challenges; ++i) said.emplace_back("334 VXNlcm5hbWU6\r\n");
    Canned login(said);
    const auto lost = logged_in(login, sasl::Plaintext::allowed);
    REQUIRE(!lost);
    CHECK(lost.error().is(challenges > 0 ? kHungUpAtLogin : io::kEndOfStream));
  }
}

TEST_CASE("RFC 2645 5.2.1: after 250 to ATRN the connection is the other's; its other replies leave it as it was") {
  for (const std::string reply : {"250 2.0.0 OK now reversing\r\n", "453 You have no mail\r\n", "450 no\r\n",
                                  "250 OK\r\nEHLO provider.example\r\n"}) {
    Canned server({"220 s\r\n", "250-s\r\n250 ATRN\r\n", reply, "", ""});
    auto session = [&]() -> io::Task<Result<Reply>> {
      Client client(*server.ends.client, {.name = "c.example"});
      CO_TRY(co_await client.open());
      CHECK(client.extensions().atrn);
      auto said = co_await client.atrn();
      CHECK(client.closed() == reply.starts_with("250"));
      if (said && said->completed()) CHECK(co_await io::write_all(*server.ends.client, "220 c.example\r\n"));
      co_return said;
    };
    const auto said = test::sync_wait(server.loop, session());
    server.loop.settle();
    REQUIRE(said.has_value() == !reply.ends_with("EHLO provider.example\r\n"));
    if (!said) CHECK(said.error().is(kBadReply));
    if (said) CHECK(std::to_string(said->code) == reply.substr(0, 3));
    CHECK(server.heard.at(1) == "ATRN");
    if (said && said->completed()) CHECK(server.heard.at(2) == "220 c.example");
  }
}

Result<SendReport> sent_to(Canned& server, const envelope::Envelope& envelope, MessageFacts facts = {},
                           Dialect dialect = Dialect::smtp) {
  auto session = [&]() -> io::Task<Result<SendReport>> {
    Client client(*server.ends.client, {.name = "client.example", .dialect = dialect});
    CO_TRY(co_await client.open());
    MessageInMemory source("x\r\n");
    co_return co_await client.send(envelope, facts, source);
  };
  return test::sync_wait(server.loop, session());
}

TEST_CASE("a server that knows no EHLO is greeted with HELO and gets no parameters") {
  Canned server({"220-welcome\r\n220\r\n", "502 what\r\n", "250 hello\r\n", "250\r\n", "250 ok\r\n", "354 go\r\n",
                 "250 done\r\n"});
  const auto report = sent_to(server, to({"<x@y.example>"}), {.octets = 3});
  REQUIRE(report);
  CHECK(codes(*report) == "250: 250");
  CHECK(server.heard == std::vector<std::string>{"EHLO client.example", "HELO client.example",
                                                 "MAIL FROM:<a@b.example>", "RCPT TO:<x@y.example>", "DATA", "x", "."});
}

TEST_CASE("a server that takes data without recipients gets an empty message (RFC 2920 §3.1)") {
  Canned server(
      {"220 hi\r\n", "250-hi\r\n250 PIPELINING\r\n", "250 ok\r\n", "550 no\r\n", "354 go\r\n", "554 none\r\n"});
  const auto report = sent_to(server, to({"<x@y.example>"}));
  REQUIRE(report);
  CHECK(codes(*report) == "250: 550");
  CHECK(server.heard.back() == ".");
  CHECK(std::ranges::count(server.heard, "x") == 0);
}

TEST_CASE("552 to RCPT is taken for too many recipients, and temporary (RFC 5321 §4.5.3.1.10)") {
  Canned server(
      {"220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n", "552 too many\r\n", "354 go\r\n", "250 ok\r\n"});
  const auto report = sent_to(server, to({"<x@y.example>", "<z@y.example>"}));
  REQUIRE(report);
  CHECK(codes(*report) == "250: 250 452");
}

TEST_CASE("what the server does not announce is not asked of it") {
  envelope::Envelope envelope = to({"<x@y.example>"});
  Canned eight({"220 hi\r\n", "250 hi\r\n"});
  CHECK(sent_to(eight, envelope, {.eight_bit = true}).error().is(kNeedsEightBit));
  Canned binary({"220 hi\r\n", "250-hi\r\n250-8BITMIME\r\n250 BINARYMIME\r\n"});  // without CHUNKING
  CHECK(sent_to(binary, envelope, {.binary = true}).error().is(kNeedsBinary));
  Canned utf8({"220 hi\r\n", "250-hi\r\n250 8BITMIME\r\n"});
  CHECK(sent_to(utf8, envelope, {.utf8_header = true}).error().is(kNeedsUtf8));
  Canned size({"220 hi\r\n", "250-hi\r\n250 SIZE 100\r\n"});
  CHECK(sent_to(size, envelope, {.octets = 101}).error().is(kTooBigForServer));
  CHECK(size.heard.size() == 1);
}

TEST_CASE("421 at any time is the answer to all that follows") {
  Canned server({"220 hi\r\n", "250-hi\r\n250 PIPELINING\r\n", "250 ok\r\n421 4.3.2 going down\r\n"});
  const auto report = sent_to(server, to({"<x@y.example>", "<z@y.example>"}));
  REQUIRE(report);
  CHECK(codes(*report) == "250: 421 421");
  Canned greeting({"421 busy\r\n"});
  CHECK(sent_to(greeting, to({"<x@y.example>"})).error().is(kRefusedNow));
  Canned refused({"554 no\r\n"});
  CHECK(sent_to(refused, to({"<x@y.example>"})).error().is(kRefusedForGood));
}

TEST_CASE("LMTP: replies that came count, the rest are temporary failures (RFC 2033 §5)") {
  Canned server({"220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 first\r\n"});
  auto session = [&]() -> io::Task<Result<SendReport>> {
    Client client(*server.ends.client, {.name = "c", .dialect = Dialect::lmtp});
    CO_TRY(co_await client.open());
    MessageInMemory source("x\r\n");
    co_return co_await client.send(to({"<x@y.example>", "<z@y.example>"}), {}, source);
  };
  // The server waits for another line and gets none: the client gives up after its ten minutes.
  const auto report = test::sync_wait(server.loop, session());
  REQUIRE(report);
  CHECK(codes(*report) == "250: 250 451");
}

TEST_CASE("no reply to the end of data is told apart: the message may have been accepted") {
  Canned server({"220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "garbage\r\n"});
  CHECK(sent_to(server, to({"<x@y.example>"})).error().is(kUnanswered));
}

TEST_CASE("a server that breaks off in the middle of the data is heard") {
  Policy policy;
  policy.limits.message_octets = 10'000;
  Pair pair(policy);
  const auto report = delivered(pair, pair.options(), to({"<alice@example.test>"}, "<>"), {}, std::string(9'000, 'x'));
  CHECK(codes(report) == "250: 250");
  // A server that does not say its limit beforehand.
  Canned server({"220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"});
  server.gives_up = "552 5.3.4 enough\r\n";
  auto session = [&]() -> io::Task<Result<SendReport>> {
    Client client(*server.ends.client, {.name = "c"});
    CO_TRY(co_await client.open());
    const std::string large(3'000'000, 'x');
    MessageInMemory source(large);
    co_return co_await client.send(to({"<x@y.example>"}), {}, source);
  };
  const auto broken = test::sync_wait(server.loop, session());
  REQUIRE(broken);
  CHECK(codes(*broken) == "250: 552");
}

TEST_CASE("octets injected behind the reply to STARTTLS break the connection") {
  Canned server({"220 hi\r\n", "250-hi\r\n250 STARTTLS\r\n", "220 go\r\n250 injected\r\n"});
  auto session = [&]() -> io::Task<Result<>> {
    Client client(*server.ends.client, {.name = "c"});
    CO_TRY(co_await client.open());
    auto handshake = [](wire::Connection& end) -> io::Task<> {
      wire::Input none;
      co_await io::Loop::current().yield();
      (void)co_await end.start_tls(none);
    };
    io::Loop::current().spawn(handshake(*server.ends.server));
    co_return co_await client.start_tls();
  };
  const Result<> started = test::sync_wait(server.loop, session());
  REQUIRE(!started);
  CHECK(started.error().is(kInjected));
}

TEST_CASE("what a server says of itself") {
  const Extensions none = parse_extensions("hello");
  CHECK(!none.pipelining);
  const Extensions some = parse_extensions(
      "host PIPELINING\npipelining\nSIZE 1000\n8BITMIME \nAUTH LOGIN plain\nAUTH=CRAM-MD5\nLIMITS RCPTMAX=20 "
      "MAILMAX=x FOO=1\nBINARYMIME\nX-FROB a b");
  CHECK(some.pipelining);
  CHECK(some.eight_bit);
  CHECK(!some.binary);  // nothing without CHUNKING (RFC 3030 §3)
  CHECK(some.has_size);
  CHECK(some.size == 1000);
  CHECK(some.mechanisms == std::vector<std::string>{"LOGIN", "PLAIN", "CRAM-MD5"});
  CHECK(some.recipients_max == 20);
  CHECK(!some.messages_max);
  CHECK(parse_extensions("h\nSIZE").has_size);
  CHECK(parse_extensions("h\nSIZE x").size == 0);
}

}  // namespace
}  // namespace angarium::protocol::smtp
