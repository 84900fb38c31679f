#include "queue/record.h"

#include <algorithm>

#include "queue/keys.h"
#include "queue/test_world.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::queue;
using queue::test::recipient;

namespace {

Entry full_entry() {
  Entry entry;
  entry.id = DeliveryId(77);
  entry.origin = Origin::report;
  entry.sender =
      envelope::parse_sender("<\"a b\"@example.test> BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+2Bb MT-PRIORITY=3",
                             {.utf8 = envelope::Utf8::accept})
          .value();
  entry.body = {.segment = 3, .offset = 1234567, .length = 89, .crc = 0xdeadbeef};
  entry.prepended = "Received: x\r\n";
  entry.eight_bit = true;
  entry.utf8_header = true;
  entry.binary = true;
  entry.arrived = {1'700'000'000'000'001};
  entry.expires = {1'700'000'000'000'002};
  entry.notice = WallTime{1'700'000'000'000'003};
  entry.submitter = "alice@example.test";
  entry.received_from = "client.example";
  return entry;
}

Consignment full_consignment() {
  Consignment consignment{.destination = "b.example"};
  consignment.place = {.rank = 4, .due = 99, .entry = DeliveryId(77), .part = 2};
  consignment.hold = Hold::set_aside;
  consignment.rank = 4;
  consignment.attempts = 300;
  consignment.addressees.push_back({recipient("<b@b.example>"), {}});
  consignment.addressees.push_back(
      {recipient("<\xc3\xbc@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=utf-8;\xc3\xbc@x.example"),
       Trouble{.status = "4.2.2", .diagnostic = "full\r\nindeed", .remote = "mx", .at = {-5}}});
  return consignment;
}

}  // namespace

TEST_CASE("records are read as they were written, and none that is cut short") {
  const Entry entry = full_entry();
  const std::string octets = encode(entry);
  CHECK(decode_entry(entry.id, octets).value() == entry);
  CHECK(decode_entry(entry.id, octets + "of a newer version").value() == entry);
  for (std::size_t i = 0; i < octets.size(); ++i)
    CHECK(decode_entry(entry.id, octets.substr(0, i)).error().is(kDamagedRecord));

  const Consignment consignment = full_consignment();
  const std::string text = encode(consignment);
  CHECK(decode_consignment("b.example", consignment.place, text).value() == consignment);
  for (std::size_t i = 0; i < text.size(); ++i)
    CHECK(decode_consignment("b.example", consignment.place, text.substr(0, i)).error().is(kDamagedRecord));

  const Backoff backoff{
      .failures = 7, .since = {1}, .next = {INT64_MAX}, .trouble = *consignment.addressees[1].trouble};
  const std::string failing = encode(backoff);
  CHECK(decode_backoff(failing).value() == backoff);
  for (std::size_t i = 0; i < failing.size(); ++i)
    CHECK(decode_backoff(failing.substr(0, i)).error().is(kDamagedRecord));
  // Behind what was written at first: that a trouble is this host's own.
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    Consignment own = consignment;
    if (!own.addressees[i].trouble) own.addressees[i].trouble.emplace();
    own.addressees[i].trouble->inner = true;
    const std::string written = encode(own);
    CHECK(decode_consignment("b.example", own.place, written).value() == own);
    CHECK(decode_consignment("b.example", own.place, written.substr(0, written.size() - 1)).error().is(kDamagedRecord));
  }
  CHECK(decode_consignment("b.example", consignment.place, text + '\x01' + '\x09').error().is(kDamagedRecord));
  Backoff own = backoff;
  own.trouble.inner = true;
  CHECK(decode_backoff(encode(own)).value() == own);
  // More than have failed cannot be forgiven.
  Backoff asked = backoff;
  asked.forgiven = 7;
  CHECK(encode(asked).starts_with(failing));
  CHECK(decode_backoff(encode(asked)).value() == asked);
  asked.forgiven = 8;
  CHECK(decode_backoff(encode(asked)).error().is(kDamagedRecord));
}

TEST_CASE("a diagnostic is kept to its limit") {
  Consignment consignment = full_consignment();
  for (const std::size_t size : {kDiagnosticMax, kDiagnosticMax + 1}) {
    consignment.addressees[1].trouble->diagnostic.assign(size, 'x');
    const auto read = decode_consignment("b.example", consignment.place, encode(consignment));
    CHECK(read->addressees[1].trouble->diagnostic.size() == kDiagnosticMax);
  }
}

TEST_CASE("keys give back what is in them, and order as their numbers do") {
  const Place low{.rank = 3, .due = 255, .entry = DeliveryId(9), .part = 1};
  Place later = low;
  later.due = 256;
  Place worse = low;
  worse.rank = 4;
  worse.due = 0;
  Place other = low;
  other.entry = DeliveryId(10);
  Place part = low;
  part.part = 256;
  CHECK(place_in(consignment_key("b.example", low), "b.example") == low);
  for (const Place& higher : {later, worse, other, part}) {
    CHECK(consignment_key("b.example", low) < consignment_key("b.example", higher));
    CHECK(place_in(consignment_key("b.example", higher), "b.example") == higher);
  }
  // No destination's keys stand among those of another that begins alike.
  CHECK(consignment_key("b.example.org", low)
            .compare(0, destination_prefix("b.example").size(), destination_prefix("b.example")) != 0);
  CHECK(due_key("b.example", low) < due_key("a.example", later));
  CHECK(due_in(due_key("b.example", later))->destination == "b.example");
  CHECK(due_in(due_key("b.example", later))->at == 256);
  CHECK(due_in(due_key("b.example", WallTime{256}))->destination == "b.example");
  const auto where = whereabouts_in(whereabouts_key(DeliveryId(9), "b.example", 259));
  REQUIRE(where);
  CHECK(where->destination == "b.example");
  CHECK(where->part == 259);
  CHECK(decode_whereabouts(DeliveryId(9), 1, encode_whereabouts(low)).value() == low);
  const auto event = event_in(event_key({77}, DeliveryId(9)));
  REQUIRE(event);
  CHECK(event->at == WallTime{77});
  CHECK(event->id == DeliveryId(9));
  CHECK(behind("q\xff") == "r");
}

TEST_CASE("the store is told of an entry's body, and of nothing else") {
  const Records records;
  std::vector<store::BodyRef> found;
  const auto visit = [&](const store::BodyRef& ref) { found.push_back(ref); };
  const Entry entry = full_entry();
  records.visit(entry_key(entry.id), encode(entry), visit);
  records.visit(consignment_key("b", {}), encode(entry), visit);
  records.visit("mE", encode(entry), visit);
  records.visit(entry_key(entry.id), encode(entry).substr(0, 20), visit);
  CHECK(found == std::vector{entry.body});
}
