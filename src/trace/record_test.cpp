#include "trace/record.h"

#include <algorithm>
#include <string>

#include "support/test.h"
#include "trace/keys.h"

namespace angarium::trace {
namespace {

constexpr WallTime kAt{1'700'000'000'000'000};

/// A message as most are.
Beginning ordinary() {
  Beginning beginning;
  beginning.id = DeliveryId(77);
  beginning.at = kAt;
  beginning.peer = std::string_view("\xC0\0\2\7", 4);
  beginning.helo = std::string_view("mail.sender.example");
  beginning.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
  beginning.sender = std::string_view("alice.archer@sender.example");
  beginning.recipients = {{.address = std::string_view("bob.baker@example.test"), .course = Course::here}};
  beginning.places = {{.recipient = 0, .account = 12, .mailbox = 1, .uid = 4711, .email = 4800}};
  beginning.octets = 2311;
  beginning.took_ms = 3;
  beginning.message_id = std::string_view("20261122.abcdefgh@mail.sender.example");
  return beginning;
}

std::string octets_of(const Beginning& beginning) {
  std::string octets;
  encode(beginning, octets);
  return octets;
}

Beginning everything() {
  Beginning beginning = ordinary();
  beginning.door = Door::submission;
  beginning.extended = false;
  beginning.login = std::string_view("carol@example.test");
  beginning.tls = "TLSv1.9 SOMETHING_NEW";
  beginning.wishes = {.flags = kWishUtf8 | kWishHeaders, .priority = -3, .held_until = 5, .deliver_by = -60};
  beginning.recipients.push_back({.address = std::string_view("nobody@example.test"),
                                  .course = Course::refused,
                                  .code = {.reply = 550, .status = 5, .subject = 1, .detail = 1},
                                  .notify = kNotifySuccess | kNotifyDelay});
  beginning.report_of = DeliveryId(99);
  beginning.refusal = Refusal{.step = Step::data,
                              .code = {.reply = 452, .status = 4, .subject = 3, .detail = 1},
                              .words = std::string_view("Too busy"),
                              .further = 12,
                              .over_ms = 9000};
  return beginning;
}

Event attempt() {
  Event event;
  event.at = kAt;
  event.number = 3;
  event.took_ms = 950;
  event.text = std::string_view("mx.far.example [192.0.2.9]");
  event.tls = "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256";
  event.id = DeliveryId(5);
  event.fates = {{.kind = Fate::Kind::owed,
                  .address = std::string_view("a@far.example"),
                  .status = std::string_view("4.2.0"),
                  .words = std::string_view("450 4.2.0 greylisted, \x1b[2J come back")},
                 {.kind = Fate::Kind::handed_on,
                  .address = std::string_view("b@far.example"),
                  .status = std::string_view("2.1.5"),
                  .words = std::string_view("250 OK")},
                 {.kind = Fate::Kind::handed_on,
                  .address = std::string_view("c@far.example"),
                  .status = std::string_view("2.1.5"),
                  .words = std::string_view("250 OK")}};
  event.places = {{.recipient = 1, .account = 1, .mailbox = 1, .uid = 9, .email = 9}};
  return event;
}

}  // namespace

TEST_CASE("what is written is read alike") {
  for (const Beginning& one : {ordinary(), everything(), Beginning{.id = DeliveryId(1), .at = kAt}}) {
    const std::string octets = octets_of(one);
    const auto read = decode_beginning(one.id, one.at, octets);
    REQUIRE(read);
    CHECK(*read == one);
    CHECK(hashes_of(*read) == hashes_of(one));
  }
  std::string octets;
  encode(attempt(), octets);
  const auto read = decode_event(kAt, octets);
  REQUIRE(read);
  CHECK(*read == attempt());
}

TEST_CASE("an ordinary message costs less than 160 octets, and its words are all there") {
  const std::string octets = octets_of(ordinary());
  CHECK(octets.size() < 160);
  CHECK(decode_beginning(DeliveryId(77), kAt, octets)->message_id.octets == ordinary().message_id.octets);
}

TEST_CASE("however long the names are, a message of one recipient keeps within 200 octets and is found by them") {
  Beginning longest = ordinary();
  const std::string address = std::string(64, 'a') + "@" + std::string(250, 'b') + ".example";
  const std::string name(255, 'n');
  longest.peer = std::string_view("0123456789abcdef");
  longest.helo = std::string_view(name);
  longest.login = std::string_view(address);
  longest.sender = std::string_view(address);
  longest.message_id = std::string_view(name);
  longest.recipients[0].address = std::string_view(address);
  longest.places[0] = {.recipient = 0, .account = 1U << 20, .mailbox = 200, .uid = 1U << 27, .email = 1U << 27};
  longest.octets = 1U << 30;
  longest.took_ms = 60'000;
  const std::string octets = octets_of(longest);
  CHECK(octets.size() <= kAcceptedMax);
  const auto read = decode_beginning(longest.id, kAt, octets);
  REQUIRE(read);
  CHECK(hashes_of(*read) == hashes_of(longest));
  CHECK(read->sender.octets == std::string_view(address).substr(0, read->sender.octets.size()));
  CHECK(read->sender.octets.size() >= 40);
}

TEST_CASE("of many recipients the first hundred keep their names, and all are found") {
  Beginning many = ordinary();
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) names.push_back("recipient." + std::to_string(i) + "@example.test");
  many.recipients.clear();
  for (const std::string& name : names) many.recipients.push_back({.address = std::string_view(name)});
  const std::string octets = octets_of(many);
  CHECK(octets.size() <= kAcceptedMax + 1000 * kRecipientMax);
  const auto read = decode_beginning(many.id, kAt, octets);
  REQUIRE(read);
  CHECK(read->recipients[99].address.octets == names[99]);
  CHECK(read->recipients[100].address.octets.empty());
  CHECK(hashes_of(*read) == hashes_of(many));
}

TEST_CASE("words of others are cut at their limit, one octet past it") {
  Event event = attempt();
  const std::string most(kWordsMax, 'w');
  const std::string more(kWordsMax + 1, 'w');
  event.fates[0].words = std::string_view(most);
  event.fates[1].words = std::string_view(more);
  std::string octets;
  encode(event, octets);
  const auto read = decode_event(kAt, octets);
  REQUIRE(read);
  CHECK(read->fates[0].words == Text(most));
  CHECK(read->fates[1].words.octets == most);
  CHECK(read->fates[1].words.whole);
  event.fates.assign(kFatesMax + 1, attempt().fates[0]);
  encode(event, octets);
  CHECK(decode_event(kAt, octets)->fates.size() == kFatesMax);
}

TEST_CASE("a record cut short within an item is refused, at every octet, and an unknown item is passed over") {
  const std::string octets = octets_of(everything());
  std::size_t whole = 0;
  for (std::size_t cut = 0; cut < octets.size(); ++cut)
    if (decode_beginning(DeliveryId(1), kAt, std::string_view(octets).substr(0, cut))) ++whole;
  // Between two items nothing tells that others were to follow.
  CHECK(whole <= 12);
  CHECK(*decode_beginning(DeliveryId(77), kAt, octets + "?\x03" + "abc") == everything());
  CHECK_FALSE(decode_beginning(DeliveryId(77), kAt, octets + "?\x04" + "abc"));
  std::string other = octets;
  other[0] = 2;
  CHECK_FALSE(decode_beginning(DeliveryId(77), kAt, other));
  std::string event;
  encode(attempt(), event);
  whole = 0;
  for (std::size_t cut = 0; cut < event.size(); ++cut)
    if (decode_event(kAt, std::string_view(event).substr(0, cut))) ++whole;
  CHECK(whole <= 7);
  CHECK_FALSE(decode_event(kAt, std::string(kRecordMax + 1, '\1')));
}

TEST_CASE("addresses are found in any case, and kinds of names are kept apart") {
  CHECK(hash_of_address(std::string_view("Bob@Example.TEST")) == hash_of_address(std::string_view("bob@example.test")));
  CHECK(hash_of_address(std::string_view("a@b.example")) != hash_of_message_id(std::string_view("a@b.example")));
}

TEST_CASE("keys are ordered by lane and time, the beginning before what followed") {
  const std::string first = story_key(Lane::accepted, kAt, DeliveryId(9));
  const std::string event = event_key(Lane::accepted, kAt, DeliveryId(9), {kAt.microseconds + 5}, 3);
  const std::string next = story_key(Lane::accepted, {kAt.microseconds + 1}, DeliveryId(1));
  CHECK(first < event);
  CHECK(event < next);
  CHECK(next < story_key(Lane::refused, {0}, DeliveryId(0)));
  CHECK(story_from(Lane::accepted, kAt) <= first);
  const auto place = story_in(event);
  REQUIRE(place);
  CHECK(place->began == kAt);
  CHECK(place->id == DeliveryId(9));
  CHECK(place->event == WallTime{kAt.microseconds + 5});
  CHECK_FALSE(story_in(first)->event);
  for (std::size_t cut = 0; cut < event.size(); ++cut)
    if (cut != first.size()) CHECK_FALSE(story_in(std::string_view(event).substr(0, cut)));
  CHECK(block_in(index_key(Lane::accepted, 63, kAt)) == kAt);
  CHECK(block_in(block_key(Lane::refused, kAt)) == kAt);
  CHECK(part_of(0xFFFFFFFF) == kIndexParts - 1);
}

TEST_CASE("a record stays one however many recipients and places there are: those that have no room are counted") {
  for (const std::size_t count : {2000u, 20'000u, 100'000u}) {
    CAPTURE(count);
    Beginning beginning = ordinary();
    beginning.recipients.assign(
        count,
        {.address = std::string_view("a.quite.long.name.of.somebody@and.of.a.domain.example"), .course = Course::here});
    beginning.places.assign(2000, {.recipient = UINT32_MAX,
                                   .account = UINT64_MAX,
                                   .mailbox = UINT32_MAX,
                                   .uid = UINT32_MAX,
                                   .email = UINT64_MAX});
    const std::string octets = octets_of(beginning);
    CHECK(octets.size() <= kRecordMax);
    const auto read = decode_beginning(beginning.id, beginning.at, octets);
    REQUIRE(read);
    CHECK(read->recipients.size() + read->further_recipients == count);
    CHECK((read->further_recipients > 0) == (count > 2000));
    CHECK(read->message_id == beginning.message_id);
  }
  Event event = attempt();
  const std::string words(400, 'w');
  std::vector<std::string> each;
  for (std::size_t i = 0; i < 2 * kFatesMax; ++i) each.push_back(words + std::to_string(i));
  event.fates.clear();
  for (const std::string& one : each)
    event.fates.push_back(
        {.address = std::string_view(one), .status = std::string_view(one), .words = std::string_view(one)});
  event.places.assign(
      2000,
      {.recipient = UINT32_MAX, .account = UINT64_MAX, .mailbox = UINT32_MAX, .uid = UINT32_MAX, .email = UINT64_MAX});
  std::string octets;
  encode(event, octets);
  CHECK(octets.size() <= kRecordMax);
  REQUIRE(decode_event(kAt, octets));
}

}  // namespace angarium::trace
