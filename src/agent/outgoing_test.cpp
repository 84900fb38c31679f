#include "agent/outgoing.h"

#include "agent/test_outbound.h"
#include "message/coding.h"
#include "message/downgrade.h"
#include "message/structure.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;

const std::string kMime = "From: alice@a.test\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n";

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// With a server that does not announce this.
struct OldWorld : Outbound {
  explicit OldWorld(std::string without) { hide = std::move(without); }
};

std::string content_of_first(const std::string& octets) {
  const message::Structure s = message::parse_structure(octets);
  return message::decode_transfer(s.parts[0].encoding, s.parts[0].body().of(octets));
}

}  // namespace

TEST_CASE(
    "RFC 6152 3: an 8-bit message goes to a server without 8BITMIME with its bodies encoded, and its size is right") {
  OldWorld world("8BITMIME");
  const std::string letter = kMime +
                             "Content-Transfer-Encoding: 8bit\r\n\r\nGr\xC3\xBC\xC3\x9F"
                             "e\r\n.dot\r\n";
  queue::Entry entry = Outbound::entry(world.loop, letter);
  entry.sender.parameters.body = envelope::Body::eight_bit_mime;
  entry.prepended = "Received: from x by mx.a.test; Sun, 22 Nov 2026 10:00:00 +0000\r\n";
  world.put(entry, letter, {"<bob@b.test>"});
  world.loop.advance(5s);
  REQUIRE(world.house.messages.size() == 1);
  const auto& got = world.house.messages[0];
  CHECK(got.octets.starts_with(entry.prepended + kMime));
  CHECK(message::seven_bit_clean(got.octets));
  CHECK(content_of_first(got.octets) ==
        "Gr\xC3\xBC\xC3\x9F"
        "e\r\n.dot\r\n");
  CHECK(!got.envelope.sender.parameters.body);
  CHECK(got.envelope.sender.parameters.size == got.octets.size());
  CHECK(world.queued() == 0);
}

TEST_CASE("RFC 6152 3: a server with 8BITMIME gets the message as it is") {
  Outbound world;
  const std::string letter = kMime +
                             "\r\nGr\xC3\xBC\xC3\x9F"
                             "e\r\n";
  world.put(letter);
  world.loop.advance(5s);
  REQUIRE(world.house.messages.size() == 1);
  CHECK(world.house.messages[0].octets == letter);
  CHECK(world.house.messages[0].envelope.sender.parameters.body == envelope::Body::eight_bit_mime);
}

TEST_CASE("RFC 3030 3: a binary message goes to a server without BINARYMIME as base64") {
  OldWorld world("BINARYMIME");
  const std::string content(
      "a\0b\nc\rd\r\n\xFF"
      "e",
      12);
  const std::string letter =
      "From: alice@a.test\r\nMIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: "
      "binary\r\n\r\n" +
      content;
  world.put(letter);
  world.loop.advance(5s);
  REQUIRE(world.house.messages.size() == 1);
  CHECK(content_of_first(world.house.messages[0].octets) == content);
}

TEST_CASE("RFC 1428 3: 8-bit text without MIME becomes MIME of an unknown charset") {
  OldWorld world("8BITMIME");
  world.put("From: alice@a.test\r\nSubject: s\r\n\r\nthis is a caf\xE9\r\n");
  world.loop.advance(5s);
  REQUIRE(world.house.messages.size() == 1);
  CHECK(holds(world.house.messages[0].octets,
              "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"));
}

TEST_CASE("RFC 1847 2.1: a signed message is returned, not broken") {
  OldWorld world("8BITMIME");
  world.put(
      "From: alice@a.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n"
      "--b\r\nContent-Type: text/plain\r\n\r\ncaf\xE9\r\n--b\r\nContent-Type: "
      "application/pgp-signature\r\n\r\nsig\r\n--b--\r\n");
  world.loop.advance(10s);
  CHECK(world.house.messages.empty());
  CHECK(world.queued() == 0);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(holds(world.inbox("alice")[0], "\r\nStatus: 5.6.3\r\n"));
}

TEST_CASE("RFC 6532 3.2: a header above 127 is not converted: 5.6.9") {
  for (const std::string hide : {"8BITMIME", "SMTPUTF8"}) {
    OldWorld world(hide);
    const std::string letter = "From: alice@a.test\r\nSubject: caf\xC3\xA9\r\n\r\nx\r\n";
    queue::Entry entry = Outbound::entry(world.loop, letter);
    entry.utf8_header = hide == "SMTPUTF8";
    world.put(entry, letter, {"<bob@b.test>"});
    world.loop.advance(10s);
    CHECK(world.house.messages.empty());
    REQUIRE(world.inbox("alice").size() == 1);
    CHECK(holds(world.inbox("alice")[0], "\r\nStatus: 5.6.9\r\n"));
  }
}

TEST_CASE("RFC 6531 3.5: an address above 127 goes to no server without SMTPUTF8: 5.6.7") {
  OldWorld world("SMTPUTF8");
  const std::string letter = "From: alice@a.test\r\n\r\nx\r\n";
  queue::Entry entry = Outbound::entry(world.loop, letter);
  entry.sender.parameters.smtputf8 = true;
  world.put(entry, letter,
            {"<b\xC3\xB6"
             "b@b.test>"});
  world.loop.advance(10s);
  REQUIRE(world.inbox("alice").size() == 1);
  CHECK(holds(world.inbox("alice")[0], "\r\nStatus: 5.6.7\r\n"));
}

TEST_CASE("RFC 1870 6.1: the size that counts is that of the converted message") {
  for (const bool fits : {true, false}) {
    OldWorld world("8BITMIME");
    std::string letter = kMime + "Content-Transfer-Encoding: 8bit\r\n\r\n";
    for (int i = 0; i < 600; ++i) letter += std::string(98, '\xE9') + "\r\n";
    world.policy.limits.message_octets = fits ? 100'000 : 70'000;
    world.put(letter);
    world.loop.advance(10s);
    CHECK(world.house.messages.size() == (fits ? 1 : 0));
    REQUIRE(world.inbox("alice").size() == (fits ? 0 : 1));
    if (!fits) CHECK(holds(world.inbox("alice")[0], "\r\nStatus: 5.3.4\r\n"));
  }
}

TEST_CASE("a large message is converted piece by piece and arrives whole") {
  OldWorld world("8BITMIME");
  std::string content;
  for (int i = 0; i < 5'000; ++i) content += "Zeile " + std::to_string(i) + " mit Umlaut \xC3\xBC\r\n";
  world.put(kMime + "Content-Transfer-Encoding: 8bit\r\n\r\n" + content);
  world.loop.advance(1min);
  REQUIRE(world.house.messages.size() == 1);
  CHECK(content_of_first(world.house.messages[0].octets) == content);
}

}  // namespace angarium::agent
