// RFC 1845 from end to end: our courier, our server, its store, and connections that break.
#include "agent/test_checkpoints.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;
using namespace test_checkpoints;

}  // namespace

TEST_CASE("RFC 1845 3: a transfer that broke off goes on where it stopped, also when the server began anew meanwhile") {
  World world;
  const std::string text = letter(1'500'000);
  world.break_next({.octets_to_listener = 1'200'000});
  world.put_large(text);
  world.loop.advance(1min);
  CHECK(world.box("bob").empty());
  CHECK(world.far->checkpoints().size() == 1);
  world.restart();
  // There is no way for the whole of it.
  world.break_next({.octets_to_listener = 500'000});
  world.loop.advance(10min);
  const auto box = world.box("bob");
  REQUIRE(box.size() == 1);
  CHECK(box.front().ends_with(text));
  CHECK(world.queued() == 0);
  CHECK(world.far->checkpoints().size() == 0);  // our QUIT told so
}

TEST_CASE("RFC 1845 1, 3: wherever the replies break off, the message is there once") {
  const std::string text = letter(1'200'000);
  std::size_t unheard = 0;
  for (std::size_t heard = 200; heard < 900; heard += 20) {
    CAPTURE(heard);
    World world;
    world.break_next({.octets_to_caller = heard});
    world.put_large(text);
    world.loop.advance(1min);
    const bool there = !world.box("bob").empty();
    unheard += there && world.queued() > 0 ? 1 : 0;
    world.restart();
    world.loop.advance(10min);
    CHECK(world.queued() == 0);
    CHECK(world.box("bob").size() == 1);
  }
  CHECK(unheard > 0);
}

TEST_CASE("RFC 1845 3: the offset is the beginning of a line, and what comes from there makes the message whole") {
  for (const std::size_t cut : {20'000u, 262'143u, 262'144u, 262'145u, 300'000u, 524'288u}) {
    CAPTURE(cut);
    World world;
    const std::string offset = begin_one(world, std::string_view(kSome).substr(0, cut));
    Client again(world);
    CHECK(again.mail(kId) == "355 " + offset + " for 2");
    again.send(std::string_view(kSome).substr(std::stoul(offset)));
    const std::string told = again.end();
    CHECK(told.starts_with("250 "));
    again.over(smtp::Ending::lost);
    for (const std::string name : {"bob", "bill"}) {
      REQUIRE(world.box(name).size() == 1);
      CHECK(world.box(name).front().ends_with("\r\n" + kSome));
    }
    Client third(world);
    CHECK(third.mail(kId) == "355 " + std::to_string(kSome.size()) + " for 2");
    third.send("");
    CHECK(third.end().starts_with("250 Message accepted as "));
    third.over(smtp::Ending::quit);
    CHECK(world.box("bob").size() == 1);
    CHECK(Client(world).mail(kId) == "250");
  }
}

TEST_CASE("RFC 1845 2: a TRANSID alone is no key: the address, the name and the user must be the same") {
  World world;
  begin_one(world);
  CHECK(Client(world, "192.0.2.9").mail(kId) == "250");
  CHECK(Client(world, "192.0.2.1", "mx.c.test").mail(kId) == "250");
  CHECK(Client(world, "192.0.2.1", "mx.a.test", "bob@b.test").mail(kId) == "250");
  CHECK(Client(world).mail("<1.2@A.test>") == "250");
  CHECK(Client(world, "192.0.2.1", "MX.A.test").mail(kId).starts_with("355 "));
}

TEST_CASE("RFC 1845 3: a transaction that another session has in hand is not given to a second one") {
  World world;
  Client first(world);
  REQUIRE(first.mail(kId) == "250");
  CHECK(Client(world).mail(kId) == "450");
  REQUIRE(first.rcpt("<bob@b.test>") == "250");
  first.send(kSome);
  CHECK(Client(world).mail(kId) == "450");
  first.over(smtp::Ending::lost);
  CHECK(Client(world).mail(kId).starts_with("355 "));
}

TEST_CASE("RFC 1845 3: what cannot go on as it was begins anew") {
  World world;
  begin_one(world);
  CHECK(Client(world).mail(kId, "<other@y.example>") == "250");
  CHECK(world.far->checkpoints().size() == 0);
  begin_one(world);
  store::Batch batch;
  REQUIRE(world.far->directory().prepare_removal("bill@b.test", batch));
  REQUIRE(world.run(queue::commit(world.far->tablet(), std::move(batch))));
  world.far->directory().forget();
  Client client(world);
  CHECK(client.mail(kId) == "250");
  CHECK(client.rcpt("<bob@b.test>") == "250");
  client.send(kSome);
  CHECK(client.end().starts_with("250 "));
  CHECK(world.box("bob").size() == 1);
}

TEST_CASE("a name does not outlive a MAIL that was refused: the next message is another one") {
  World world;
  Client client(world);
  world.rate.set_per_minute(1);
  REQUIRE(Client(world).mail_unnamed() == "250");
  REQUIRE(client.mail(kId) == "450");
  world.rate.set_per_minute(0);
  REQUIRE(client.mail_unnamed() == "250");
  REQUIRE(client.rcpt("<bob@b.test>") == "250");
  client.send(letter(1000));
  REQUIRE(client.end().starts_with("250 "));
  client.over(smtp::Ending::lost);
  CHECK(world.far->checkpoints().size() == 0);
  CHECK(Client(world).mail(kId) == "250");
}

TEST_CASE("what passes is no reason to throw away what has come") {
  World world;
  const std::string offset = begin_one(world);
  world.rate.set_per_minute(1);
  REQUIRE(Client(world).mail_unnamed() == "250");
  CHECK(Client(world).mail(kId).starts_with('4'));
  world.rate.set_per_minute(0);
  CHECK(Client(world).mail(kId) == "355 " + offset + " for 2");
}

TEST_CASE("RFC 5321 2.3.8: a bare CR or LF before the break refuses the whole") {
  for (const char* const bare : {"a\rb\r\n", "a\nb\r\n"}) {
    World world;
    const std::string offset = begin_one(world, bare + kSome);
    Client again(world);
    const std::string mail = again.mail(kId);
    if (mail == "250") continue;  // nothing of it was kept
    again.send("end\r\n");
    CHECK(again.end().starts_with("554 "));
    CHECK(world.box("bob").empty());
  }
}

TEST_CASE("RFC 1845 3: an abort ends what is kept, with QUIT or another transaction behind it") {
  World world;
  begin_one(world);
  Client lost(world);
  REQUIRE(lost.mail(kId).starts_with("355 "));
  lost.over(smtp::Ending::lost);
  Client aborting(world);
  REQUIRE(aborting.mail(kId).starts_with("355 "));
  aborting.abort();
  CHECK(aborting.mail("<other@a.test>") == "250");
  CHECK(world.far->checkpoints().size() == 0);
  begin_one(world);
  Client quitting(world);
  REQUIRE(quitting.mail(kId).starts_with("355 "));
  quitting.abort();
  quitting.over(smtp::Ending::quit);
  CHECK(Client(world).mail(kId) == "250");
}

TEST_CASE("a client's share of what is kept is its address's or user's, whatever it calls itself; records count, too") {
  World world;
  Client{world}.mail(kId);  // loads
  Checkpoints& all = world.far->checkpoints();
  CHECK(all.reserve({.owner = "a192.0.2.1 one.test", .id = "1"}, 100, 50, 1000));
  CHECK(all.reserve({.owner = "a192.0.2.1 two.test", .id = "1"}, 40, 50, 1000));
  CHECK_FALSE(all.reserve({.owner = "a192.0.2.1 three.test", .id = "1"}, 0, 11, 1000));
  CHECK_FALSE(all.reserve({.owner = "a192.0.2.1 two.test", .id = "2"}, 11, 0, 1000));
  CHECK(all.reserve({.owner = "a192.0.2.1 two.test", .id = "1"}, 10, 50, 1000));
  CHECK(all.reserve({.owner = "a192.0.2.11 one.test", .id = "1"}, 200, 50, 1000));
  for (std::size_t i = 0; i <= kCheckpointsOfOwnerMax; ++i)
    CHECK(all.reserve({.owner = "ujoe n" + std::to_string(i), .id = "1"}, 1, 1, 1000) == (i < kCheckpointsOfOwnerMax));
}

TEST_CASE("what was accepted counts with its record alone, also after a restart") {
  World world;
  world.octets = 4 * 700'000;
  world.restart();
  for (int i = 0; i < 4; ++i) {
    CAPTURE(i);
    if (i == 2) world.restart();
    const std::string id = "<" + std::to_string(i) + "@a.test>";
    Client client(world);
    REQUIRE(client.mail(id) == "250");
    REQUIRE(client.rcpt("<bob@b.test>") == "250");
    client.send(kSome);
    client.over(smtp::Ending::lost);
    Client again(world);
    const std::string kept = again.mail(id);
    REQUIRE(kept == "355 " + std::to_string(kSome.size()) + " for 1");
    again.send("");
    CHECK(again.end().starts_with("250 "));
    again.over(smtp::Ending::lost);
  }
}

TEST_CASE(
    "355 is answered from the record; what came is read once DATA asks for it, and what is lost is asked for anew") {
  World world;
  begin_one(world);
  store::Batch batch;
  batch.erase_range(std::string{kCheckpointKeyOctet, 'P'}, std::string{kCheckpointKeyOctet, 'Q'});
  REQUIRE(world.run(queue::commit(world.far->tablet(), std::move(batch))));
  Client client(world);
  REQUIRE(client.mail(kId).starts_with("355 "));
  CHECK(client.data() == "451");
  client.abort();
  client.over(smtp::Ending::lost);
  Client again(world);
  REQUIRE(again.mail(kId) == "250");
  REQUIRE(again.rcpt("<bob@b.test>") == "250");
  again.send(kSome);
  CHECK(again.end().starts_with("250 "));
  REQUIRE(world.box("bob").size() == 1);
  CHECK(world.box("bob").front().ends_with("\r\n" + kSome));
}

TEST_CASE("a DATA that is put off behind 355 leaves what has come for the next try") {
  World world;
  const std::string offset = begin_one(world);
  {
    auto all = world.budget.take("", 64 << 20);
    REQUIRE(all);
    Client client(world);
    REQUIRE(client.mail(kId) == "355 " + offset + " for 2");
    CHECK(client.data() == "452");
    client.abort();
    client.over(smtp::Ending::quit);
  }
  Client again(world);
  REQUIRE(again.mail(kId) == "355 " + offset + " for 2");
  again.send(std::string_view(kSome).substr(std::stoul(offset)));
  CHECK(again.end().starts_with("250 "));
  CHECK(world.box("bob").size() == 1);
}

TEST_CASE("a transaction that is read again and again and comes no further begins anew") {
  World world;
  std::string offset = begin_one(world, std::string_view(kSome).substr(0, 300'000));
  for (std::uint32_t i = 0; i < kCheckpointRereadMax; ++i) {
    CAPTURE(i);
    Client client(world);
    REQUIRE(client.mail(kId) == "355 " + offset + " for 2");
    // It comes further in the last try but three, and what was before does not count any more.
    const bool further = i == kCheckpointRereadMax - 4;
    client.send(further ? std::string_view(kSome).substr(std::stoul(offset), 1000) : std::string_view());
    client.over(smtp::Ending::lost);
    if (further)
      offset = std::to_string(std::string_view(kSome).substr(0, std::stoul(offset) + 1000).rfind("\r\n") + 2);
  }
  for (std::uint32_t i = 3; i < kCheckpointRereadMax; ++i) {
    Client client(world);
    REQUIRE(client.mail(kId) == "355 " + offset + " for 2");
    client.send("");
    client.over(smtp::Ending::lost);
  }
  CHECK(Client(world).mail(kId) == "250");
}

TEST_CASE("what is kept of broken transfers has bounds in octets and number, and ends after two days") {
  World world;
  world.octets = 4 * 300'000;
  world.restart();
  // One part of 256 KiB fits into an owner's fourth, a second does not: the message arrives all the same.
  begin_one(world);
  Client client(world);
  const std::string kept = client.mail(kId);
  CHECK(kept.starts_with("355 2"));
  const std::size_t offset = std::stoul(kept.substr(4));
  CHECK(offset <= 262'144);
  client.send(std::string_view(kSome).substr(offset));
  CHECK(client.end().starts_with("250 "));
  client.over(smtp::Ending::quit);
  REQUIRE(world.box("bob").size() == 1);
  CHECK(world.box("bob").front().ends_with("\r\n" + kSome));

  Checkpoints& all = world.far->checkpoints();
  for (std::size_t i = 0; i <= kCheckpointsOfOwnerMax; ++i)
    CHECK(all.reserve({.owner = "a", .id = std::to_string(i)}, 1, 1, 1000) == (i < kCheckpointsOfOwnerMax));
  CHECK(all.reserve({.owner = "b", .id = "1"}, 240, 10, 1000));
  CHECK_FALSE(all.reserve({.owner = "b", .id = "1"}, 1, 10, 1000));

  world.octets = 64 << 20;
  world.restart();
  begin_one(world);
  world.loop.advance(47h);
  CHECK(world.run([](Checkpoints& one) -> io::Task<bool> {
    co_await one.expire();
    co_return one.size() == 1;
  }(world.far->checkpoints())));
  world.loop.advance(2h);
  CHECK(world.run([](Checkpoints& one) -> io::Task<bool> {
    co_await one.expire();
    co_return one.size() == 0;
  }(world.far->checkpoints())));
  CHECK(Client(world).mail(kId) == "250");
}

}  // namespace angarium::agent
