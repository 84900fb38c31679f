#include "protocol/imap/url.h"

#include "protocol/imap/error.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::imap;

TEST_CASE("RFC 5092 §11: URLs of messages and parts, absolute and relative") {
  const auto whole = parse_url("imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred").value();
  CHECK(whole.base == ImapUrl::Base::server);
  CHECK(whole.user == "joe");
  CHECK(whole.host == "example.com");
  CHECK(whole.mailbox == "INBOX");
  CHECK(whole.uid == 20);
  CHECK(whole.section.part == std::vector<std::uint32_t>{1, 2});
  CHECK(whole.access->who == UrlAccess::Who::submitter);
  CHECK(whole.access->user == "fred");
  CHECK(whole.token.empty());

  const auto part =
      parse_url("/a%20b/c;UIDVALIDITY=385759045/;UID=20/;Section=HEADER.FIELDS%20(To%20Cc)/;PARTIAL=3.4").value();
  CHECK(part.base == ImapUrl::Base::root);
  CHECK(part.mailbox == "a b/c");
  CHECK(part.uid_validity == 385'759'045);
  CHECK(part.section.text == Section::Text::header_fields);
  CHECK(part.section.fields == std::vector<std::string>{"To", "Cc"});
  CHECK(part.partial == Partial{3, 4});
  CHECK(parse_url("/INBOX/;UID=1/;PARTIAL=7").value().partial == Partial{7, UINT64_MAX});
  CHECK(parse_url("IMAP://[2001:db8::1]:143/INBOX/;UID=1").value().host == "[2001:db8::1]");
  CHECK(parse_url("imap://joe;AUTH=*@Example.COM:1143/INBOX/;UID=1").value().user == "joe");
}

TEST_CASE("RFC 4467 §6: what was signed is the URL without mechanism and token, octet by octet") {
  const std::string rump = "imap://J%6Fe@EXAMPLE.com/INBOX/;uid=20;expire=2026-01-02T03:04:05+01:00;urlauth=user+a%40b";
  const auto url = parse_url(rump + ":internal:91354a473744909de610943775f92038").value();
  CHECK(url.rump == rump);
  CHECK(url.mechanism == "INTERNAL");
  CHECK(url.token == "91354a473744909de610943775f92038");
  CHECK(url.user == "Joe");
  CHECK(url.access->user == "a@b");
  CHECK(url.expires->seconds() == 1'767'319'445);
  CHECK(parse_url("imap://j@h/I/;UID=1;URLAUTH=anonymous").value().access->who == UrlAccess::Who::anybody);
  CHECK(parse_url("imap://j@h/I/;UID=1;URLAUTH=AUTHUSER").value().access->who == UrlAccess::Who::any_user);
}

TEST_CASE("URLs that name no message, or are none, are refused") {
  for (const std::string_view text : {"",
                                      "/",
                                      "INBOX",
                                      "/INBOX",
                                      "imap://h",
                                      "imap://h/",
                                      "imap:///INBOX/;UID=1",
                                      "//h/INBOX/;UID=1",
                                      "http://h/INBOX/;UID=1",
                                      "/INBOX;UID=1",
                                      "/INBOX/;UID=0",
                                      "/INBOX/;UID=x",
                                      "/INBOX/;UID=4294967296",
                                      "/INBOX/;UID=1;UIDVALIDITY=1",
                                      "/INBOX/;UIDVALIDITY=1/;UID=1",
                                      "/INBOX/;UID=1/;UID=2",
                                      "/INBOX/;UID=1/;SECTION=",
                                      "/INBOX/;UID=1/;SECTION=0",
                                      "/INBOX/;UID=1/;SECTION=1]x",
                                      "/INBOX/;UID=1/;PARTIAL=1.0",
                                      "/INBOX/;UID=1/;PARTIAL=",
                                      "/INBOX/;UID=1/;FOO=1",
                                      "/IN BOX/;UID=1",
                                      "/IN%0/;UID=1",
                                      "/IN%00/;UID=1",
                                      "/INBOX/;UID=1;EXPIRE=2026-01-02T03:04:05Z",
                                      "/INBOX/;UID=1;URLAUTH=anonymous",
                                      "imap://j@h/I/;UID=1;URLAUTH=",
                                      "imap://j@h/I/;UID=1;URLAUTH=user+",
                                      "imap://j@h/I/;UID=1;URLAUTH=other+x",
                                      "imap://j@h/I/;UID=1;URLAUTH=anonymous:INTERNAL",
                                      "imap://j@h/I/;UID=1;URLAUTH=anonymous:INTERNAL:91354a",
                                      "imap://j@h/I/;UID=1;EXPIRE=2026-01-02;URLAUTH=anonymous",
                                      "/;UID=1"}) {
    const auto url = parse_url(text);
    CHECK_MESSAGE(!url, text);
    if (!url) CHECK(url.error().is(kBadUrl));
  }
}

TEST_CASE("RFC 4469 §3: relative URLs stand in the mailbox that is selected, or beside it") {
  const auto name = [](std::string_view url, std::string_view selected) {
    auto found = url_mailbox(parse_url(url).value(), selected);
    return found ? *found : std::string(found.error().kind().name);
  };
  CHECK(name(";UID=1", "a/b") == "a/b");
  CHECK(name("c/;UID=1", "a/b") == "a/c");
  CHECK(name("c/;UID=1", "b") == "c");
  CHECK(name("/c/d/;UID=1", "a/b") == "c/d");
  CHECK(name("/inbox/;UID=1", "") == "INBOX");
  CHECK(name("/Gr%C3%BCn/;UID=1", "") == "Gr\u00FCn");
  CHECK(name("/Gr%FCn/;UID=1", "") == kBadUrl.name);
  CHECK(name("/a%2A/;UID=1", "") == kBadUrl.name);
  CHECK(name(";UID=1", "") == kBadUrl.name);
  CHECK(name("c/;UID=1", "") == kBadUrl.name);
}
