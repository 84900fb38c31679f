// COMPRESS=DEFLATE (RFC 4978): scripts cannot say compressed octets.
#include <zlib.h>

#include "io/memory.h"
#include "protocol/imap/server.h"
#include "protocol/imap/testing.h"
#include "support/test.h"
#include "wire/deflate/connection.h"

using namespace angarium;
using namespace angarium::protocol::imap;

namespace {

/// A logged-in client that has agreed to compression.
struct Compressed {
  io::SimulatedLoop loop;
  std::shared_ptr<MemoryStore> store = testing::make_store();
  std::shared_ptr<MemoryAccountState> fred = store->find("fred");
  ServerOptions options;
  wire::MemoryConnections ends = wire::memory_connections({.capacity = 64 * 1024});
  MemoryAuthenticator authenticator{*store, *ends.server, MemoryAuthenticator::Plaintext::always};
  Server server{*ends.server, authenticator, options};
  std::unique_ptr<wire::Connection> client;
  bool ended = false;

  Compressed() {
    loop.spawn([](Compressed& line) -> io::Task<> {
      co_await line.server.run();
      line.ended = true;
    }(*this));
    say(*ends.client, "a LOGIN fred secret\r\n");
    CHECK(say(*ends.client, "b COMPRESS DEFLATE\r\n") == "b OK DEFLATE active\r\n");
    client = wire::deflate::deflated(*ends.client);
  }
  std::string say(wire::Connection& by, std::string_view octets) {
    while (!octets.empty()) {
      const auto count = by.try_write(octets);
      if (!count) break;
      octets.remove_prefix(*count);
      loop.settle();
    }
    return take(by);
  }
  std::string say(std::string_view octets) { return say(*client, octets); }
  std::string take(wire::Connection& by) {
    std::string all;
    char room[4096];
    for (;;) {
      loop.settle();
      const auto count = by.try_read(room);
      if (!count || *count == 0) return all;
      all.append(room, *count);
    }
  }
  std::string take() { return take(*client); }
};

}  // namespace

TEST_CASE("RFC 4978 §3: from behind the OK on both sides compress, and every answer can be read whole") {
  Compressed line;
  CHECK(line.say("c SELECT INBOX\r\n").ends_with("c OK [READ-WRITE] Selected\r\n"));
  CHECK(line.say("d FETCH 1 BODY.PEEK[]\r\n") ==
        "* 1 FETCH (BODY[] {183}\r\n" + std::string(testing::kPlain) + ")\r\nd OK FETCH completed\r\n");
  CHECK(line.say("e NOOP\r\nf NOOP\r\n") == "e OK NOOP completed\r\nf OK NOOP completed\r\n");
  CHECK(line.say("g APPEND INBOX {8}\r\n") == "+ Ready\r\n");
  CHECK(line.say("A: b\r\n\r\n\r\n").contains("* 4 EXISTS\r\n"));
  CHECK(line.say("h IDLE\r\n").starts_with("+ "));
  MemoryStore::deliver(*line.fred, "INBOX", "A: c\r\n\r\n");
  CHECK(line.take().contains("* 5 EXISTS\r\n"));
  CHECK(line.say("DONE\r\n") == "h OK IDLE terminated\r\n");
  CHECK(line.say("i LOGOUT\r\n").starts_with("* BYE "));
  CHECK(line.ended);
}

TEST_CASE("RFC 4978 §3: a second COMPRESS is told that it is active, and it is not announced any more") {
  Compressed line;
  CHECK(line.say("c COMPRESS DEFLATE\r\n") == "c NO [COMPRESSIONACTIVE] DEFLATE is active already, by COMPRESS\r\n");
  CHECK_FALSE(line.say("d CAPABILITY\r\n").contains("COMPRESS"));
  CHECK(line.say("e STARTTLS\r\n").starts_with("e BAD "));
  CHECK(line.say("f NOOP\r\n") == "f OK NOOP completed\r\n");
}

TEST_CASE("RFC 4978 §3: an answer larger than all buffers, to a client that is slow") {
  Compressed line;
  std::string body = "Subject: x\r\n\r\n";
  for (int i = 0; i < 300'000; ++i)
    body += std::to_string(i * std::int64_t{7919} % 10'007) + (i % 9 == 0 ? "\r\n" : " ");
  MemoryStore::deliver(*line.fred, "INBOX", body);
  line.say("c SELECT INBOX\r\n");
  const std::string answer = line.say("d FETCH 4 (BODY.PEEK[] UID)\r\n");
  CHECK(answer.contains(body));
  CHECK(answer.ends_with("d OK FETCH completed\r\n"));
}

TEST_CASE("RFC 4978 §3: commands come cut at any octet of their compressed form") {
  Compressed once;
  std::string packed;
  wire::deflate::Deflater deflater;
  for (const std::string_view command : {"c SELECT INBOX\r\n", "d FETCH 1 BODY.PEEK[TEXT]\r\n", "e NOOP\r\n"})
    deflater.append(std::span(&command, 1), packed);
  for (std::size_t cut = 0; cut <= packed.size(); ++cut) {
    Compressed line;
    CHECK(line.ends.client->try_write(std::string_view(packed).substr(0, cut)) == cut);
    std::string heard = line.take();
    CHECK(line.ends.client->try_write(std::string_view(packed).substr(cut)) == packed.size() - cut);
    heard += line.take();
    CHECK(heard.contains("BODY[TEXT] {22}\r\nHello Joe,\r\nsee you.\r\n)\r\n"));
    CHECK(heard.ends_with("e OK NOOP completed\r\n"));
  }
}

TEST_CASE("a command in plain text behind COMPRESS ends the connection, also one that came with it") {
  Compressed line;
  line.say(*line.ends.client, "c NOOP\r\n");
  CHECK(line.ended);

  io::SimulatedLoop loop;
  const auto store = testing::make_store();
  auto ends = wire::memory_connections();
  loop.spawn(
      testing::serve(store, std::make_shared<ServerOptions>(), MemoryAuthenticator::Plaintext::always, *ends.server));
  CHECK(ends.client->try_write("a LOGIN fred secret\r\nb COMPRESS DEFLATE\r\nc DELETE Trash\r\n"));
  loop.settle();
  CHECK(store->find("fred")->find("Trash") != nullptr);
  CHECK(loop.tasks() == 0);
}

TEST_CASE("a bomb of compressed octets ends the connection: a message may be of zeros, a stream may not") {
  Compressed line;
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string zeros(1024 * 1024, 'x');
  std::string room(64 * 1024, '\0');
  line.say("c NOOP {100000000+}\r\n");
  std::uint64_t sent = 0;
  while (!line.ended && sent < 3 * wire::deflate::kBurst) {
    stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
    stream.avail_in = static_cast<uInt>(zeros.size());
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = static_cast<uInt>(room.size());
    deflate(&stream, Z_SYNC_FLUSH);
    sent += zeros.size();
    line.say(*line.ends.client, std::string_view(room).substr(0, room.size() - stream.avail_out));
  }
  deflateEnd(&stream);
  CHECK(line.ended);
}

TEST_CASE("RFC 8437 §4.1: UNAUTHENTICATE ends compression behind its OK, and it may be agreed to again") {
  Compressed line;
  line.say("c SELECT INBOX\r\n");
  CHECK(line.say("d UNAUTHENTICATE\r\n") == "d OK Log in again\r\n");
  CHECK(line.say(*line.ends.client, "e SELECT INBOX\r\n").starts_with("e BAD "));
  CHECK(line.say(*line.ends.client, "f LOGIN wilma secret\r\n").contains(" COMPRESS=DEFLATE "));
  CHECK(line.say(*line.ends.client, "g COMPRESS DEFLATE\r\n") == "g OK DEFLATE active\r\n");
  line.client = wire::deflate::deflated(*line.ends.client);
  CHECK(line.say("h EXAMINE INBOX\r\n").contains("* 0 EXISTS\r\n"));
}

TEST_CASE("RFC 8437 3: a login in the clear may stand right behind a compressed UNAUTHENTICATE, cut anywhere") {
  const std::string_view end = "d UNAUTHENTICATE\r\n";
  const std::string login = "e AUTHENTICATE PLAIN AGZyZWQAc2VjcmV0\r\nf COMPRESS DEFLATE\r\n";
  std::vector<std::string> packed(3);
  // A flush behind it, a command that was flushed before it, and the end of the stream.
  wire::deflate::Deflater flushed;
  flushed.append(std::span(&end, 1), packed[0]);
  wire::deflate::Deflater twice;
  const std::string_view noop = "c NOOP\r\n";
  twice.append(std::span(&noop, 1), packed[1]);
  twice.append(std::span(&end, 1), packed[1]);
  packed[2].resize(200);
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string text(end);
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(end.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed[2].data());
  stream.avail_out = static_cast<uInt>(packed[2].size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed[2].resize(packed[2].size() - stream.avail_out);
  deflateEnd(&stream);
  for (const std::string& first : packed) {
    const std::string all = first + login;
    for (std::size_t cut = 0; cut < all.size(); ++cut) {
      CAPTURE(cut);
      Compressed line;
      std::string answer = line.say(*line.ends.client, all.substr(0, cut));
      answer += line.say(*line.ends.client, all.substr(cut));
      wire::deflate::Inflater inflater;
      std::string room(4096, '\0');
      std::string clear;
      while (!clear.ends_with("d OK Log in again\r\n")) {
        const auto step = inflater.open(answer, room, wire::deflate::Inflater::Until::block);
        REQUIRE(step);
        REQUIRE(step->taken + step->given > 0);
        clear.append(room, 0, step->given);
        answer.erase(0, step->taken);
      }
      // Our own flush goes before it, too.
      CHECK(answer.find_first_not_of(std::string("\0\xFF", 2)) == answer.find("e OK [CAPABILITY "));
      CHECK(answer.ends_with("f OK DEFLATE active\r\n"));
      line.client = wire::deflate::deflated(*line.ends.client);
      CHECK(line.say("g EXAMINE INBOX\r\n").contains("* 3 EXISTS\r\n"));
    }
  }
}
