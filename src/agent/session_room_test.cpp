#include "agent/session_room.h"

#include <string>

#include "io/memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

struct World {
  io::SimulatedLoop loop;
  std::size_t most = 2;
  std::string order;  ///< of those who were given a place
  SessionRoom room{[this] { return most; }};

  void ask(const std::string& name) {
    loop.spawn([](World& world, std::string who) -> io::Task<> {
      world.order += co_await world.room.take() ? who : who + "!";
    }(*this, name));
    loop.settle();
  }
  template <class Do>
  void on_loop(Do what) {
    test::on_loop(loop, what);
  }
};

}  // namespace

TEST_CASE("there are so many places, and those who wait have theirs in their order") {
  World world;
  for (const char* const name : {"a", "b", "c", "d"}) world.ask(name);
  CHECK(world.order == "ab");
  CHECK(world.room.full());
  CHECK(world.room.crowded());
  world.on_loop([&] { world.room.give_back(); });
  CHECK(world.order == "abc");
  world.on_loop([&] { world.room.give_back(); });
  CHECK(world.order == "abcd");
  CHECK(!world.room.crowded());
  world.on_loop([&] { world.room.give_back(); });
  CHECK(!world.room.full());
}

TEST_CASE("what is open without having asked takes a place, and a smaller limit holds from then on") {
  World world;
  world.room.occupy();
  world.ask("a");
  world.ask("b");
  CHECK(world.order == "a");
  world.most = 1;
  world.on_loop([&] { world.room.give_back(); });
  CHECK(world.order == "a");
  world.on_loop([&] { world.room.give_back(); });
  CHECK(world.order == "ab");
}

TEST_CASE("at the end nobody waits any more, and nobody who comes later") {
  World world;
  for (const char* const name : {"a", "b", "c"}) world.ask(name);
  world.on_loop([&] { world.room.stop(); });
  CHECK(world.order == "abc!");
  world.ask("d");
  CHECK(world.order == "abc!d!");
  world.on_loop([&] { world.room.give_back(); });
  CHECK(world.order == "abc!d!");
}

}  // namespace angarium::agent
