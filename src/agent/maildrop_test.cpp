#include "agent/maildrop.h"

#include "support/test.h"

using namespace angarium::agent;

TEST_CASE("RFC 1939 section 4: a maildrop is held by one, and free again when its holder ends") {
  MaildropLocks locks;
  {
    auto lock = locks.take(1);
    CHECK(lock);
    CHECK(!locks.take(1));
    CHECK(locks.take(2));
    auto moved = std::move(lock);
    CHECK(!locks.take(1));
  }
  CHECK(locks.take(1));
}
