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

std::string string_of(std::string_view value, StringForm form) {
  return written([&](auto& out) { append_string(out, value, form); });
}

}  // namespace

TEST_CASE("RFC 9051 §4.3: a string is quoted where it can be, else a literal") {
  CHECK(string_of("a \"b\\", StringForm::ascii) == "\"a \\\"b\\\\\"");
  CHECK(string_of("", StringForm::ascii) == "\"\"");
  CHECK(string_of("a\r\n", StringForm::utf8) == "{3}\r\na\r\n");
  CHECK(string_of("\xC3\xBC", StringForm::ascii) == "{2}\r\n\xC3\xBC");
  CHECK(string_of("\xC3\xBC", StringForm::utf8) == "\"\xC3\xBC\"");
  CHECK(string_of("\xC3", StringForm::utf8) == "{1}\r\n\xC3");
  CHECK(string_of(std::string(1000, 'a'), StringForm::ascii).starts_with("\"a"));
  CHECK(string_of(std::string(1001, 'a'), StringForm::ascii).starts_with("{1001}\r\n"));
}

TEST_CASE("an atom that reads as NIL is quoted") {
  CHECK(written([](auto& out) { append_astring(out, "nil", StringForm::ascii); }) == "\"nil\"");
  CHECK(written([](auto& out) { append_astring(out, "INBOX", StringForm::ascii); }) == "INBOX");
  CHECK(written([](auto& out) { append_astring(out, "a b", StringForm::ascii); }) == "\"a b\"");
  CHECK(written([](auto& out) { append_astring(out, "", StringForm::ascii); }) == "\"\"");
  CHECK(written([](auto& out) { append_mailbox(out, "Entw\xC3\xBCrfe", NameForm::modified_utf7); }) == "Entw&APw-rfe");
}

TEST_CASE("RFC 9051 §9: date-time has a day of two places and a year of four") {
  const auto date = [](std::int64_t seconds) {
    return written([&](auto& out) { append_internal_date(out, seconds); });
  };
  CHECK(date(0) == "\" 1-Jan-1970 00:00:00 +0000\"");
  CHECK(date(-1) == "\"31-Dec-1969 23:59:59 +0000\"");
  CHECK(date(951'782'400) == "\"29-Feb-2000 00:00:00 +0000\"");
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
