#include "envelope/parameters.h"

#include "support/test.h"

namespace angarium::envelope {
namespace {

constexpr PathOptions kUtf8{.utf8 = Utf8::accept};

/// Read and written back, or the text of the error.
std::string mail(std::string_view text, const PathOptions& options = {}) {
  const auto parameters = parse_mail_parameters(text, options);
  if (!parameters) return parameters.error().is(kBadParameter) ? "bad" : parameters.error().text();
  const std::string written = format_parameters(*parameters);
  CHECK(parse_mail_parameters(written, options) == *parameters);
  return written.empty() ? written : written.substr(1);
}
std::string rcpt(std::string_view text, const PathOptions& options = {}) {
  const auto parameters = parse_rcpt_parameters(text, options);
  if (!parameters) return parameters.error().is(kBadParameter) ? "bad" : parameters.error().text();
  const std::string written = format_parameters(*parameters, options.utf8);
  CHECK(parse_rcpt_parameters(written, options) == *parameters);
  return written.empty() ? written : written.substr(1);
}

TEST_CASE("all parameters of MAIL come back as they were written") {
  const char* const text =
      "SIZE=12345 BODY=BINARYMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=e+3Dmc2@example.com MT-PRIORITY=-9 BY=-120;NT "
      "HOLDFOR=60 REQUIRETLS X-A X-B=c";
  CHECK(mail(text) == text);
  CHECK(mail("HOLDUNTIL=2030-01-31T12:00:00Z") == "HOLDUNTIL=2030-01-31T12:00:00Z");
  CHECK(mail("") == "");
}

TEST_CASE("keywords and words of values take no note of case") {
  CHECK(mail("size=1 Body=8bitMime smtpUtf8 Ret=full mt-priority=0 by=5;r requiretls") ==
        "SIZE=1 BODY=8BITMIME SMTPUTF8 RET=FULL MT-PRIORITY=0 BY=5;R REQUIRETLS");
  CHECK(rcpt("notify=Success,DELAY,failure") == "NOTIFY=SUCCESS,FAILURE,DELAY");
}

TEST_CASE("RFC 5321 4.1.1.11: unknown parameters are reported in order, for 555") {
  const auto parameters = parse_mail_parameters("X=1 SIZE=2 Y Z-9=a=b");
  REQUIRE(parameters);
  CHECK(parameters->unknown == std::vector<EsmtpParameter>{{"X", "1"}, {"Y", std::nullopt}, {"Z-9", "a=b"}});
  CHECK(parse_rcpt_parameters("SIZE=1")->unknown.size() == 1);
}

TEST_CASE("what is no parameter is refused") {
  for (const char* text :
       {"=", "=1", "-A", "A_B=1", "SIZE=", "X=", "X=\x01", "X=\x7f", "X=a\tb", "\xc3\xa9", "X=\xc3\xa9"}) {
    CHECK_MESSAGE(mail(text) == "bad", text);
    CHECK_MESSAGE(rcpt(text) == "bad", text);
  }
  CHECK(mail("X=\xc3\xa9", kUtf8) == "X=\xc3\xa9");
  CHECK(mail("X=\xc3", kUtf8) == "bad");
  CHECK(mail("  SIZE=1   BODY=7BIT ") == "SIZE=1 BODY=7BIT");
}

TEST_CASE("RFC 3461 4.5: no parameter is given twice") {
  for (const char* text : {"SIZE=1 SIZE=1", "X X", "x=1 X=2", "SMTPUTF8 smtputf8"}) CHECK(mail(text) == "bad");
  CHECK(rcpt("NOTIFY=NEVER NOTIFY=NEVER") == "bad");
}

TEST_CASE("32 parameters are read, one more is refused") {
  std::string text;
  for (std::size_t i = 0; i < kParametersMax; ++i) text += "X" + std::to_string(i) + " ";
  CHECK(parse_mail_parameters(text)->unknown.size() == kParametersMax);
  CHECK(mail(text + "Y") == "bad");
}

TEST_CASE("RFC 1870 4: SIZE has one to twenty digits") {
  CHECK(mail("SIZE=0") == "SIZE=0");
  CHECK(parse_mail_parameters("SIZE=99999999999999999999")->size == UINT64_MAX);
  for (const char* text : {"SIZE=100000000000000000000", "SIZE", "SIZE=-1", "SIZE=1k", "SIZE=+1"})
    CHECK(mail(text) == "bad");
}

TEST_CASE("BODY, RET, SMTPUTF8 and REQUIRETLS have the values of their RFC and no others") {
  for (const char* text : {"BODY", "BODY=8BIT", "RET", "RET=BODY", "SMTPUTF8=1", "REQUIRETLS=YES"})
    CHECK(mail(text) == "bad");
}

TEST_CASE("RFC 3461 4.4: ENVID is at most 100 characters of xtext that decode to printable ASCII") {
  CHECK(parse_mail_parameters("ENVID=QQ+3D+20314159")->envelope_id == "QQ= 314159");
  CHECK(mail("ENVID=" + std::string(100, 'x')) == "ENVID=" + std::string(100, 'x'));
  CHECK(mail("ENVID=" + std::string(101, 'x')) == "bad");
  for (const char* text : {"ENVID", "ENVID=+0A", "ENVID=+", "ENVID=+2", "ENVID=+GG", "ENVID=a=b", "ENVID=+C3+A9"}) {
    CHECK_MESSAGE(mail(text) == "bad", text);
  }
}

TEST_CASE("RFC 4954 5: AUTH is a mailbox in xtext or <>") {
  CHECK(parse_mail_parameters("AUTH=<>")->auth->null());
  CHECK(parse_mail_parameters("AUTH=e+3Dmc2@example.com")->auth->mailbox->local_part == "e=mc2");
  CHECK(mail("AUTH=\\x{44E}@b", kUtf8) == "AUTH=\\x{44E}@b");
  for (const char* text : {"AUTH", "AUTH=a", "AUTH=<a@b>", "AUTH=+3@b", "AUTH=a+20@b", "AUTH=\\x{}@b"}) {
    CHECK_MESSAGE(mail(text, kUtf8) == "bad", text);
  }
}

TEST_CASE("RFC 6710 7: MT-PRIORITY is a digit, perhaps with a minus, never -0") {
  for (const char* text : {"MT-PRIORITY=9", "MT-PRIORITY=0", "MT-PRIORITY=-1"}) CHECK(mail(text) == text);
  for (const char* text : {"MT-PRIORITY=10", "MT-PRIORITY=-0", "MT-PRIORITY=+1", "MT-PRIORITY=-", "MT-PRIORITY"}) {
    CHECK_MESSAGE(mail(text) == "bad", text);
  }
}

TEST_CASE("RFC 2852 4: BY has a time of nine digits, a mode and perhaps a trace; R needs a positive time") {
  CHECK(mail("BY=+5;N") == "BY=5;N");
  CHECK(mail("BY=999999999;RT") == "BY=999999999;RT");
  CHECK(mail("BY=0;N") == "BY=0;N");
  for (const char* text : {"BY=0;R", "BY=-5;R", "BY=1000000000;N", "BY=5", "BY=5;", "BY=5;X", "BY=5;NX", "BY=5;NTT",
                           "BY=;N", "BY=-;N", "BY=+-5;N", "BY"}) {
    CHECK_MESSAGE(mail(text) == "bad", text);
  }
}

TEST_CASE("RFC 4865 4: HOLDFOR is 1 to 999999999 s, HOLDUNTIL a time in UTC, and only one of them is given") {
  CHECK(mail("HOLDFOR=999999999") == "HOLDFOR=999999999");
  CHECK(parse_mail_parameters("HOLDUNTIL=1970-01-02t00:00:01.5z")->hold_until->seconds() == 86401);
  for (const char* text : {"HOLDFOR=0", "HOLDFOR=1000000000", "HOLDFOR=-1", "HOLDUNTIL=2030-02-30T12:00:00Z",
                           "HOLDUNTIL=2030-01-31T12:00:00+01:00", "HOLDUNTIL=2030-01-31T12:00:00", "HOLDUNTIL=2030",
                           "HOLDUNTIL=2030-01-31T24:00:00Z", "HOLDUNTIL=2030-01-31T12:00:00.Z",
                           "HOLDFOR=1 HOLDUNTIL=2030-01-31T12:00:00Z"}) {
    CHECK_MESSAGE(mail(text) == "bad", text);
  }
}

TEST_CASE("RFC 1845 2: TRANSID is <local@domain> of at most 80 characters, atoms with dots between them") {
  CHECK(mail("TRANSID=<12345@claremont.edu>") == "TRANSID=<12345@claremont.edu>");
  CHECK(mail("transid=<A.b@C>") == "TRANSID=<A.b@C>");
  const std::string local(76, 'x');
  CHECK(mail("TRANSID=<" + local + "@b>") == "TRANSID=<" + local + "@b>");
  for (const std::string bad : {"x", "<>", "<a>", "<a@>", "<@b>", "<a@b", "a@b>", "<a.@b>", "<.a@b>", "<a..b@c>",
                                "<a@b@c>", "<a/b@c>", "<a[b@c>", "<a=b@c>"})
    CHECK(mail("TRANSID=" + bad) == "bad");
  CHECK(mail("TRANSID=<x" + local + "@b>") == "bad");
  CHECK(mail("TRANSID") == "bad");
}

TEST_CASE("RFC 3461 4.1: NOTIFY is NEVER alone or a list") {
  CHECK(rcpt("NOTIFY=NEVER") == "NOTIFY=NEVER");
  CHECK(rcpt("NOTIFY=FAILURE") == "NOTIFY=FAILURE");
  for (const char* text : {"NOTIFY", "NOTIFY=NEVER,FAILURE", "NOTIFY=FAILURE,NEVER", "NOTIFY=FAILURE,",
                           "NOTIFY=,FAILURE", "NOTIFY=FAILURE,,DELAY", "NOTIFY=ALWAYS", "NOTIFY=,"}) {
    CHECK_MESSAGE(rcpt(text) == "bad", text);
  }
}

TEST_CASE("RFC 3461 4.2: ORCPT is a type and an address in xtext, at most 500 characters") {
  const auto original = parse_rcpt_parameters("ORCPT=rfc822;Bob+2Bx@b")->original;
  REQUIRE(original);
  CHECK(*original == OriginalRecipient{"rfc822", "Bob+x@b"});
  CHECK(rcpt("ORCPT=rfc822;" + std::string(493, 'x')) != "bad");
  CHECK(rcpt("ORCPT=rfc822;" + std::string(494, 'x')) == "bad");
  for (const char* text : {"ORCPT", "ORCPT=a@b", "ORCPT=;a@b", "ORCPT=rfc822;", "ORCPT=rfc822;+0A", "ORCPT=rfc822;+C3",
                           "ORCPT=x400;+C3+A9", "ORCPT=a@b;c", "ORCPT=rfc822;a=b"}) {
    CHECK_MESSAGE(rcpt(text) == "bad", text);
  }
}

TEST_CASE("an ORCPT of UTF-8 octets in xtext, as Postfix writes it, is one of type utf-8") {
  const auto original = parse_rcpt_parameters("ORCPT=rfc822;+C3+A4nne@one.test")->original;
  REQUIRE(original);
  CHECK(original->type == "utf-8");
  CHECK(original->address == "\xc3\xa4nne@one.test");
  CHECK(rcpt("ORCPT=rfc822;+C3+A4nne@one.test") == "ORCPT=utf-8;\\x{E4}nne@one.test");
}

TEST_CASE("RFC 6533 3: ORCPT of type utf-8 in each of its three forms") {
  for (const char* text : {"ORCPT=utf-8;\\x{44E}@b", "ORCPT=UTF-8;\xd1\x8e@b"}) {
    CHECK(parse_rcpt_parameters(text, kUtf8)->original->address == "\xd1\x8e@b");
  }
  CHECK(rcpt("ORCPT=utf-8;\xd1\x8e\\x{2B}@b", kUtf8) == "ORCPT=utf-8;\xd1\x8e\\x{2B}@b");
  CHECK(rcpt("ORCPT=utf-8;\\x{44E}@b") == "ORCPT=utf-8;\\x{44E}@b");
  for (const char* text :
       {"ORCPT=utf-8;\\", "ORCPT=utf-8;\\x{44E", "ORCPT=utf-8;\\x{}", "ORCPT=utf-8;\\x{D800}",
        "ORCPT=utf-8;\\x{110000}", "ORCPT=utf-8;\\x{0A}", "ORCPT=utf-8;\\x{0000041}", "ORCPT=utf-8;+FF"}) {
    CHECK_MESSAGE(rcpt(text, kUtf8) == "bad", text);
  }
}

}  // namespace
}  // namespace angarium::envelope
