// Folders of a server as boxes: against our server's half of IMAP with a store in memory.
#include "mua/store_box.h"

#include <sys/socket.h>

#include <array>
#include <thread>

#include "io/connect.h"
#include "mua/testing.h"
#include "protocol/imap/memory_backend.h"
#include "protocol/imap/server.h"
#include "protocol/imap/testing.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mua;
using testing::Home;
using testing::Typed;
namespace imap = protocol::imap;

namespace {

io::Task<> serve(std::shared_ptr<imap::MemoryStore> store, int descriptor, bool known) {
  const auto connection = wire::plain_connection(io::adopt_stream(descriptor));
  imap::MemoryAuthenticator authenticator{*store, *connection, imap::MemoryAuthenticator::Plaintext::always};
  const imap::ServerOptions options;
  imap::Server server(*connection, authenticator, options);
  auto account = co_await authenticator.open({.authentication_id = "fred", .authorization_id = {}}, "LOGIN");
  co_await server.run(known ? *account : nullptr);
}

/// A server for fred alone, on a thread of its own for each connection.
class Host {
 public:
  Host() {
    here.own_store = [this]() -> Result<int> {
      if (!reason.empty()) return fail(kNoBox, reason);
      std::array<int, 2> ends{};
      REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
      ours = ends[0];
      // One at a time has the store: the connection before has ended.
      join();
      ++connections;
      threads_.emplace_back([store = store, known = known, descriptor = ends[1]] {
        auto loop = io::make_loop();
        if (!loop) return;
        (*loop)->spawn(serve(store, descriptor, known));
        (*loop)->drain();
        (*loop)->run();
      });
      return ends[0];
    };
  }
  ~Host() { join(); }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  Home home;
  Typed terminal{"", false};
  Surroundings here = home.surroundings(terminal);
  /// Touched by the servers' threads only while a box waits for them.
  std::shared_ptr<imap::MemoryStore> store = imap::testing::make_store();
  std::string reason;
  bool known = true;
  int ours = -1;
  int connections = 0;

 private:
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("a folder of the server is read, marked and deleted as any box; what came in meanwhile stays") {
  Host host;
  {
    auto box = open_box("@", host.here, Access::change);
    REQUIRE(box);
    CHECK((*box)->is_inbox());
    REQUIRE((*box)->size() == 3);
    CHECK((*box)->at(0).octets == imap::testing::kPlain.size());
    CHECK((*box)->at(1).flags == (*box)->at(1).flags_there);
    CHECK(((*box)->at(1).flags & message::kBoxSeen) != 0);
    CHECK(((*box)->at(2).flags & message::kBoxFlagged) != 0);
    CHECK((*box)->read(0, imap::testing::kPlain.size()).value() == imap::testing::kPlain);
    CHECK((*box)->start(0, 20).value() == imap::testing::kPlain.substr(0, 20));
    CHECK((*box)->read(0, imap::testing::kPlain.size() - 1).error().is(kHost));
    CHECK((*box)->look().value() == 0);
    (*box)->at(0).flags |= message::kBoxSeen | message::kBoxAnswered;
    (*box)->at(1).deleted = true;
    (*box)->at(2).flags &= static_cast<message::BoxFlags>(~message::kBoxFlagged);
    CHECK((*box)->is_changed());
    REQUIRE((*box)->write());
    CHECK_FALSE((*box)->is_changed());
    CHECK((*box)->size() == 2);
    CHECK((*box)->read(1, kMessageMax).value() == imap::testing::kPlain);
  }
  auto box = open_box("@", host.here, Access::read_only);
  REQUIRE(box);
  REQUIRE((*box)->size() == 2);
  CHECK(((*box)->at(0).flags & (message::kBoxSeen | message::kBoxAnswered)) ==
        (message::kBoxSeen | message::kBoxAnswered));
  CHECK(((*box)->at(1).flags & message::kBoxFlagged) == 0);
}

TEST_CASE("a connection that ended while the user thought is made again, and nothing is lost") {
  Host host;
  auto box = open_box("@", host.here, Access::change);
  REQUIRE(box);
  (*box)->at(0).deleted = true;
  shutdown(host.ours, SHUT_RDWR);
  CHECK((*box)->read(1, kMessageMax).value() == imap::testing::kParts);
  CHECK(host.connections == 2);
  shutdown(host.ours, SHUT_RDWR);
  REQUIRE((*box)->write());
  CHECK((*box)->size() == 2);
  CHECK(host.connections == 3);
  CHECK((*box)->look().value() == 0);
}

TEST_CASE("in a folder that was made anew meanwhile nothing is changed, however often it is asked for") {
  Host host;
  auto box = open_box("@", host.here, Access::change);
  REQUIRE(box);
  (*box)->at(0).deleted = true;
  (*box)->at(1).flags |= message::kBoxFlagged;
  shutdown(host.ours, SHUT_RDWR);
  host.join();
  const auto folder = host.store->find("fred")->mailboxes.at("INBOX");
  folder->uid_validity += 100;
  const auto before = folder->entries();
  for (int i = 0; i < 2; ++i) {
    CHECK((*box)->write().error().is(kChanged));
    CHECK((*box)->read(1, kMessageMax).error().is(kChanged));
    CHECK((*box)->look().error().is(kChanged));
  }
  CHECK(host.connections == 2);
  host.join();
  const auto after = folder->entries();
  REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < after.size(); ++i) CHECK(after[i].modseq == before[i].modseq);
}

TEST_CASE("a connection that could not be made anew is made by what is done next") {
  Host host;
  auto box = open_box("@", host.here, Access::change);
  REQUIRE(box);
  shutdown(host.ours, SHUT_RDWR);
  host.known = false;
  CHECK(!(*box)->read(1, kMessageMax));
  CHECK(host.connections == 2);
  host.known = true;
  CHECK((*box)->read(1, kMessageMax).value() == imap::testing::kParts);
  CHECK(host.connections == 3);
}

TEST_CASE("no folder is opened that is not there, of a server that has none for the user, or does not know him") {
  Host host;
  CHECK(open_box("@Nowhere", host.here, Access::change).error().is(kNoBox));
  host.known = false;
  CHECK_FALSE(open_box("@", host.here, Access::change));
  host.reason = "no mailbox here";
  CHECK(open_box("@", host.here, Access::change).error().is(kNoBox));
  host.here.own_store = nullptr;
  CHECK(open_box("@", host.here, Access::change).error().is(kNoBox));
}
