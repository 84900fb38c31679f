#include "agent/site_windows.h"

#include <memory>

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;

struct World {
  io::SimulatedLoop loop;
  std::size_t most = 3;
  std::string order;  ///< of those who were given a place
  std::unique_ptr<SiteWindows> windows = std::make_unique<SiteWindows>([this](const std::string&) { return most; });

  bool enter(const std::string& site = "p") {
    SiteWindows::Promise none;
    std::optional<bool> entered;
    on_loop([&] { entered = windows->enter(site, none); });
    return *entered;
  }
  void leave(const std::string& host = {}) {
    on_loop([&] { windows->leave("p", host); });
  }
  /// Waits, then takes its place unless it `gives_up`.
  void wait(const std::string& name, bool gives_up = false) {
    loop.spawn([](World& world, std::string who, bool goes) -> io::Task<> {
      SiteWindows::Promise promise = co_await world.windows->wait("p", {who});
      if (goes) co_return;
      world.order += who + (world.windows->enter("p", promise) ? "" : "!");
    }(*this, name, gives_up));
    loop.settle();
  }
  template <class Do>
  void on_loop(Do what) {
    test::on_loop(loop, what);
  }
};

}  // namespace

TEST_CASE("a site has so many places, each site its own, and what has no site needs none") {
  World world;
  for (int i = 0; i < 3; ++i) CHECK(world.enter());
  CHECK(!world.enter());
  CHECK(world.enter("q"));
  for (int i = 0; i < 9; ++i) CHECK(world.enter(""));
  world.leave();
  CHECK(world.enter());
  CHECK(!world.enter());
}

TEST_CASE("those who wait have their places in their order, and before those who come later") {
  World world;
  for (int i = 0; i < 3; ++i) CHECK(world.enter());
  for (const char* const name : {"a", "b", "c"}) world.wait(name);
  CHECK(world.order.empty());
  world.on_loop([&] {
    world.windows->leave("p", {});
    // The place is a's, though it has not woken yet.
    SiteWindows::Promise none;
    CHECK(!world.windows->enter("p", none));
  });
  CHECK(world.order == "a");
  world.leave();
  world.leave();
  CHECK(world.order == "abc");
}

TEST_CASE("a place that is not taken after the wait goes to the next") {
  World world;
  for (int i = 0; i < 3; ++i) CHECK(world.enter());
  world.wait("a", true);
  world.wait("b");
  world.leave();
  CHECK(world.order == "b");
}

TEST_CASE("nobody waits where there is a place, and nothing is kept of a site that nobody uses") {
  World world;
  world.wait("a");
  CHECK(world.order == "a");
  world.leave();
  world.wait("b", true);
  CHECK(world.windows->size() == 0);
}

TEST_CASE("a site that refused one more has as many as it took, and twice as many each minute after it") {
  World world;
  world.most = 20;
  for (int i = 0; i < 3; ++i) CHECK(world.enter());
  world.on_loop([&] { world.windows->refused("p", world.loop.now()); });
  world.leave();
  CHECK(!world.enter());
  world.loop.advance(1min);
  CHECK(world.enter());
  CHECK(world.enter());
  CHECK(!world.enter());
  world.loop.advance(1min);
  for (int i = 0; i < 4; ++i) CHECK(world.enter());
  CHECK(!world.enter());
}

TEST_CASE("a site that becomes narrower while a place is promised: that one waits again") {
  World world;
  for (int i = 0; i < 3; ++i) CHECK(world.enter());
  world.wait("a");
  world.on_loop([&] {
    world.windows->leave("p", {});
    world.most = 1;
  });
  CHECK(world.order == "a!");
}

TEST_CASE("who waits for hosts of which there is news is woken, the others wait on") {
  World world;
  world.most = 1;
  CHECK(world.enter());
  for (const char* const name : {"a", "b", "c"}) world.wait(name);
  world.on_loop([&] { world.windows->wake("p", [](const auto& hosts) { return hosts.front() == "b"; }); });
  CHECK(world.order == "b!");
  world.leave();
  CHECK(world.order == "b!a");
}

TEST_CASE("at the end nobody waits any more") {
  World world;
  world.most = 1;
  CHECK(world.enter());
  world.wait("a");
  world.on_loop([&] { world.windows->stop(); });
  CHECK(world.order == "a!");
  world.wait("b");
  CHECK(world.order == "a!b!");
}

TEST_CASE("whether a host has a session in use") {
  World world;
  CHECK(world.enter());
  CHECK(world.enter());
  world.on_loop([&] {
    world.windows->opening("p", {"mx1", "mx2"});
    world.windows->opening("p", {"mx1", "mx3"});
  });
  CHECK(world.windows->in_use("p", {"mx2"}));
  world.on_loop([&] { world.windows->not_opened("p", {"mx1", "mx2"}); });
  CHECK(!world.windows->in_use("p", {"mx2"}));
  CHECK(world.windows->in_use("p", {"mx1"}));
  world.on_loop([&] {
    world.windows->opened("p", {"mx1", "mx3"}, "mx1");
    world.windows->opening("p", {"mx1"});
    world.windows->opened("p", {"mx1"}, "mx1");
  });
  CHECK(world.windows->in_use("p", {"mx2", "mx1"}));
  CHECK(!world.windows->in_use("p", {"mx3"}));
  CHECK(!world.windows->in_use("q", {"mx1"}));
  world.leave("mx1");
  CHECK(world.windows->in_use("p", {"mx1"}));
  world.leave("mx1");
  CHECK(!world.windows->in_use("p", {"mx1"}));
}

}  // namespace angarium::agent
