#include "agent/referral.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

TEST_CASE("RFC 2221 4.1: a referral names a server, and the user where the operator named none") {
  CHECK(*imap_server_url("imap://new.example.test") == "imap://new.example.test/");
  CHECK(*imap_server_url("IMAP://new.example.test:1143/") == "imap://new.example.test:1143/");
  CHECK(*imap_server_url("imap://anna;AUTH=*@new.example.test/") == "imap://anna;AUTH=*@new.example.test/");
  CHECK(imap_server_url("")->empty());
  for (const char* const wrong : {"new.example.test", "imap://", "imap:///", "imap://a@", "http://new.example.test/",
                                  "imap://new.example.test/INBOX", "imap://a]b/", "imap://a b/", "imap://a\"b/"})
    CHECK_MESSAGE(!imap_server_url(wrong), wrong);
  CHECK(!imap_server_url("imap://" + std::string(1000, 'h')));

  account::Account account{.address = "anna+x@example.test", .moved_to = "imap://new.example.test/"};
  CHECK(referral(account) == "imap://anna%2bx%40example.test;AUTH=*@new.example.test/");
  account.moved_to = "imap://anna;AUTH=*@new.example.test/";
  CHECK(referral(account) == account.moved_to);
}
