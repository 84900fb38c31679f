#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/text.h"
#include "message/dsn.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::message;

namespace {

std::optional<ReadDsn> read(std::string_view message) { return read_dsn(parse_structure(message), message); }

std::string typed(const TypedText& value) { return value.type + "; " + value.text; }

void line(std::string& out, std::string_view name, const std::optional<TypedText>& value) {
  if (value) out += fmt::format("{}: {}\n", name, typed(*value));
}
void line(std::string& out, std::string_view name, const std::optional<DateTime>& value) {
  if (value) out += fmt::format("{}: {}\n", name, format_date(*value));
}

/// What was read, as the .facts files say it.
std::string facts(const ReadDsn& dsn, std::string_view message) {
  std::string out = "parts: ";
  if (dsn.text_part != kNoPart) out += fmt::format("text {}, ", dsn.text_part);
  out += fmt::format("status {}", dsn.status_part);
  if (dsn.returned_part != kNoPart)
    out += fmt::format(", returned {} {}", dsn.returned_part, dsn.returned_full ? "full" : "header");
  out += "\n";
  std::string header = returned_header(dsn, parse_structure(message), message);
  header.resize(std::min(header.find_first_of("\r\n"), header.size()));
  if (!header.empty()) out += "returned: " + header + "\n";
  const DeliveryReport& report = dsn.report;
  if (report.envelope_id) out += "envelope-id: " + *report.envelope_id + "\n";
  out += "reporting-mta: " + typed(report.reporting_mta) + "\n";
  line(out, "gateway", report.gateway);
  line(out, "received-from-mta", report.received_from_mta);
  line(out, "arrival", report.arrival);
  line(out, "deliver-by", report.deliver_by);
  for (const RecipientReport& recipient : report.recipients) {
    out += "recipient: " + typed(recipient.final_recipient) + "\n";
    line(out, "  original", recipient.original_recipient);
    if (recipient.action) out += fmt::format("  action: {}\n", action_name(*recipient.action));
    if (recipient.status) out += "  status: " + recipient.status->text() + "\n";
    line(out, "  remote-mta", recipient.remote_mta);
    line(out, "  diagnostic", recipient.diagnostic);
    line(out, "  last-attempt", recipient.last_attempt);
    line(out, "  will-retry-until", recipient.will_retry_until);
    if (!recipient.final_log_id.empty()) out += "  final-log-id: " + recipient.final_log_id + "\n";
  }
  return out;
}

struct Sample {
  std::string name;
  std::string message;
  std::string facts;
};

/// Each .facts file and the message beside it, or the vector that its first line names.
std::vector<Sample> samples() {
  std::vector<Sample> all;
  for (const auto& entry : std::filesystem::directory_iterator(angarium::test::room_path("dsn"))) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".facts")) continue;
    Sample sample{path, {}, angarium::test::read_file(path)};
    std::string_view rest = sample.facts;
    const std::string_view first = take_until(rest, '\n');
    if (first.starts_with("vector: ")) {
      sample.message = angarium::test::read_file(angarium::test::tests_path("vectors/" + std::string(first.substr(8))));
      sample.facts = std::string(rest);
    } else {
      sample.message = angarium::test::read_file(path.substr(0, path.size() - 6) + ".eml");
    }
    all.push_back(std::move(sample));
  }
  return all;
}

std::string with_status(std::string_view body) {
  return "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n"
         "--b\r\nContent-Type: message/delivery-status\r\n\r\n" +
         std::string(body) + "\r\n--b--\r\n";
}

}  // namespace

TEST_CASE("the samples of dsn/ say what stands beside them") {
  const auto all = samples();
  CHECK(all.size() >= 16);
  for (const Sample& sample : all) {
    CAPTURE(sample.name);
    const auto dsn = read(sample.message);
    REQUIRE(dsn);
    CHECK(facts(*dsn, sample.message) == sample.facts);
  }
}

TEST_CASE("a sample that is cut at any octet is read as far as it goes, and its second half too") {
  for (const Sample& sample : samples()) {
    // The largest one is cut in its first ten thousand octets, where the report is.
    const std::string_view message = sample.message;
    const std::size_t recipients = read(message)->report.recipients.size();
    for (std::size_t cut = 0; cut < std::min<std::size_t>(message.size(), 10'000); ++cut) {
      const auto first = read(message.substr(0, cut));
      if (first && first->report.recipients.size() > recipients) FAIL(sample.name << " at " << cut);
      if (message.size() > 20'000) continue;
      const auto second = read(message.substr(cut));
      // It may begin with the report's part alone, to which all that follows belongs then.
      if (second && second->report.recipients.size() > recipients + 1) FAIL(sample.name << " from " << cut);
    }
  }
}

TEST_CASE("a report on many recipients tells of each") {
  const std::string message =
      angarium::test::read_file(angarium::test::tests_path("vectors/mime/python-email/msg_43.txt"));
  const auto dsn = read(message);
  REQUIRE(dsn);
  CHECK(dsn->report.recipients.size() == 25);
  for (const RecipientReport& recipient : dsn->report.recipients) CHECK(recipient.status == StatusCode{5, 7, 1});
}

TEST_CASE("RFC 6533 4.4: any combination of the six types in a report MUST be expected") {
  for (const std::string_view status : {"message/delivery-status", "message/global-delivery-status"}) {
    for (const std::string_view returned :
         {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"}) {
      CAPTURE(status);
      CAPTURE(returned);
      const std::string message = fmt::format(
          "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: {}\r\n\r\n"
          "Reporting-MTA: dns; a\r\n\r\nFinal-Recipient: rfc822;b@c\r\nAction: failed\r\nStatus: 5.0.0\r\n\r\n"
          "--b\r\nContent-Type: {}\r\n\r\nSubject: s\r\n\r\n--b--\r\n",
          status, returned);
      const auto dsn = read(message);
      REQUIRE(dsn);
      CHECK(dsn->report.recipients.size() == 1);
      CHECK(dsn->returned_full == (returned == "message/rfc822" || returned == "message/global"));
      CHECK(returned_header(*dsn, parse_structure(message), message) == "Subject: s\r\n");
    }
  }
}

TEST_CASE("what has no part of delivery status outside of enclosed messages is no report") {
  CHECK_FALSE(read(""));
  CHECK_FALSE(read("Subject: Undelivered Mail Returned to Sender\r\n\r\nFinal-Recipient: rfc822;a@b\r\n"));
  CHECK_FALSE(
      read("Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"
           "--b\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822;a@b\r\n--b--\r\n"));
  CHECK_FALSE(read("Content-Type: message/rfc822\r\n\r\n" + with_status("Final-Recipient: rfc822;a@b\r\n")));
  // A report without a single recipient is one, and says nothing.
  const auto empty = read(with_status(""));
  REQUIRE(empty);
  CHECK(empty->report.recipients.empty());
}

TEST_CASE("RFC 6533 3: an address of type utf-8 is read in all its three forms, one of type rfc822 as it stands") {
  const auto address = [](std::string_view field) {
    const auto report = parse_delivery_status("Final-Recipient: " + std::string(field) + "\r\n");
    return report.recipients.at(0).final_recipient.text;
  };
  CHECK(address("utf-8;j\\x{F6}rg@x") == "j\xC3\xB6rg@x");
  CHECK(address("UTF-8; j\xC3\xB6rg\\x{2B}a@x") == "j\xC3\xB6rg+a@x");
  CHECK(address("utf-8; j\xC3\xB6rg+20@x") == "j\xC3\xB6rg+20@x");
  CHECK(address("utf-8; \\x{D800}\\x{}\\y@x") == "\\x{D800}\\x{}\\y@x");
  CHECK(address("rfc822; a\\x{F6}+2B@x") == "a\\x{F6}+2B@x");
  CHECK(address("rfc822; \xF6@x") == "\xEF\xBF\xBD@x");
}

TEST_CASE("recipients are read up to their limit, and what belongs to those beyond goes to no other") {
  std::string body = "Reporting-MTA: dns; a\r\n";
  for (std::size_t i = 1; i <= kReportRecipientsMax; ++i)
    body += fmt::format("\r\nFinal-Recipient: rfc822;{}@x\r\nAction: delayed\r\n", i);
  CHECK(parse_delivery_status(body).recipients.size() == kReportRecipientsMax);
  body += "\r\nFinal-Recipient: rfc822;one.past@x\r\nAction: failed\r\nRemote-MTA: dns; y\r\n";
  const DeliveryReport report = parse_delivery_status(body);
  REQUIRE(report.recipients.size() == kReportRecipientsMax);
  CHECK(report.recipients.back().final_recipient.text == fmt::format("{}@x", kReportRecipientsMax));
  CHECK(report.recipients.back().action == DsnAction::delayed);
  CHECK_FALSE(report.recipients.back().remote_mta);
}

TEST_CASE("a text of a report is read up to its limit, and no character is cut in two") {
  const auto diagnostic = [](const std::string& text) {
    return parse_delivery_status("Final-Recipient: rfc822;a@b\r\nDiagnostic-Code: smtp; " + text + "\r\n")
        .recipients.at(0)
        .diagnostic->text;
  };
  const std::string most(kReportTextMax, 'x');
  CHECK(diagnostic(most) == most);
  CHECK(diagnostic(most + "y") == most);
  CHECK(diagnostic(most.substr(1) + "\xC3\xA9") == most.substr(1));
  CHECK(valid_utf8(diagnostic(std::string(kReportTextMax, '\xFF'))));
  CHECK(diagnostic(std::string(kReportTextMax, '\xFF')).size() <= kReportTextMax);
}

TEST_CASE("octets of a report are read up to their limit, encoded or not") {
  std::string body = "Reporting-MTA: dns; a\r\n\r\nFinal-Recipient: rfc822;near@x\r\n\r\nX: ";
  const std::string_view far = "\r\n\r\nFinal-Recipient: rfc822;far@x";
  body.append(kReportReadMax - body.size() - far.size(), 'x').append(far);
  REQUIRE(body.size() == kReportReadMax);
  REQUIRE(parse_delivery_status(body).recipients.size() == 2);
  CHECK(parse_delivery_status(body).recipients[1].final_recipient.text == "far@x");
  body.insert(0, "\n");
  CHECK(parse_delivery_status(body).recipients[1].final_recipient.text == "far@");
  CHECK(read(with_status(body))->report.recipients[1].final_recipient.text == "far@");
}

TEST_CASE("many empty blocks and lines that are no fields are read in their time") {
  std::string body;
  while (body.size() < std::size_t{1} << 20) body += "no field\n\n\r\r\n\n";
  CHECK(parse_delivery_status(body).recipients.empty());
}
