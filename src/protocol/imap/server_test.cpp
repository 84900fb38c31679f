// What session scripts cannot say: slow readers, an end from outside, a store that fails.
#include "protocol/imap/server.h"

#include "protocol/imap/test_line.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::imap;
using testing::Line;

TEST_CASE("RFC 9051 §7.1.4: who is known without a login is greeted by PREAUTH, and cannot log in as another") {
  io::SimulatedLoop loop;
  std::shared_ptr<MemoryStore> store = testing::make_store();
  ServerOptions options;
  wire::MemoryConnections ends = wire::memory_connections({.capacity = 64 * 1024});
  MemoryAuthenticator authenticator{*store, *ends.server, MemoryAuthenticator::Plaintext::always};
  Server server{*ends.server, authenticator, options};
  loop.spawn([](MemoryAuthenticator& who, Server& serves) -> io::Task<> {
    auto account = co_await who.open({.authentication_id = "fred", .authorization_id = {}}, "LOGIN");
    REQUIRE(account);
    co_await serves.run(*std::move(account));
  }(authenticator, server));
  std::string heard;
  const auto say = [&](std::string_view octets) {
    CHECK(ends.client->try_write(octets) == octets.size());
    heard.clear();
    char room[4096];
    for (;;) {
      loop.settle();
      const auto count = ends.client->try_read(room);
      if (!count || *count == 0) return heard;
      heard.append(room, *count);
    }
  };
  CHECK(say("").starts_with("* PREAUTH [CAPABILITY IMAP4rev1 IMAP4rev2 "));
  CHECK_FALSE(heard.contains(" AUTH="));
  CHECK_FALSE(heard.contains("STARTTLS"));
  CHECK(say("a LOGIN fred secret\r\n").starts_with("a BAD "));
  CHECK(say("b STARTTLS\r\n").starts_with("b BAD "));
  CHECK(say("c EXAMINE INBOX\r\n").contains("* 3 EXISTS\r\n"));
}

TEST_CASE("a client that does not read stops the work on its FETCH, and gets all of it later") {
  Line line;
  const std::string body = "Subject: x\r\n\r\n" + std::string(20'000, 'x');
  for (int i = 0; i < 400; ++i) MemoryStore::deliver(*line.fred, "INBOX", body);
  line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\n");
  line.take();
  line.send("c FETCH 4:* BODY[]\r\n");
  // 64 messages are a batch: 1.3 MB, of which 256 KiB may wait.
  CHECK(line.seen() <= 1 + 64);
  const auto all = line.take();
  CHECK(line.seen() == 401);
  CHECK(all.size() > 400 * body.size());
  CHECK(all.ends_with("c OK FETCH completed\r\n"));
}

TEST_CASE("a client that never reads is left alone in the end") {
  Line line;
  MemoryStore::deliver(*line.fred, "INBOX", std::string(1'000'000, 'x'));
  line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\nc FETCH 4 BODY[]\r\n");
  line.loop.advance(kSendTimeout * 3);
  CHECK(line.ended);
}

TEST_CASE("stop() says BYE at once to who idles, and after the answer to who works") {
  Line line;
  line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\nc IDLE\r\n");
  line.take();
  line.server.stop();
  CHECK(line.take() == "* BYE The server ends this session\r\n");
  CHECK(line.ended);
  Line silent;
  silent.take();
  silent.server.stop();
  CHECK(silent.take() == "* BYE The server ends this session\r\n");
}

TEST_CASE("DESIGN: a store that fails is told as NO, and the session goes on") {
  Line line;
  line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\n");
  line.take();
  line.fred->trouble.emplace(kUnavailable, "disk is full");
  line.send("c STORE 1 FLAGS (\\Seen)\r\n");
  CHECK(line.take() == "c NO [UNAVAILABLE] Temporarily not possible, try again later\r\n");
  line.fred->trouble.emplace(kBroken, "inner secret");
  line.send("d APPEND INBOX {3+}\r\nabc\r\n");
  CHECK(line.take() == "d NO [SERVERBUG] Internal error, it has been logged\r\n");
  // Reading goes on although \Seen can't be kept.
  line.fred->trouble.emplace(kUnavailable, "disk is full");
  line.send("e FETCH 1 BODY[TEXT]<0.5>\r\n");
  CHECK(line.take() == "* 1 FETCH (BODY[TEXT]<0> {5}\r\nHello)\r\ne OK FETCH completed\r\n");
  // What is gone from the store is NIL, and the tagged reply says why.
  line.fred->emails.clear();
  line.send("f FETCH 1 (UID BODY.PEEK[])\r\n");
  CHECK(line.take() == "* 1 FETCH (UID 1 BODY[] NIL)\r\nf NO [EXPUNGEISSUED] Some of the messages are gone\r\n");
}

TEST_CASE("RFC 6851 4.3: a MOVE into another's mailbox that fails behind its copy tells COPYUID of what was copied") {
  for (const std::string_view rights : {"lri", "li"}) {
    Line line;
    line.send("v LOGIN wilma secret\r\nw CREATE In\r\nx SETACL In fred " + std::string(rights) +
              "\r\ny UNAUTHENTICATE\r\n");
    line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\n");
    CHECK(line.take().contains("b OK "));
    line.fred->trouble.emplace(kUnavailable, "disk is full");
    line.send("c UID MOVE 2:3 \"Other Users/wilma/In\"\r\n");
    const std::string told = line.take();
    // RFC 9051 §6.4.7: no COPYUID to who may not select the target.
    CHECK(told.starts_with("* OK [COPYUID ") == (rights == "lri"));
    CHECK(told.contains(" 2:3 1:2] Copied\r\n") == (rights == "lri"));
    CHECK(told.ends_with("c NO [UNAVAILABLE] Temporarily not possible, try again later\r\n"));
    CHECK_FALSE(told.contains("EXPUNGE"));
    line.send("d UID SEARCH ALL\r\n");
    CHECK(line.take() == "* SEARCH 1 2 3\r\nd OK SEARCH completed\r\n");
    line.send("e UID MOVE 3 \"Other Users/wilma/In\"\r\n");
    CHECK(line.take().contains("* 3 EXPUNGE\r\n"));
  }
}

TEST_CASE("a literal has the size of the ASCII form as it is, whatever was counted when the message came") {
  for (const int counted : {-3, 3}) {
    Line line;
    MemoryStore::deliver(*line.fred, "INBOX", "Subject: \xC3\xA9\r\n\r\nbody\r\n");
    const std::string shown = "Subject: =?utf-8?Q?=C3=A9?=\r\n\r\nbody\r\n";
    const auto inbox = line.fred->find("INBOX");
    auto entries = inbox->entries();
    const std::string counted_size = std::to_string(entries.back().ascii_size += static_cast<std::uint32_t>(counted));
    inbox->publish(std::move(entries), inbox->view->uid_next(), line.fred->modseq, inbox->keywords());
    line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\n");
    line.take();
    const std::string literal = "{" + std::to_string(shown.size()) + "}\r\n" + shown;
    line.send("c FETCH 4 (RFC822.SIZE BODY.PEEK[] BINARY.PEEK[] BINARY.SIZE[])\r\n");
    CHECK(line.take() == "* 4 FETCH (RFC822.SIZE " + counted_size + " BODY[] " + literal + " BINARY[] " + literal +
                             " BINARY.SIZE[] " + std::to_string(shown.size()) +
                             ")\r\nc OK [DOWNGRADED 4] FETCH completed\r\n");
    // The last octets are there for who asks for more than was counted.
    line.send("d FETCH 4 BODY.PEEK[]<" + std::to_string(shown.size() - 2) + ".10>\r\n");
    CHECK(line.take() == "* 4 FETCH (BODY[]<" + std::to_string(shown.size() - 2) +
                             "> {2}\r\n\r\n)\r\nd OK [DOWNGRADED 4] FETCH completed\r\n");
  }
}

TEST_CASE(
    "RFC 5530 3: a damaged message is NO [CORRUPTION], neither NIL nor gone nor \\Seen, and the others are told") {
  Line line;
  line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\n");
  line.take();
  line.fred->damaged.insert(line.fred->mailboxes["INBOX"]->entries()[0].email);
  const std::string refused = " NO [CORRUPTION] What is stored is damaged, it has been logged\r\n";
  line.send("c FETCH 1,3 (BODY[TEXT]<0.5>)\r\n");
  const std::string told = line.take();
  CHECK(told.starts_with("* 1 FETCH (UID 1)\r\n* 3 FETCH (FLAGS ("));
  CHECK(told.ends_with("BODY[TEXT]<0> {5}\r\nHello)\r\nc" + refused));
  for (const std::string item : {"BODY[]", "BODY[HEADER.FIELDS (Subject)]", "RFC822", "RFC822.HEADER", "BINARY[1]"}) {
    CAPTURE(item);
    line.send("d FETCH 1 (UID " + item + ")\r\n");
    CHECK(line.take() == "* 1 FETCH (UID 1)\r\nd" + refused);
  }
  line.send("e FETCH 1 FLAGS\r\n");
  CHECK(line.take().find("\\Seen") == std::string::npos);
}

TEST_CASE("a message of which only the first piece can be read is damaged, and neither announced nor \\Seen") {
  Line line;
  line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\n");
  line.take();
  line.fred->damaged_from[line.fred->mailboxes["INBOX"]->entries()[0].email] = 10;
  for (const std::string item : {"BODY[]", "RFC822", "BODY[TEXT]"}) {
    CAPTURE(item);
    line.send("c FETCH 1 (UID " + item + ")\r\n");
    CHECK(line.take() == "* 1 FETCH (UID 1)\r\nc NO [CORRUPTION] What is stored is damaged, it has been logged\r\n");
  }
  line.send("d FETCH 1 (FLAGS BODY.PEEK[]<0.10>)\r\n");
  const std::string told = line.take();
  CHECK(told.find("\\Seen") == std::string::npos);
  CHECK(told.find("BODY[]<0> {10}") != std::string::npos);
}
