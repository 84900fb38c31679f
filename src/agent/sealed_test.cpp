// store.encryption on whole hosts: mail goes the ways it always went, no word of it is on a disk, and without the
// server's key nothing is taken, given back or lost.
#include "agent/test_checkpoints.h"
#include "agent/test_hosts.h"
#include "keyring/test_folder.h"
#include "mailbox/content.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;
using keyring::test::KeyFolder;
using test_hosts::holds;
using test_hosts::Hosts;
namespace kept = test_checkpoints;
namespace smtp = protocol::smtp;

/// With a folder for each host's keys.
struct Keys : KeyFolder {
  Keys() {
    for (const char* const host : {"/a", "/b"}) std::filesystem::create_directory(path + host);
  }
};

}  // namespace

TEST_CASE("sealed mail goes the same ways: here, elsewhere, and back to its sender; no word of it is on a disk") {
  const Keys keys;
  Hosts world(keys.path);
  const std::string large(2 * store::kGroupBodyMax, 'x');
  for (const std::string& more : {std::string(), "\r\n" + large}) {
    REQUIRE(
        world.send("<alice@a.test>", {"<bob@b.test>", "<alice@a.test>", "<nobody@b.test>"}, "a secret word" + more));
    world.loop.advance(10s);
  }
  REQUIRE(world.b.inbox("bob").size() == 2);
  for (const std::string& got : world.b.inbox("bob")) CHECK(holds(got, "\r\n\r\na secret word\r\n"));
  CHECK(world.b.inbox("bob")[1].size() > large.size());
  // Two messages, and what the other host said of nobody.
  const std::vector<std::string> alices = world.a.inbox("alice");
  REQUIRE(alices.size() == 4);
  CHECK(std::ranges::count_if(alices, [](const std::string& one) { return holds(one, "nobody@b.test"); }) == 2);
  CHECK(std::ranges::count_if(alices, [](const std::string& one) { return holds(one, "a secret word"); }) >= 2);
  CHECK(world.a.queued() == 0);
  world.a.down();
  world.b.down();
  for (const std::string_view words : {"a secret word", "Message-ID: <1@a.test>", "Delivered-To: bob"}) {
    CHECK(!world.a.on_disk(words));
    CHECK(!world.b.on_disk(words));
  }
  world.a.up();
  world.b.up();
  CHECK(world.a.inbox("alice") == alices);
}

TEST_CASE("without the server's key no mail is taken, and what waits goes when the key is back") {
  const Keys keys;
  Hosts world(keys.path);
  world.b.place().set_state(io::MemoryNetwork::Host::State::gone);
  REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>"}));
  world.loop.advance(1min);
  world.a.down();
  keys.lose("/a");
  world.a.up();
  CHECK(world.a.queued() == 1);
  world.b.place().set_state(io::MemoryNetwork::Host::State::up);
  world.loop.advance(1h);
  CHECK(world.a.queued() == 1);
  CHECK(world.b.inbox("bob").empty());
  CHECK(!world.send("<alice@a.test>", {"<bob@b.test>"}));
  CHECK(!world.send("<alice@a.test>", {"<alice@a.test>"}));
  CHECK(world.a.queued() == 1);
  keys.bring_back("/a");
  world.loop.advance(3h);
  CHECK(world.b.inbox("bob").size() == 1);
  CHECK(world.a.queued() == 0);
  CHECK(world.a.inbox("alice").empty());
  CHECK(world.send("<alice@a.test>", {"<alice@a.test>"}));
}

TEST_CASE("the queue's key is rotated while mail waits: all of it goes, and the old key with the last of it") {
  const Keys keys;
  Hosts world(keys.path);
  const auto ids = [&] { return *keyring::Keys::ids(world.a.services().tablet(), keyring::kQueue); };
  world.b.place().set_state(io::MemoryNetwork::Host::State::gone);
  REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>"}, "by the first key"));
  const auto outcome = test::settled(world.loop, world.a.services().body_keys().rotate());
  REQUIRE(outcome);
  REQUIRE(*outcome);
  CHECK((**outcome).kept == 1);
  REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>"}, "by the second key"));
  world.loop.advance(3h);
  CHECK(ids().size() == 2);
  world.a.down();
  world.a.up();
  CHECK(world.a.queued() == 2);
  world.b.place().set_state(io::MemoryNetwork::Host::State::up);
  world.loop.advance(6h);
  CHECK(world.a.queued() == 0);
  const std::vector<std::string> bobs = world.b.inbox("bob");
  REQUIRE(bobs.size() == 2);
  for (const std::string_view text : {"by the first key", "by the second key"})
    CHECK(std::ranges::any_of(bobs, [&](const std::string& one) { return holds(one, text); }));
  // Nobody asked for it.
  CHECK(ids().size() == 1);
  CHECK(world.send("<alice@a.test>", {"<bob@b.test>"}));
}

TEST_CASE("what is kept of a transfer that broke off outlives a rotation of the queue's key, which outlives it") {
  const KeyFolder keys;
  kept::World world(keys.path);
  const std::string offset = kept::begin_one(world);
  REQUIRE(world.run(world.far->body_keys().rotate()));
  world.restart();
  CHECK(world.run(world.far->body_keys().forget_old())->kept == 1);
  kept::Client again(world);
  REQUIRE(again.mail(kept::kId) == "355 " + offset + " for 2");
  again.send("");
  CHECK(again.end().starts_with("250 "));
  REQUIRE(world.box("bob").size() == 1);
  CHECK(world.box("bob").front().ends_with("\r\n" + kept::kSome));
  CHECK(world.run(world.far->body_keys().forget_old())->erased == 1);
}

TEST_CASE("RFC 1845 3: what is kept of a transfer that broke off is sealed, and goes on after a restart") {
  const KeyFolder keys;
  kept::World world(keys.path);
  const std::string offset = kept::begin_one(world);
  CHECK(std::stoul(offset) == kept::kSome.size());
  world.restart();
  {
    const std::lock_guard lock(world.disk->mutex);
    // A line of the letter.
    CHECK(std::ranges::none_of(world.disk->files, [](const auto& file) {
      return holds(file.second->octets, "\r\n.9" + std::string(60, 'x'));
    }));
  }
  kept::Client again(world);
  REQUIRE(again.mail(kept::kId) == "355 " + offset + " for 2");
  again.send("");
  CHECK(again.end().starts_with("250 "));
  for (const std::string name : {"bob", "bill"}) {
    REQUIRE(world.box(name).size() == 1);
    CHECK(world.box(name).front().ends_with("\r\n" + kept::kSome));
  }
}

TEST_CASE("a part of a broken transfer that is as long as may be is kept, sealed or not") {
  for (const bool sealed : {false, true}) {
    CAPTURE(sealed);
    const KeyFolder keys;
    kept::World world(sealed ? keys.path : "");
    const std::size_t most = sealed ? mailbox::kSealedGroupBodyMax : store::kGroupBodyMax;
    // Its first line ends where a part may; the rest would be a part of its own.
    std::string text = "Subject: s\r\n\r\n" + std::string(most - 16, 'x') + "\r\n";
    REQUIRE(text.size() == most);
    text += std::string(50, 'y') + "\r\n";
    CHECK(kept::begin_one(world, text) == std::to_string(text.size()));
    kept::Client again(world);
    REQUIRE(again.mail(kept::kId) == "355 " + std::to_string(text.size()) + " for 2");
    again.send("");
    CHECK(again.end().starts_with("250 "));
    REQUIRE(world.box("bob").size() == 1);
    CHECK(world.box("bob").front().ends_with("\r\n" + text));
  }
}

TEST_CASE("without the server's key what was kept of a broken transfer waits for it") {
  const KeyFolder keys;
  kept::World world(keys.path);
  const std::string offset = kept::begin_one(world);
  keys.lose();
  world.restart();
  {
    kept::Client client(world);
    CHECK(client.mail(kept::kId) == "355 " + offset + " for 2");
    CHECK(client.data() == "451");
    client.over(smtp::Ending::lost);
  }
  keys.bring_back();
  kept::Client client(world);
  REQUIRE(client.mail(kept::kId) == "355 " + offset + " for 2");
  client.send("");
  CHECK(client.end().starts_with("250 "));
  REQUIRE(world.box("bob").size() == 1);
  CHECK(world.box("bob").front().ends_with("\r\n" + kept::kSome));
}

TEST_CASE("switched off, words are on the disk as they came: the cases above would see them") {
  Hosts world;
  REQUIRE(world.send("<alice@a.test>", {"<bob@b.test>", "<alice@a.test>"}, "an open word"));
  world.loop.advance(10s);
  world.a.down();
  world.b.down();
  CHECK(world.a.on_disk("an open word"));
  CHECK(world.b.on_disk("an open word"));
}

}  // namespace angarium::agent
