#include "mailbox/thread.h"

#include "mailbox/limits.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;

TEST_CASE("RFC 5256 2.1: the base subject is without reply marks, list blobs and forward marks") {
  for (const char* same : {"Hello world", "Re: hello world", "RE: Re: HELLO WORLD", "Fwd: hello  world",
                           "fw: [list] hello world", "[list] Re: hello world", "[list] hello world",
                           "Re[2]: hello world", "hello world (fwd)", "[Fwd: hello world]", "Re : hello world",
                           "re:hello\tworld", "[a][b] Re: [c] hello world (fwd) (FWD)", "[fwd: Re: hello world (fwd)]"})
    CHECK_MESSAGE(base_subject(same) == "hello world", same);
  CHECK(base_subject("Reply") == "reply");
  CHECK(base_subject("[list]") == "[list]");
  CHECK(base_subject("[list] ") == "[list]");
  CHECK(base_subject("Re:").empty());
  CHECK(base_subject("") == "");
  CHECK(base_subject("[a] [b]") == "[b]");
  CHECK(base_subject("re [list: x") == "re [list: x");
}

TEST_CASE("emails share a key when a message-id and the base subject are the same") {
  const auto first = thread_keys("Message-ID: <1@a>\r\nSubject: Plans\r\n\r\n");
  const auto reply = thread_keys(
      "In-Reply-To: <1@a>\r\nMessage-Id: < 2@a\r\n >\r\nReferences: <0@a>\r\n <1@a>\r\nSubject: Re: plans\r\n");
  const auto other = thread_keys("Message-ID: <3@a>\r\nIn-Reply-To: <1@a>\r\nSubject: Other things\r\n");
  REQUIRE(first.size() == 1);
  REQUIRE(reply.size() == 3);
  CHECK(reply[1] == first[0]);
  CHECK(reply[0] == thread_keys("Message-ID: <2@a>\r\nSubject: PLANS\r\n")[0]);
  CHECK(other.size() == 2);
  CHECK(other[1] != first[0]);
  CHECK(thread_keys("Subject: nothing\r\n\r\nMessage-ID: <in@body>\r\n").empty());
  CHECK(thread_keys("Message-ID: broken\r\nReferences: <open\r\n").empty());
}

TEST_CASE("of a long chain the latest references count") {
  std::string header = "Subject: s\r\nReferences:";
  for (std::size_t i = 0; i < 2 * kReferencesMax; ++i) header += "\r\n <" + std::to_string(i) + "@a>";
  const auto keys = thread_keys(header + "\r\n");
  CHECK(keys.size() == kReferencesMax);
  CHECK(keys.back() ==
        thread_keys("Subject: s\r\nMessage-ID: <" + std::to_string(2 * kReferencesMax - 1) + "@a>\r\n")[0]);
}
