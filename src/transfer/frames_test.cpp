#include "transfer/frames.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::transfer;

namespace {

std::string_view payload_of(std::string_view frame) { return frame.substr(kFrameHead); }

MessageEnd full_end() {
  MessageEnd end{.number = 7, .handle = 3};
  end.fingerprint.fill('\xAB');
  end.also = {Fingerprint{}, end.fingerprint};
  end.flags = {.system = mailbox::kSeen | mailbox::kDeleted, .keywords = {"$Forwarded", "work"}};
  end.received = -1;
  end.zone_minutes = -570;
  return end;
}

/// Every shorter payload, and one octet more, is refused.
template <class Decode>
void check_cuts(std::string_view payload, Decode decode) {
  CHECK(decode(payload));
  for (std::size_t size = 0; size < payload.size(); ++size) CHECK_MESSAGE(!decode(payload.substr(0, size)), size);
  CHECK(!decode(std::string(payload) + "\1"));
}

}  // namespace

TEST_CASE("what is said arrives as it was meant") {
  const auto end = decode_message(payload_of(encode(full_end())));
  REQUIRE(end);
  CHECK(end->number == 7);
  CHECK(end->handle == 3);
  CHECK(end->fingerprint == full_end().fingerprint);
  CHECK(end->also == full_end().also);
  CHECK(end->flags.system == full_end().flags.system);
  CHECK(end->flags.keywords == full_end().flags.keywords);
  CHECK(end->received == -1);
  CHECK(end->zone_minutes == -570);
  const auto wish = decode_wish(payload_of(encode(MailboxWish{.handle = 1,
                                                              .make = Make::yes,
                                                              .use = mailbox::SpecialUse::all,
                                                              .subscription = Subscription::off,
                                                              .name = "a"})));
  REQUIRE(wish);
  CHECK(wish->subscription == Subscription::off);
  CHECK(wish->make == Make::yes);
  CHECK(wish->use == mailbox::SpecialUse::all);
  CHECK(decode_counts(payload_of(encode(Kind::durable, Counts{1, 2, 3, 4})))->settled == 4);
  CHECK(decode_failure(payload_of(encode(Failure{.temporary = true, .words = "full"})))->temporary);
  CHECK(decode_header(payload_of(encode(
                          MessageHeader{.uid = 9, .received = -5, .zone_minutes = 60, .size = 1u << 20, .flags = {}})))
            ->received == -5);
}

TEST_CASE("a message has kAlsoMax further names and no more") {
  for (const std::size_t more : {0, 1}) {
    MessageEnd end = full_end();
    end.also.assign(kAlsoMax + more, Fingerprint{});
    CHECK(decode_message(payload_of(encode(end))).has_value() == (more == 0));
  }
}

TEST_CASE("a payload that is cut short or too long is none") {
  check_cuts(payload_of(encode(full_end())), decode_message);
  check_cuts(payload_of(encode(MailboxWish{.handle = 300, .name = "lists"})), decode_wish);
  check_cuts(payload_of(encode(MailboxPlace{.handle = 300, .exists = true, .name = "a", .refused = "b"})),
             decode_place);
  check_cuts(payload_of(encode(Kind::durable, Counts{1, 2, 3, 4})), decode_counts);
  check_cuts(payload_of(encode(Note{.number = 1, .words = "w"})), decode_note);
  check_cuts(payload_of(encode(Failure{.temporary = false, .words = "w"})), decode_failure);
  check_cuts(payload_of(encode(ListedMailbox{.id = 1, .uid_validity = 2, .name = "n"})), decode_listed);
  check_cuts(payload_of(encode(MessageHeader{.uid = 1, .flags = {.system = 1, .keywords = {"k"}}})), decode_header);
}

TEST_CASE("a frame at the limit is taken, one past it is not") {
  CHECK(read_head(frame(Kind::octets, std::string(kPayloadMax, 'a')))->size == kPayloadMax);
  CHECK(!read_head(frame(Kind::octets, std::string(kPayloadMax + 1, 'a'))));
  CHECK(decode_fingerprints(std::string(16 * kKnownMax, 'a'))->size() == kKnownMax);
  CHECK(!decode_fingerprints(std::string(16 * (kKnownMax + 1), 'a')));
  CHECK(!decode_fingerprints(std::string(17, 'a')));
}

TEST_CASE("keywords beyond the limits are not sent, so that a message's end fits a frame") {
  MessageEnd end = full_end();
  end.flags.keywords.assign(kMessageKeywordsMax + 1, std::string(mailbox::kKeywordMax, 'k'));
  const std::string sent = encode(end);
  CHECK(sent.size() < kPayloadMax);
  CHECK(!decode_message(payload_of(sent))->flags.keywords.empty());
  end.flags.keywords.assign(kMessageKeywordsMax + 1, "k");
  CHECK(decode_message(payload_of(encode(end)))->flags.keywords.size() == kMessageKeywordsMax);
}
