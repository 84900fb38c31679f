#include "protocol/imap/writer.h"

#include "support/test.h"

using namespace angarium::protocol::imap;

namespace {

template <class Append>
std::string written(Append append) {
  std::string out;
  append(out);
  return out;
}

}  // namespace

TEST_CASE("an atom that reads as NIL is quoted") {
  CHECK(written([](auto& out) { append_astring(out, "nil", angarium::message::ImapForm::ascii); }) == "\"nil\"");
  CHECK(written([](auto& out) { append_astring(out, "INBOX", angarium::message::ImapForm::ascii); }) == "INBOX");
  CHECK(written([](auto& out) { append_astring(out, "a b", angarium::message::ImapForm::ascii); }) == "\"a b\"");
  CHECK(written([](auto& out) { append_astring(out, "", angarium::message::ImapForm::ascii); }) == "\"\"");
  CHECK(written([](auto& out) { append_mailbox(out, "Entw\xC3\xBCrfe", NameForm::modified_utf7); }) == "Entw&APw-rfe");
}

TEST_CASE("RFC 9051 §9: date-time has a day of two places and a year of four") {
  const auto date = [](std::int64_t seconds, int zone_minutes = 0) {
    return written([&](auto& out) { append_internal_date(out, {seconds, zone_minutes}); });
  };
  CHECK(date(0) == "\" 1-Jan-1970 00:00:00 +0000\"");
  CHECK(date(-1) == "\"31-Dec-1969 23:59:59 +0000\"");
  CHECK(date(951'782'400) == "\"29-Feb-2000 00:00:00 +0000\"");
  CHECK(date(837'596'665, -420) == "\"17-Jul-1996 02:44:25 -0700\"");
  CHECK(date(0, 345) == "\" 1-Jan-1970 05:45:00 +0545\"");
  CHECK(date(INT64_MAX, 60) == "\"31-Dec-9999 23:59:59 +0100\"");
  CHECK(date(0, -1'000'000).ends_with(" -9959\""));
  CHECK(date(INT64_MAX) == "\"31-Dec-9999 23:59:59 +0000\"");
  CHECK(date(INT64_MIN) == "\" 1-Jan-0000 00:00:00 +0000\"");
}

TEST_CASE("RFC 5530: one place turns errors into replies") {
  using angarium::Error;
  const auto reply = [](const angarium::ErrorKind& kind, std::string_view text) {
    return written([&](auto& out) { append_reply(out, "a", reply_to(Error(kind, std::string(text)))); });
  };
  static constexpr angarium::ErrorKind kForeignUser{"x.user", angarium::Fault::user, angarium::Lasting::permanent};
  CHECK(reply(kSyntax, "what") == "a BAD what\r\n");
  CHECK(reply(kOverQuota, "full") == "a NO [OVERQUOTA] full\r\n");
  CHECK(reply(kForeignUser, "no") == "a NO no\r\n");
  // What is inside of us is not shown.
  CHECK(reply(angarium::kOutOfMemory, "secret") == "a NO [UNAVAILABLE] Temporarily not possible, try again later\r\n");
  CHECK(reply(angarium::kBroken, "secret") == "a NO [SERVERBUG] Internal error, it has been logged\r\n");
  // Nothing of the client's octets breaks the line or reads as a code.
  CHECK(reply(kRefused, "[ALERT] x\r\ny") == "a NO - [ALERT] x\\x0d\\x0ay\r\n");
  CHECK(reply(kRefused, "") == "a NO Refused\r\n");
}
