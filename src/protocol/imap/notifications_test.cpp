#include "protocol/imap/notifications.h"

#include "protocol/imap/test_line.h"

using namespace angarium;
using namespace angarium::protocol::imap;
using testing::Line;

namespace {

/// An account with so many mailboxes beside the usual six.
void fill(Line& line, std::size_t mailboxes) {
  for (std::size_t i = 0; i < mailboxes; ++i) line.fred->make("x" + std::to_string(i), 0);
  line.send("a LOGIN fred secret\r\n");
  line.take();
}

constexpr std::size_t kUsual = 6;

}  // namespace

TEST_CASE("RFC 5465 §3.1: NOTIFY of more mailboxes than are watched is refused, and leaves what was asked before") {
  Line line;
  fill(line, kNotifyMailboxesMax - kUsual + 1);
  line.send("b NOTIFY SET (mailboxes x1 (MessageNew MessageExpunge))\r\n");
  CHECK(line.take() == "b OK NOTIFY completed\r\n");
  line.send("c NOTIFY SET (personal (MessageNew MessageExpunge))\r\n");
  CHECK(line.take() == "c NO [NOTIFICATIONOVERFLOW] Too many mailboxes to watch\r\n");
  MemoryStore::deliver(*line.fred, "x1", "Subject: x\r\n\r\n");
  CHECK(line.take().starts_with("* STATUS x1 (MESSAGES 1 "));
  // Their names alone cost less, and are told.
  line.send("d NOTIFY SET (personal (MailboxName))\r\n");
  CHECK(line.take() == "d OK NOTIFY completed\r\n");
}

TEST_CASE("RFC 5465 §5.8: what grows too large is told once, and then nothing") {
  Line line;
  fill(line, kNotifyMailboxesMax - kUsual);
  line.send("b NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MessageNew MessageExpunge))\r\n");
  CHECK(line.take() == "b OK NOTIFY completed\r\n");
  line.fred->make("one more", 0);
  CHECK(line.take() == "* OK [NOTIFICATIONOVERFLOW] Too much to watch\r\n");
  MemoryStore::deliver(*line.fred, "x1", "Subject: x\r\n\r\n");
  CHECK(line.take() == "");
  line.send("c SELECT INBOX\r\n");
  line.take();
  MemoryStore::deliver(*line.fred, "INBOX", "Subject: x\r\n\r\n");
  line.send("d NOOP\r\n");
  CHECK(line.take() == "d OK NOOP completed\r\n");
}

TEST_CASE("RFC 9051 §5.4: news do not put off the autologout, and stop() ends a session that waits for them") {
  Line line;
  fill(line, 1);
  line.send("b NOTIFY SET (mailboxes x0 (MessageNew MessageExpunge))\r\n");
  line.take();
  for (int minute = 0; minute < 32; ++minute) {
    MemoryStore::deliver(*line.fred, "x0", "Subject: x\r\n\r\n");
    line.loop.advance(std::chrono::minutes(1));
  }
  CHECK(line.take().ends_with("* BYE Idle for too long\r\n"));
  Line stopped;
  fill(stopped, 1);
  stopped.send("b NOTIFY SET (mailboxes x0 (MessageNew MessageExpunge))\r\n");
  stopped.take();
  stopped.server.stop();
  CHECK(stopped.take() == "* BYE The server ends this session\r\n");
  CHECK(stopped.ended);
}

TEST_CASE("RFC 5465 §3.1: a client in the midst of a command is told when it has sent it") {
  Line line;
  fill(line, 1);
  line.send("b NOTIFY SET (mailboxes x0 (MessageNew MessageExpunge))\r\n");
  line.take();
  line.send("c APPEND x0 {3}\r\n");
  CHECK(line.take() == "+ Ready\r\n");
  MemoryStore::deliver(*line.fred, "x0", "Subject: x\r\n\r\n");
  CHECK(line.take() == "");
  line.send("abc\r\n");
  const auto told = line.take();
  CHECK(told.starts_with("* STATUS x0 (MESSAGES 2 UIDNEXT 3 "));
  CHECK(told.ends_with("c OK [APPENDUID 7 2] APPEND completed\r\n"));
}

TEST_CASE("RFC 5465 §5.4: a mailbox made anew under its name is told, with its new UIDVALIDITY") {
  Line line;
  fill(line, 1);
  line.send("b NOTIFY SET (mailboxes x0 (MessageNew MessageExpunge MailboxName))\r\n");
  line.take();
  line.fred->make("x0", 0);
  CHECK(line.take() == "* LIST (\\HasNoChildren) \"/\" x0\r\n* STATUS x0 (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 8)\r\n");
}
