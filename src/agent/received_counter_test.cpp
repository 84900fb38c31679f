#include "agent/received_counter.h"

#include "base/text.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {
std::size_t count(std::string_view message) {
  ReceivedCounter counter;
  counter.feed(message);
  return counter.count();
}
}  // namespace

TEST_CASE("RFC 5321 section 6.3: Received fields of the header are counted, in any case and cut anywhere") {
  const std::string_view message =
      "Received: from a\r\n\tby b; received:\r\nRECEIVED : x\r\nReceived-SPF: pass\r\nX-Received: "
      "y\r\nreceived:\r\n\r\nReceived: in the body\r\n";
  CHECK(count(message) == 3);
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    ReceivedCounter counter;
    counter.feed(message.substr(0, cut));
    counter.feed(message.substr(cut));
    CHECK(counter.count() == 3);
  }
}

TEST_CASE("a folded line and a body are no fields") {
  CHECK(count("Subject: a\r\n Received: b\r\n") == 0);
  CHECK(count("\r\nReceived: b\r\n") == 0);
  CHECK(count("Received") == 0);
  CHECK(count("") == 0);
}
