#include "message/dsn.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "message/coding.h"
#include "message/downgrade.h"
#include "message/dsn_words.h"
#include "message/header.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

DateTime at(std::string_view date) { return *parse_date(date); }

constexpr std::string_view kOriginal =
    "Received: from client.example by mx.example; Tue, 1 Jul 2003 10:52:37 +0200\r\n"
    "From: Sender <sender@example.org>\r\nTo: bob@example.net\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    "Message-ID: <m1@example.org>\r\n\r\nDear Bob,\r\n\r\nhow are you?\r\n";

DsnOptions options() {
  DsnOptions options;
  options.from = "Mail Delivery System <postmaster@mx.example>";
  options.to = "sender@example.org";
  options.message = "<report1@mx.example>";
  options.date = at("Sun, 6 Jul 2003 10:53:00 +0200");
  return options;
}

RecipientReport recipient(std::string_view address, DsnAction action) {
  RecipientReport recipient;
  recipient.final_recipient = {"rfc822", std::string(address)};
  recipient.action = action;
  return recipient;
}

DeliveryReport report(std::vector<RecipientReport> recipients) {
  DeliveryReport report;
  report.reporting_mta = {"dns", "mx.example"};
  report.recipients = std::move(recipients);
  return report;
}

DeliveryReport failed_report() {
  DeliveryReport failed = report({recipient("bob@example.net", DsnAction::failed)});
  failed.recipients[0].status = StatusCode{5, 1, 1};
  return failed;
}

std::string made(const DeliveryReport& report, std::string_view original = {}, const DsnOptions& with = options()) {
  SeededRandom random(1);
  const auto dsn = compose_dsn(report, original, with, random);
  return dsn ? dsn->octets() : "error " + std::string(dsn.error().kind().name);
}

/// Part n of a composed report: its type, and its content decoded.
struct MadePart {
  std::string type;
  Encoding encoding;
  std::string content;
};
std::vector<MadePart> parts(std::string_view message) {
  const Structure structure = parse_structure(message);
  CHECK(structure.is_type(structure.root(), message, "multipart", "report"));
  std::vector<MadePart> found;
  for (std::uint32_t i = structure.root().first_child; i != kNoPart; i = structure.parts[i].next_sibling) {
    const Part& part = structure.parts[i];
    found.push_back({structure.type(part, message) + "/" + structure.subtype(part, message), part.encoding,
                     decode_transfer(part.encoding, part.body().of(message))});
  }
  return found;
}
std::string status_of(const DeliveryReport& report, const DsnOptions& with = options()) {
  return parts(made(report, {}, with)).at(1).content;
}
std::string text_of(const DeliveryReport& report) { return parts(made(report)).at(0).content; }

bool has(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

std::size_t longest_line(std::string_view text) {
  std::size_t longest = 0;
  while (!text.empty()) longest = std::max(longest, take_until(text, '\n').size());
  return longest;
}

}  // namespace

TEST_CASE("a report of failure is composed as composed_failed.eml has it") {
  DeliveryReport two = failed_report();
  two.envelope_id = "QQ314159";
  two.received_from_mta = TypedText{"dns", "client.example"};
  two.arrival = at("Tue, 1 Jul 2003 10:52:37 +0200");
  two.deliver_by = at("Tue, 1 Jul 2003 11:52:37 +0200");
  RecipientReport& bob = two.recipients[0];
  bob.original_recipient = TypedText{"rfc822", "Bob.Smith@example.com"};
  bob.remote_mta = TypedText{"dns", "mail.example.net"};
  bob.diagnostic =
      TypedText{"smtp", "550-5.1.1 mailbox unavailable\r\n550 5.1.1 user has moved with no forwarding address"};
  bob.last_attempt = at("Tue, 1 Jul 2003 10:52:40 +0200");
  bob.final_log_id = "log1";
  two.recipients.push_back(recipient("carol@example.net", DsnAction::failed));
  two.recipients[1].status = StatusCode{4, 4, 1};
  two.recipients.push_back(recipient("dan@example.net", DsnAction::delayed));
  two.recipients[2].will_retry_until = at("Sun, 6 Jul 2003 10:52:37 +0200");
  const std::string expected = angarium::test::read_file(angarium::test::room_path("dsn/composed_failed.eml"));
  CHECK(made(two, kOriginal) == expected);
}

TEST_CASE("a report of success is composed as composed_success.eml has it") {
  const DeliveryReport three =
      report({recipient("erin@example.net", DsnAction::expanded), recipient("bob@example.net", DsnAction::delivered),
              recipient("carol@example.net", DsnAction::relayed)});
  const std::string expected = angarium::test::read_file(angarium::test::room_path("dsn/composed_success.eml"));
  CHECK(made(three, kOriginal) == expected);
}

TEST_CASE(
    "RFC 6522 3: a report has a text for people, the report for machines, and may have the message or its header") {
  DsnOptions with = options();
  with.ret = ReturnContent::full;
  const std::string full = made(failed_report(), kOriginal, with);
  CHECK(has(full, "Content-Type: multipart/report; report-type=delivery-status;"));
  auto three = parts(full);
  REQUIRE(three.size() == 3);
  CHECK(three[0].type == "text/plain");
  CHECK(three[1].type == "message/delivery-status");
  CHECK(three[2].type == "message/rfc822");
  CHECK(three[2].content == kOriginal);
  three = parts(made(failed_report(), kOriginal));
  CHECK(three.at(2).type == "text/rfc822-headers");
  CHECK(three.at(2).content == kOriginal.substr(0, header_extent(kOriginal).header_size));
  CHECK(parts(made(failed_report())).size() == 2);
}

TEST_CASE("RFC 3461 6.2: the message goes back whole only when asked for, for a failure, and within the limit") {
  DsnOptions with = options();
  const auto type = [&](const DeliveryReport& report) { return parts(made(report, kOriginal, with)).at(2).type; };
  CHECK(type(failed_report()) == "text/rfc822-headers");
  with.ret = ReturnContent::full;
  CHECK(type(failed_report()) == "message/rfc822");
  CHECK(type(report({recipient("bob@example.net", DsnAction::delayed)})) == "text/rfc822-headers");
  CHECK(type(report({recipient("bob@example.net", DsnAction::delivered)})) == "text/rfc822-headers");
  with.full_max = kOriginal.size();
  CHECK(type(failed_report()) == "message/rfc822");
  with.full_max = kOriginal.size() - 1;
  CHECK(type(failed_report()) == "text/rfc822-headers");
  with.full_max = kReturnFullMax;
  with.header_only = true;
  CHECK(type(failed_report()) == "text/rfc822-headers");
}

TEST_CASE("what goes back is looked at where it lies") {
  SeededRandom random(1);
  DsnOptions with = options();
  with.ret = ReturnContent::full;
  const std::string original(kOriginal);
  const auto dsn = compose_dsn(failed_report(), original, with, random);
  REQUIRE(dsn);
  CHECK(dsn->encoded.empty());
  CHECK(dsn->as_it_was.data() == original.data());
  CHECK(dsn->as_it_was.size() == original.size());
  CHECK(dsn->size() == dsn->octets().size());
  CHECK_FALSE(dsn->eight_bit);
}

TEST_CASE("a header goes back up to its limit and ends with a whole field") {
  const std::string a = "A: " + std::string(900, 'a') + "\r\n";
  std::string header;
  while (header.size() + a.size() + 10 < kReturnHeaderMax) header += a;
  header += "B: " + std::string(kReturnHeaderMax - header.size() - 5, 'b') + "\r\n";
  REQUIRE(header.size() == kReturnHeaderMax);
  CHECK(parts(made(failed_report(), header + "\r\nbody")).at(2).content == header);
  const std::string longer = header.substr(0, header.size() - 2) + "b\r\n";
  CHECK(parts(made(failed_report(), longer + "\r\nbody")).at(2).content == header.substr(0, header.rfind("B: ")));
}

TEST_CASE("RFC 3461 6.3 (a): Original-Envelope-Id MUST be supplied as ENVID was, and MUST NOT without one") {
  DeliveryReport with = failed_report();
  CHECK_FALSE(has(status_of(with), "Original-Envelope-Id"));
  with.envelope_id = "a+b= C";
  CHECK(has(status_of(with), "Original-Envelope-Id: a+b= C\r\n"));
}

TEST_CASE("RFC 3461 6.3 (b): Reporting-MTA MUST be supplied") {
  DeliveryReport with = failed_report();
  CHECK(has(status_of(with), "Reporting-MTA: dns; mx.example\r\n"));
  with.reporting_mta = {"x-local-hostname", "attic"};
  CHECK(has(status_of(with), "Reporting-MTA: x-local-hostname; attic\r\n"));
  with.reporting_mta = {};
  CHECK(made(with) == "error message.bad-report");
}

TEST_CASE("RFC 3461 6.3 (d): Original-Recipient MUST be that of ORCPT, and MUST NOT appear without it") {
  DeliveryReport with = failed_report();
  CHECK_FALSE(has(status_of(with), "Original-Recipient"));
  with.recipients[0].original_recipient = TypedText{"x400", "/G=Bob/"};
  CHECK(has(status_of(with), "Original-Recipient: x400;/G=Bob/\r\n"));
}

TEST_CASE("RFC 3464 2.3.2: Final-Recipient MUST be present, to the letter of the envelope") {
  DeliveryReport with = failed_report();
  with.recipients[0].final_recipient.text = "\"B\\\"o b+20\"@EXAMPLE.net";
  CHECK(has(status_of(with), "Final-Recipient: rfc822;\"B\\\"o b+20\"@EXAMPLE.net\r\n"));
  with.recipients[0].final_recipient.text = " ";
  CHECK(made(with) == "error message.bad-report");
}

TEST_CASE("RFC 3464 2.3.3: Action MUST be present for each recipient") {
  DeliveryReport with = failed_report();
  with.recipients[0].action.reset();
  CHECK(made(with) == "error message.bad-report");
  for (const DsnAction action :
       {DsnAction::failed, DsnAction::delayed, DsnAction::delivered, DsnAction::relayed, DsnAction::expanded})
    CHECK(has(status_of(report({recipient("a@b", action)})), fmt::format("Action: {}\r\n", action_name(action))));
}

TEST_CASE("RFC 3461 6.3 (g): without a status that says more it is 5.0.0 or 4.0.0, and 2.0.0 of success") {
  const auto status = [](DsnAction action, std::optional<StatusCode> code) {
    RecipientReport one = recipient("a@b", action);
    one.status = code;
    return reported_status(one).text();
  };
  CHECK(status(DsnAction::failed, {}) == "5.0.0");
  CHECK(status(DsnAction::delayed, {}) == "4.0.0");
  CHECK(status(DsnAction::relayed, {}) == "2.0.0");
  CHECK(status(DsnAction::failed, StatusCode{4, 4, 7}) == "4.4.7");
  CHECK(status(DsnAction::failed, StatusCode{2, 1, 5}) == "5.0.0");
  CHECK(status(DsnAction::delayed, StatusCode{5, 1, 1}) == "4.0.0");
  CHECK(status(DsnAction::delivered, StatusCode{5, 1, 1}) == "2.0.0");
  CHECK(has(status_of(report({recipient("a@b", DsnAction::delayed)})), "Status: 4.0.0\r\n"));
}

TEST_CASE("RFC 3464 2.3.9: Will-Retry-Until MUST NOT appear but for delay") {
  DeliveryReport with = report({recipient("a@b", DsnAction::delayed)});
  with.recipients[0].will_retry_until = at("1 Jul 2003 10:52:37 +0200");
  CHECK(has(status_of(with), "Will-Retry-Until: Tue, 1 Jul 2003 10:52:37 +0200\r\n"));
  with.recipients[0].action = DsnAction::failed;
  CHECK_FALSE(has(status_of(with), "Will-Retry-Until"));
}

TEST_CASE("RFC 3464 2: the report MUST be addressed to the return address of the message") {
  CHECK(Header(made(failed_report())).find("To")->value == " sender@example.org");
  DsnOptions nobody = options();
  nobody.to.clear();
  CHECK(made(failed_report(), {}, nobody) == "error message.bad-report");
}

TEST_CASE("RFC 3834 5: auto-generated MUST NOT label a report; it answers the message it is about") {
  const std::string message = made(failed_report(), kOriginal);
  CHECK(Header(message).find("Auto-Submitted")->value == " auto-replied");
  CHECK(Header(message).find("In-Reply-To")->value == " <m1@example.org>");
  CHECK_FALSE(Header(made(failed_report(), "Subject: x\r\n\r\n")).find("In-Reply-To"));
}

TEST_CASE("RFC 6533 3: in message/delivery-status utf-8-addr-xtext MUST be used") {
  DeliveryReport with = failed_report();
  with.recipients[0].final_recipient.text = "j\xC3\xB6rg+x@example.net";
  with.recipients[0].original_recipient = TypedText{"utf-8", "a\\b@x"};
  with.recipients[0].diagnostic = TypedText{"smtp", "550 \xC3\xB6"};
  const std::string message = made(with);
  CHECK(parts(message).at(1).type == "message/delivery-status");
  const std::string status = parts(message).at(1).content;
  CHECK(has(status, "Final-Recipient: utf-8;j\\x{F6}rg\\x{2B}x@example.net\r\n"));
  CHECK(has(status, "Original-Recipient: utf-8;a\\x{5C}b@x\r\n"));
  CHECK(has(status, "Diagnostic-Code: smtp; 550 \\xC3\\xB6\r\n"));
  CHECK(seven_bit_clean(message));
  const auto read = read_dsn(parse_structure(message), message);
  REQUIRE(read);
  CHECK(read->report.recipients.at(0).final_recipient == TypedText{"utf-8", "j\xC3\xB6rg+x@example.net"});
  CHECK(read->report.recipients.at(0).original_recipient == TypedText{"utf-8", "a\\b@x"});
}

TEST_CASE("RFC 6533 4.1: who sent with SMTPUTF8 reads addresses as they are") {
  DeliveryReport with = failed_report();
  DsnOptions utf8 = options();
  utf8.utf8 = Utf8::accept;
  CHECK(parts(made(with, {}, utf8)).at(1).type == "message/delivery-status");
  with.recipients[0].final_recipient.text = "j\xC3\xB6rg+x@example.net";
  const std::string seven = made(with, {}, utf8);
  CHECK(seven_bit_clean(seven));
  CHECK(parts(seven).at(1).type == "message/global-delivery-status");
  CHECK(has(parts(seven).at(1).content, "Final-Recipient: utf-8;j\xC3\xB6rg+x@example.net\r\n"));
  utf8.transfer = Transfer::eight_bit;
  const std::string eight = made(with, {}, utf8);
  CHECK(parts(eight).at(1).encoding == Encoding::eight_bit);
  CHECK(parts(eight).at(1).content == parts(seven).at(1).content);
  CHECK(parse_encoding(Header(eight).find("Content-Transfer-Encoding")->value) == Encoding::eight_bit);
}

TEST_CASE("RFC 6533 4.5: a message with UTF-8 headers MUST be encoded on a 7-bit way") {
  const std::string original = "Subject: \xC3\xBC\r\n\r\nbody\r\n";
  DsnOptions utf8 = options();
  utf8.utf8 = Utf8::accept;
  utf8.ret = ReturnContent::full;
  const std::string seven = made(failed_report(), original, utf8);
  CHECK(seven_bit_clean(seven));
  CHECK(parts(seven).at(2).type == "message/global");
  CHECK(parts(seven).at(2).content == original);
  utf8.ret = ReturnContent::headers;
  const std::string header = made(failed_report(), original, utf8);
  CHECK(seven_bit_clean(header));
  CHECK(parts(header).at(2).type == "message/global-headers");
  CHECK(parts(header).at(2).content == "Subject: \xC3\xBC\r\n");
  utf8.transfer = Transfer::eight_bit;
  utf8.ret = ReturnContent::full;
  const std::string eight = made(failed_report(), original, utf8);
  CHECK(parts(eight).at(2).encoding == Encoding::eight_bit);
  CHECK(parts(eight).at(2).content == original);
}

TEST_CASE("RFC 2046 5.2.1: message/rfc822 is never encoded; what is in it is") {
  DsnOptions full = options();
  full.ret = ReturnContent::full;
  const std::string eight =
      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nit is a caf\xC3\xA9\r\n";
  std::string message = made(failed_report(), eight, full);
  CHECK(seven_bit_clean(message));
  CHECK(parts(message).at(2).type == "message/rfc822");
  CHECK(parts(message).at(2).encoding == Encoding::seven_bit);
  CHECK(has(parts(message).at(2).content, "it is a caf=C3=A9"));
  message = made(failed_report(), "A: b\n\nc\n", full);
  CHECK(parts(message).at(2).type == "message/rfc822");
  CHECK(parts(message).at(2).content == "A: b\r\n\r\nc\r\n");
  // Neither ASCII nor UTF-8: as a header, in quoted-printable (RFC 6522 §4).
  message = made(failed_report(), "Subject: \xFC\r\n\r\nbody\r\n", full);
  CHECK(seven_bit_clean(message));
  CHECK(parts(message).at(2).type == "text/rfc822-headers");
  CHECK(parts(message).at(2).content == "Subject: \xFC\r\n");
}

TEST_CASE("no word of another server breaks out of its field or its quotation") {
  for (const std::string& words :
       {std::string("550 x\r\nAction: delivered\r\n\r\nFinal-Recipient: rfc822;evil@x\r\nAction: failed\r\n"),
        "550 " + std::string(100'000, 'x'), "550" + std::string(5'000, ' ') + "y",
        std::string("550 a\0b\x1B[2J\x7F", 13), std::string("550 \xE2\x80\xAE txt.exe \xC2\x85 \xFF"),
        std::string("\r\n--=_00\r\n.\r\nFrom x"), std::string()}) {
    CAPTURE(words.substr(0, 40));
    DeliveryReport with = failed_report();
    with.recipients[0].diagnostic = TypedText{"smtp\r\nX: y", words};
    with.recipients[0].remote_mta = TypedText{"dns", words};
    with.recipients[0].final_log_id = words;
    with.envelope_id = words;
    const std::string message = made(with, kOriginal);
    CHECK(seven_bit_clean(message));
    const auto read = read_dsn(parse_structure(message), message);
    REQUIRE(read);
    REQUIRE(read->report.recipients.size() == 1);
    CHECK(read->report.recipients[0].action == DsnAction::failed);
    CHECK(read->report.recipients[0].final_recipient.text == "bob@example.net");
    const std::string text = parts(message).at(0).content;
    CHECK(longest_line(text) <= kLineMax);
    for (const char c : text) CHECK((!is_control(c) || c == '\r' || c == '\n'));
    CHECK_FALSE(has(text, "\xE2\x80\xAE"));
    CHECK_FALSE(has(text, "\nAction"));
    CHECK_FALSE(has(text, "\nFrom x"));
  }
}

TEST_CASE("words of others are shown without what controls, turns or hides") {
  CHECK(visible_text("a\tb\r\nc\x01\x7F\\", 100, Utf8::accept) == "a b c\\x01\\x7F\\");
  CHECK(visible_text("\xC3\xA9\xFF\xC2\x9F", 100, Utf8::accept) == "\xC3\xA9\\xFF\\xC2\\x9F");
  CHECK(visible_text("\xC3\xA9", 100, Utf8::refuse) == "\\xC3\\xA9");
  CHECK(visible_text("\xE2\x80\xAE\xEF\xBB\xBF\xE2\x82\xAC", 100, Utf8::accept) ==
        "\\xE2\\x80\\xAE\\xEF\\xBB\\xBF\xE2\x82\xAC");
  CHECK(visible_text("abcd", 4, Utf8::accept) == "abcd");
  CHECK(visible_text("abcde", 4, Utf8::accept) == "abcd...");
  CHECK(visible_text("abc\xC3\xA9", 4, Utf8::accept) == "abc...");
}

TEST_CASE("people are told what happened, why, what the other server said, and what to do") {
  DeliveryReport with = failed_report();
  with.recipients[0].remote_mta = TypedText{"dns", "mail.example.net"};
  with.recipients[0].diagnostic = TypedText{"smtp", "550 no Bob here"};
  const std::string text = text_of(with);
  CHECK(has(text, "<bob@example.net>\r\n"));
  CHECK(has(text, "There is no mailbox with this address."));
  CHECK(has(text, "mail.example.net"));
  CHECK(has(text, "\r\n    > 550 no Bob here\r\n"));
  CHECK(has(text, "Check the address"));
  CHECK_FALSE(has(text, "need not send it again"));
}

TEST_CASE("of a reply with many lines so many are quoted") {
  DeliveryReport with = failed_report();
  std::string words;
  for (int i = 1; i <= 20; ++i) words += fmt::format("550-line {}\r\n", i);
  with.recipients[0].diagnostic = TypedText{"smtp", words};
  CHECK(has(text_of(with), "    > 550-line 20\r\n"));
  CHECK_FALSE(has(text_of(with), "> ..."));
  with.recipients[0].diagnostic->text += "550 one past\r\n";
  CHECK(has(text_of(with), "    > 550-line 20\r\n    > ...\r\n"));
  CHECK_FALSE(has(text_of(with), "one past"));
}

TEST_CASE("the text tells of so many recipients and counts the rest; the report has all") {
  DeliveryReport many = report({});
  for (std::size_t i = 0; i < kTextRecipientsMax; ++i)
    many.recipients.push_back(recipient(fmt::format("r{}@x", i), DsnAction::failed));
  CHECK_FALSE(has(text_of(many), "More recipients"));
  many.recipients.push_back(recipient("past@x", DsnAction::failed));
  CHECK(has(text_of(many), "More recipients, told of in the report for machines: 1\r\n"));
  CHECK_FALSE(has(text_of(many), "past@x"));
  CHECK(has(status_of(many), "past@x"));
}

TEST_CASE("a report has at least one recipient and at most as many as can be read") {
  CHECK(made(report({})) == "error message.bad-report");
  DeliveryReport many = report({});
  many.recipients.assign(kReportRecipientsMax, recipient("a@b", DsnAction::failed));
  const std::string message = made(many);
  const auto read = read_dsn(parse_structure(message), message);
  REQUIRE(read);
  CHECK(read->report.recipients.size() == kReportRecipientsMax);
  many.recipients.push_back(recipient("a@b", DsnAction::failed));
  CHECK(made(many) == "error message.bad-report");
}
