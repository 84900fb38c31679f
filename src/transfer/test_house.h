// For this room's tests: the mail of two accounts, and talks about the first one's over a socket, as commands hold
// them.
#pragma once

#include <sys/socket.h>

#include <array>
#include <thread>

#include "io/connect.h"
#include "io/loop.h"
#include "mailbox/test_world.h"
#include "support/test.h"
#include "transfer/give.h"
#include "transfer/import.h"
#include "transfer/receive.h"

namespace angarium::transfer::testing {

struct House : mailbox::test::Ready {
  using End = io::Task<> (*)(io::Stream&, Desk);

  /// Runs the server's end beside `command`, which gets the other.
  template <class F>
  auto talk(F command, End server_end = receive) {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    std::thread server([this, server_end, end = ends[1]] {
      const auto here = io::make_loop().value();
      auto stream = io::adopt_stream(end);
      here->spawn(
          server_end(*stream, Desk{.mail = *store, .tablet = *tablet, .pool = pool, .account = mailbox::test::kAlice}));
      here->drain();
      here->run();
    });
    Link link(ends[0]);
    auto result = command(link);
    ::shutdown(ends[0], SHUT_RDWR);
    server.join();
    ::close(ends[0]);
    mail = account(mailbox::test::kAlice);
    return result;
  }

  Plan plan;
  Report bring(const std::string& source, const std::string& into = "") {
    return talk([&](Link& link) {
      LocalSource from(source);
      Import import(link, from);
      plan = import.plan(into).value();
      return import.run(plan, {});
    });
  }

  std::uint64_t count(std::string_view name) { return mail->status(id(name)).value().messages; }
  std::string first(std::string_view name) { return octets(*mail, view(id(name))->at(1).email); }
};

}  // namespace angarium::transfer::testing
