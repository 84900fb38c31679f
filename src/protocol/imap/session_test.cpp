#include "support/session.h"

#include "protocol/imap/testing.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::imap;

namespace {

test::ServerSetup setup(MemoryAuthenticator::Plaintext plaintext) {
  return [plaintext]() -> test::Server {
    auto store = testing::make_store();
    auto options = std::make_shared<ServerOptions>();
    options->append_limit = 1000;
    store->find("fred")->quota = 4000;
    return [=](wire::Connection& connection) { return testing::serve(store, options, plaintext, connection); };
  };
}

}  // namespace

TEST_CASE("the sessions of session/ go as the RFCs say") {
  test::check_sessions(test::room_path("session"), setup(MemoryAuthenticator::Plaintext::always));
}

TEST_CASE("RFC 9738: sessions where one command works on two messages") {
  test::check_sessions(test::room_path("session/limited"), [] -> test::Server {
    auto store = testing::make_store();
    auto options = std::make_shared<ServerOptions>();
    options->message_limit = 2;
    return [=](wire::Connection& connection) {
      return testing::serve(store, options, MemoryAuthenticator::Plaintext::always, connection);
    };
  });
}

TEST_CASE("before TLS no password is taken") {
  test::check_sessions(test::room_path("session/tls"), setup(MemoryAuthenticator::Plaintext::with_tls));
}
