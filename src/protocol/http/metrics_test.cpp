#include "protocol/http/metrics.h"

#include "support/session.h"
#include "support/test.h"

using namespace angarium;

TEST_CASE("RFC 9112: the page, what is not there, what is no request") {
  test::check_sessions(test::room_path("session"),
                       [] { return [](wire::Connection& c) { return protocol::http::serve_metrics(c); }; });
}
