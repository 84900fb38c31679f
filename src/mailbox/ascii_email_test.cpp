// Messages whose headers are beyond ASCII: two forms, two sizes, one body.
#include "mailbox/ascii_email.h"

#include "mailbox/limits.h"
#include "mailbox/record.h"
#include "mailbox/test_world.h"
#include "mailbox/verify.h"
#include "message/downgrade.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::mailbox;
using namespace angarium::mailbox::test;

namespace {

constexpr std::string_view kTrace = "Return-Path: <a@b>\r\n";
constexpr std::string_view kTraceInUtf8 = "Return-Path: <j\xC3\xB6rg@b>\r\nDelivered-To: alice\r\n";

struct House : Ready {
  EmailPtr deliver(std::string_view octets, std::string_view prepended) {
    auto intake = store->intake(Arrival::ordinary);
    for (std::size_t at = 0; at < octets.size(); at += 10'007) {
      REQUIRE(intake->append(octets.substr(at, 10'007)));
      if (intake->full()) must(intake->drain());
    }
    Delivery delivery;
    delivery.content = must(intake->finish());
    delivery.recipients.push_back(
        {.account = kAlice, .prepended = std::string(prepended), .targets = {DeliveryTarget{}}});
    auto results = must(store->deliver(std::move(delivery)));
    REQUIRE(results[0]);
    return must(mail->email(results[0]->email));
  }
  /// What a reader without UTF-8 gets, in pieces of at most so many octets.
  std::string ascii(const EmailPtr& email, std::uint64_t step) {
    const AsciiFormPtr form = must(ascii_form(mail, email));
    std::string out;
    while (out.size() < form->shown((*email)->size)) {
      const auto stretch = form->at(out.size(), step);
      if (!stretch.octets.empty())
        out += stretch.octets;
      else
        out += must(mail->read(email, stretch.original.begin, static_cast<std::size_t>(stretch.original.size)));
    }
    return out;
  }
  [[nodiscard]] Sizes sizes(MailboxId mailbox) {
    const ViewPtr shown = view(mailbox);
    return shown->sizes_of(shown->at(shown->size()));
  }
};

std::string expected(std::string_view octets, std::string_view prepended) {
  return message::ascii_header(prepended) + message::ascii_headers(message::parse_structure(octets), octets);
}

const std::string kEightBit =
    "Subject: Gr\xC3\xBC\xC3\x9F"
    "e\r\nContent-Type: message/rfc822\r\n\r\nSubject: \xC3\xB6\r\n\r\nk\xC3\xB6rper\r\n";

}  // namespace

TEST_CASE("the size of the ASCII form is fixed at acceptance, and is that of what is given") {
  House house;
  const std::string filler(2 * store::kGroupBodyMax, 'x');
  // More header than is kept in memory for the texts.
  std::string long_header = "Subject: \xC3\xA9\r\n";
  while (long_header.size() < (9U << 20))
    long_header +=
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX-Long: " + std::string(60'000, 'y') + "\r\n";
  for (const std::string& octets : {kEightBit, kEightBit + filler, std::string("Subject: a\r\n\r\nb"), long_header,
                                    std::string("Foo: \xC3\xA9"), "Subject: a\nX-Y: \xC3\xA9\n\n" + kEightBit}) {
    for (const std::string_view prepended : {kTrace, kTraceInUtf8}) {
      const EmailPtr email = house.deliver(octets, prepended);
      const std::string shown = house.octets(*house.mail, (*email)->id);
      const std::string ascii = expected(shown.substr(prepended.size()), prepended);
      CAPTURE(octets.substr(0, 40));
      CHECK((*email)->ascii_size.has_value() == (shown != ascii));
      CHECK((*email)->ascii_size.value_or((*email)->size) == ascii.size());
      CHECK(house.ascii(email, 100'000) == ascii);
      const Sizes sizes{static_cast<std::uint32_t>(shown.size()), static_cast<std::uint32_t>(ascii.size())};
      CHECK(house.sizes(house.inbox) == sizes);
      // What counts is the larger one: RFC 9051 §6.3.11 has SIZE no less than the sum of RFC822.SIZE.
      const ViewPtr view = house.view(house.inbox);
      CHECK(view->at(view->size()).size == std::max(shown.size(), ascii.size()));
    }
  }
  CHECK(verify_mail(*house.tablet)->damage.empty());
}

TEST_CASE("fields put before a message take nothing from the octets above 127 that its own headers may have") {
  House house;
  const auto with_beyond_ascii = [](std::uint64_t octets) {
    std::string header;
    for (std::uint64_t of_field = 0; octets > 0; octets -= of_field) {
      header += "Subject: ";
      of_field = std::min<std::uint64_t>(octets, 256);
      for (std::uint64_t i = 0; i < of_field; i += 2) header += "\xC3\xB6";
      header += "\r\n";
    }
    return header + "\r\nbody\r\n";
  };
  for (const std::uint64_t more : {0, 2}) {
    const std::string octets = with_beyond_ascii(message::kAsciiOctetsMax + more);
    for (const std::string_view prepended : {kTrace, kTraceInUtf8}) {
      CAPTURE(more);
      CAPTURE(prepended);
      const EmailPtr email = house.deliver(octets, prepended);
      const std::string ascii = expected(octets, prepended);
      CHECK(ascii.ends_with(octets) == (more > 0));
      CHECK((*email)->ascii_size.value_or((*email)->size) == ascii.size());
      CHECK(house.ascii(email, 100'000) == ascii);
    }
  }
  CHECK(verify_mail(*house.tablet)->damage.empty());
}

TEST_CASE("both sizes go with every copy, change of flags, and restart") {
  House house;
  const EmailPtr email = house.deliver(kEightBit, kTraceInUtf8);
  const Sizes sizes = house.sizes(house.inbox);
  CHECK(sizes.original == (*email)->size);
  CHECK(sizes.ascii != sizes.original);
  UidSet uids;
  uids.add(Uid{1});
  house.must(house.mail->change_flags(house.inbox, uids, flags(FlagMode::replace, kSeen)));
  house.must(house.mail->copy(house.inbox, uids, house.id("Sent")));
  house.must(house.mail->move(house.inbox, uids, house.id("Archive")));
  for (int i = 0; i < 2; ++i) {
    CHECK(house.sizes(house.id("Sent")) == sizes);
    CHECK(house.sizes(house.id("Archive")) == sizes);
    house.again();
  }
  CHECK(verify_mail(*house.tablet)->damage.empty());
}

TEST_CASE("a form of another size than another version counted at acceptance is read all the same") {
  House house;
  const EmailPtr email = house.deliver(kEightBit, kTrace);
  const std::string ascii = house.ascii(email, 100'000);
  for (const int more : {-1, 1}) {
    EmailView other = email->view();
    *other.ascii_size += static_cast<std::uint32_t>(more);
    CHECK(house.ascii(*Email::make(other.id, encode_email(other)), 100'000) == ascii);
  }
}

TEST_CASE("a record tells whether its references are known") {
  House house;
  const EmailPtr email = house.deliver(kEightBit, kTrace);
  EmailView view = email->view();
  CHECK(view.references == "");
  view.references.reset();
  CHECK(!decode_email(1, encode_email(view)).value().references);
  for (const char* references : {"", "1@x\n"}) {
    view.references = references;
    CHECK(decode_email(1, encode_email(view)).value().references == references);
  }
}

TEST_CASE("a record tells where an email was first, if elsewhere") {
  House house;
  const EmailPtr email = house.deliver(kEightBit, kTrace);
  EmailView view = email->view();
  CHECK(!view.origin);
  for (const Origin origin : {Origin{}, Origin{7, 5}, Origin{UINT64_MAX, UINT64_MAX}}) {
    view.origin = origin;
    const std::string record = encode_email(view);
    CHECK(decode_email(1, record).value().origin == origin);
    CHECK(decode_email(1, record).value().ascii == view.ascii);
    EmailView hidden;
    hidden.body = view.body;
    const std::string secret = encode_private(view);
    CHECK(decode_private(secret, hidden));
    CHECK(hidden.origin == origin);
  }
}

TEST_CASE("an ordinary message's record and entry have no octet for it") {
  EmailView view;
  view.thread = 1;
  view.received = 1'700'000'000;
  view.size = 5000;
  view.prepended = kTrace;
  view.ready = true;
  view.ascii = {"(e)", "(b)", "(s)"};
  const std::size_t ordinary = encode_email(view).size();
  // Version, body, thread, date, size, four strings, texts.
  CHECK(ordinary == 1 + store::BodyRef::kSize + 1 + 5 + 2 + (1 + kTrace.size()) + 3 + 1 + 3 * 4);
  view.ascii_size = 5200;
  CHECK(encode_email(view).size() == ordinary + 2);
  view.references = "1@x\n";
  CHECK(encode_email(view).size() == ordinary + 2 + 5);

  NewEntry added;
  added.entry.uid = 1;
  added.entry.email = 1;
  added.entry.modseq = 2;
  added.entry.size = 5000;
  // The last octet says that no save date is known.
  CHECK(add_operand({&added, 1}).size() == 2 + 1 + 1 + 1 + 1 + 1 + 2 + 1);
  added.entry.ascii_form = -1;
  added.growth = -100;
  CHECK(add_operand({&added, 1}).size() == 2 + 1 + 2 + 1 + 1 + 1 + 2 + 1 + 2);
}
