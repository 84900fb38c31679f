#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "message/dots.h"
#include "message/downgrade.h"
#include "message/dsn.h"
#include "message/header.h"

using namespace angarium;
using namespace angarium::message;

namespace {

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

void check_composed(const DeliveryReport& report, std::string_view original, const DsnOptions& options) {
  SeededRandom random(7);
  const auto composed = compose_dsn(report, original, options, random);
  if (!composed) std::abort();
  const std::string octets = composed->octets();
  if (octets.size() != composed->size()) std::abort();
  if (options.transfer == Transfer::seven_bit && !seven_bit_clean(octets)) std::abort();
  LineScanner lines;
  lines.feed(octets);
  if (lines.nul() != 0 || lines.longest_line() > kLineMax || !lines.clean_line_ends()) std::abort();
  if (Header(octets).count("To") != 1 || Header(octets).count("Content-Type") != 1) std::abort();
  const Structure structure = parse_structure(octets);
  const auto again = read_dsn(structure, octets);
  if (!again || again->report.recipients.size() != report.recipients.size()) std::abort();
  for (std::size_t i = 0; i < report.recipients.size(); ++i) {
    if (again->report.recipients[i].action != report.recipients[i].action) std::abort();
    if (!again->report.recipients[i].status) std::abort();
    if (!valid_utf8(again->report.recipients[i].final_recipient.text)) std::abort();
  }
}

}  // namespace

// Any octets are read without failing; what was read can be reported on, and that is read as the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const Structure structure = parse_structure(input);
  DeliveryReport report = parse_delivery_status(input);
  if (const auto dsn = read_dsn(structure, input)) {
    (void)returned_header(*dsn, structure, input);
    report = dsn->report;
  }
  (void)parse_status(input);
  (void)status_of_reply(input);

  if (blank(report.reporting_mta.text)) report.reporting_mta = {"dns", "mx.example"};
  if (report.recipients.empty()) report.recipients.emplace_back();
  if (report.recipients.size() > 20) report.recipients.resize(20);
  for (RecipientReport& recipient : report.recipients) {
    if (!recipient.action) recipient.action = DsnAction::failed;
    if (blank(recipient.final_recipient.text)) recipient.final_recipient = {"rfc822", "a@example"};
    if (!recipient.diagnostic) recipient.diagnostic = {"smtp", std::string(input)};
  }
  DsnOptions options;
  options.from = "postmaster@mx.example";
  options.to = "sender@example";
  options.message = "<1@mx.example>";
  for (const ReturnContent ret : {ReturnContent::headers, ReturnContent::full}) {
    for (const Utf8 utf8 : {Utf8::refuse, Utf8::accept}) {
      options.ret = ret;
      options.utf8 = utf8;
      options.transfer = utf8 == Utf8::refuse ? Transfer::seven_bit : Transfer::eight_bit;
      check_composed(report, input, options);
    }
  }
  return 0;
}
