// What is learnt of a message while it arrives, and what is changed.
#include <algorithm>

#include "mailbox/limits.h"
#include "mailbox/test_world.h"
#include "message/content.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

TEST_CASE(
    "RFC 1939 11: what has no line end at its end is known by it, in every copy and after every change of flags") {
  Ready world;
  const std::string filler(2 * store::kGroupBodyMax, 'x');
  for (const auto& [octets, open] :
       std::initializer_list<std::pair<std::string, bool>>{{"A: b\r\n\r\nabc", true},
                                                           {"A: b\r\n\r\nabc\r\n", false},
                                                           {"A: b\r\n\r\nabc\n", false},
                                                           {"A: b\r\n\r\nabc\r", true},
                                                           {"A: b\r\n\r\n" + filler, true},
                                                           {"A: b\r\n\r\n" + filler + "\r\n", false},
                                                           {"", false}}) {
    auto intake = world.store->intake(Arrival::ordinary);
    for (std::size_t at = 0; at < octets.size(); at += 10'007)
      REQUIRE(intake->append(std::string_view(octets).substr(at, 10'007)));
    const ContentPtr content = world.must(intake->finish());
    const Uid uid = world.must(world.mail->append(world.inbox, {{content, {}, {}}})).uids.ranges()[0].first;
    UidSet uids;
    uids.add(uid);
    const MailboxId sent = world.id("Sent");
    const Uid copied = world.must(world.mail->copy(world.inbox, uids, sent)).target.ranges()[0].first;
    world.must(world.mail->change_flags(world.inbox, uids, flags(FlagMode::replace, kSeen)));
    CHECK((world.view(world.inbox)->find(uid)->open_end != 0) == open);
    CHECK((world.view(sent)->find(copied)->open_end != 0) == open);
    CHECK(world.view(world.inbox)->find(uid)->flags() == kSeen);
  }
}

TEST_CASE("RFC 3030 3: parts in binary coding are stored as base64 when they come so, and as they are otherwise") {
  Ready world;
  for (const std::size_t size : {std::size_t{300}, 3 * store::kGroupBodyMax}) {
    std::string octets;
    while (octets.size() < size) octets += static_cast<char>(octets.size() % 256);
    const std::string message =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: "
        "binary\r\n\r\n" +
        octets + "\r\n--b--\r\n";
    for (const Arrival arrival : {Arrival::ordinary, Arrival::binary}) {
      auto intake = world.store->intake(arrival);
      for (std::size_t at = 0; at < message.size(); at += 10'007) {
        REQUIRE(intake->append(std::string_view(message).substr(at, 10'007)));
        if (intake->full()) world.must(intake->drain());
      }
      CHECK(intake->received() == message.size());
      const ContentPtr content = world.must(intake->finish());
      CHECK(content->facts.presentation.identity() == (arrival == Arrival::binary));
      const Uid uid = world.must(world.mail->append(world.inbox, {{content, {}, {}}})).uids.ranges()[0].first;
      const Entry entry = *world.view(world.inbox)->find(uid);
      const std::string read = world.octets(*world.mail, entry.email);
      CHECK(read.size() == entry.size);
      const message::Structure structure = message::parse_structure(read);
      CHECK((message::decoded_content(structure.parts.at(1), read) == octets) == (arrival == Arrival::binary));
    }
  }
}

TEST_CASE("a binary arrival that cannot be rewritten is refused, and leaves the mailbox as it was") {
  Ready world;
  auto intake = world.store->intake(Arrival::binary);
  const auto taken = intake->append("Subject: " + std::string(message::kPartHeaderMax, 'x'));
  REQUIRE(!taken);
  CHECK(taken.error().is(message::kNotRewritable));
}

TEST_CASE(
    "a small message with more than kBeyondAsciiOnLoop octets above 127 is looked at in the pool, others are not") {
  const auto with_beyond_ascii = [](std::size_t count) {
    std::string octets = "To: \xC3\xBC@example.test\r\n\r\n";
    for (std::size_t i = 2; i < count; ++i) octets += i % 64 == 0 ? "\xC3\r\n" : "\xC3";
    return octets;
  };
  const auto finish = [](Ready& world, const std::string& octets) {
    auto intake = world.store->intake(Arrival::ordinary);
    REQUIRE(intake->append(octets));
    return world.run(intake->finish());
  };
  const std::string most = with_beyond_ascii(kBeyondAsciiOnLoop);
  const std::string more = with_beyond_ascii(kBeyondAsciiOnLoop + 1);
  REQUIRE(std::ranges::count_if(more, [](char c) { return static_cast<unsigned char>(c) > 127; }) ==
          static_cast<std::ptrdiff_t>(kBeyondAsciiOnLoop + 1));
  Ready world;
  for (const std::string& octets : {most, more}) {
    const ContentPtr content = *finish(world, octets);
    const ContentPtr expected = make_content(octets);
    REQUIRE(content->octets);
    CHECK(*content->octets == octets);
    CHECK(content->facts.structure == expected->facts.structure);
    CHECK(content->facts.ascii == expected->facts.ascii);
    CHECK(content->facts.ascii_growth == expected->facts.ascii_growth);
  }
  // A pool that has ended refuses what is given to it.
  world.pool.end();
  CHECK(finish(world, most));
  const auto refused = finish(world, more);
  REQUIRE(!refused);
  CHECK(refused.error().is(io::kBusy));
}
