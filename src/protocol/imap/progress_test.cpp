#include "protocol/imap/progress.h"

#include "protocol/imap/test_line.h"

using namespace angarium;
using namespace angarium::protocol::imap;
using testing::Line;

namespace {

/// INBOX with 131 messages: three times 64 to match.
void fill(Line& line) {
  for (int i = 0; i < 128; ++i) MemoryStore::deliver(*line.fred, "INBOX", "Subject: more\r\n\r\n");
  line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\n");
  line.take();
}

}  // namespace

TEST_CASE("RFC 9585 §4: a command that takes long tells how far it is every ten seconds, and nothing before") {
  Line line;
  fill(line);
  line.fred->work_takes = std::chrono::seconds(8);
  line.send("c SEARCH BODY see\r\n");
  line.loop.advance(std::chrono::milliseconds(9900));
  CHECK(line.take() == "");
  line.loop.advance(std::chrono::milliseconds(200));
  CHECK(line.take() == "* OK [INPROGRESS (\"c\" 64 131)] Still at work\r\n");
  line.loop.advance(std::chrono::seconds(10));
  CHECK(line.take() == "* OK [INPROGRESS (\"c\" 128 131)] Still at work\r\n");
  line.loop.advance(std::chrono::seconds(10));
  CHECK(line.take() == "* SEARCH 1 3\r\nc OK SEARCH completed\r\n");
  // The command is over.
  line.loop.advance(std::chrono::minutes(1));
  CHECK(line.take() == "");
}

TEST_CASE("RFC 9585 §4: a tag with \"]\" is NIL, and what has no count says so") {
  Line line;
  fill(line);
  line.fred->work_takes = std::chrono::seconds(15);
  line.send("x]y UID COPY 1 Trash\r\n");
  line.loop.advance(std::chrono::seconds(11));
  CHECK(line.take() == "* OK [INPROGRESS (NIL NIL NIL)] Still at work\r\n");
  line.loop.advance(std::chrono::seconds(5));
  CHECK(line.take() == "x]y OK [COPYUID 6 1 1] COPY completed\r\n");
}

TEST_CASE("RFC 9585 §4: a quick command says nothing of itself, though the session goes on for long") {
  Line line;
  fill(line);
  line.send("c SORT (SUBJECT) UTF-8 1\r\nd THREAD REFS UTF-8 1\r\ne STORE 1 +FLAGS.SILENT (\\Seen)\r\nf EXPUNGE\r\n");
  CHECK_FALSE(line.take().contains("INPROGRESS"));
  line.loop.advance(std::chrono::minutes(5));
  CHECK(line.take() == "");
}

TEST_CASE("RFC 9585: news of progress does not pile up before a client that does not read") {
  Line line;
  fill(line);
  line.fred->work_takes = std::chrono::hours(2);
  line.send("c SEARCH BODY see\r\n");
  line.loop.advance(std::chrono::hours(2));
  CHECK(line.take().size() == 16 * 1024);
  line.loop.advance(std::chrono::seconds(11));
  const auto rest = line.take();
  CHECK(rest.size() < 64 * 1024);
  CHECK(rest.ends_with("Still at work\r\n"));
}

TEST_CASE("a search whose client has hung up stops at its next turn; who waits for more commands hears all answers") {
  struct Case {
    std::string_view sent;
    bool closes;
    bool stops;
  };
  const Case cases[] = {{"c SEARCH BODY see\r\n", true, true},
                        {"c UID SEARCH RETURN (COUNT) BODY see\r\n", false, true},
                        {"c SORT (SUBJECT) UTF-8 BODY see\r\n", false, true},
                        {"c SEARCH BODY see\r\nd LOGOUT\r\n", false, false}};
  for (const Case& one : cases) {
    CAPTURE(one.sent);
    Line line;
    fill(line);
    line.fred->work_takes = std::chrono::seconds(3);
    line.send(one.sent);
    line.loop.advance(std::chrono::seconds(1));
    CHECK_FALSE(line.ended);
    if (one.closes)
      line.ends.client->close();
    else
      REQUIRE(line.ends.client->shutdown_write());
    line.loop.advance(std::chrono::seconds(3));
    CHECK(line.ended == one.stops);
    line.loop.advance(std::chrono::seconds(6));
    CHECK(line.ended);
    if (!one.closes) CHECK(line.take().contains("c OK") != one.stops);
  }
}

TEST_CASE("a search whose client has gone behind further commands stops once it cannot be told of its progress") {
  Line line;
  fill(line);
  line.fred->work_takes = std::chrono::seconds(11);
  line.send("c SEARCH BODY see\r\nd NOOP\r\n");
  line.loop.advance(std::chrono::seconds(1));
  line.ends.client->close();
  line.loop.advance(std::chrono::seconds(11));
  CHECK(line.ended);
}

TEST_CASE("who closes its side behind one command hears what is found at once") {
  for (const std::string_view keys : {"SMALLER 1", "SUBJECT absent"}) {
    CAPTURE(keys);
    Line line;
    if (keys.starts_with("SMALLER"))
      fill(line);
    else
      line.send("a LOGIN fred secret\r\nb SELECT INBOX\r\n");
    line.take();
    CHECK(line.ends.client->try_write("c SEARCH " + std::string(keys) + "\r\n"));
    REQUIRE(line.ends.client->shutdown_write());
    CHECK(line.take() == "* SEARCH\r\nc OK SEARCH completed\r\n");
  }
}

TEST_CASE("RFC 9585: a command whose session ends under it tells nothing more") {
  auto line = std::make_unique<Line>();
  fill(*line);
  line->fred->work_takes = std::chrono::seconds(30);
  line->send("c SEARCH BODY see\r\n");
  line->loop.advance(std::chrono::seconds(5));
  line->loop.destroy_tasks();
  line->loop.advance(std::chrono::seconds(30));
  CHECK(line->take() == "");
}
