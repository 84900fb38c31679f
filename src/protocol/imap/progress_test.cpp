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
