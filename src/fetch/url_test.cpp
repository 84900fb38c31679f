// Where boxes are, in one word.
#include "fetch/url.h"

#include "base/text.h"
#include "support/test.h"

namespace angarium::fetch {

TEST_CASE("a URL says protocol, TLS, user, host and port") {
  struct Row {
    std::string text;
    Protocol protocol;
    Tls tls;
    std::uint16_t port;
  };
  const std::vector<Row> rows = {
      {"imaps", Protocol::imap, Tls::implicit, 993},  {"imap", Protocol::imap, Tls::starttls, 143},
      {"imap+plain", Protocol::imap, Tls::none, 143}, {"pop3s", Protocol::pop3, Tls::implicit, 995},
      {"pop3", Protocol::pop3, Tls::starttls, 110},   {"pop3+plain", Protocol::pop3, Tls::none, 110},
      {"odmr", Protocol::odmr, Tls::starttls, 366},   {"odmr+plain", Protocol::odmr, Tls::none, 366},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(scheme_of(row.protocol, row.tls) == row.text);
    const auto plain = parse_url(row.text + "://mail.example.org/");
    REQUIRE(plain);
    CHECK(plain->protocol == row.protocol);
    CHECK(plain->tls == row.tls);
    CHECK(plain->host == "mail.example.org");
    CHECK(plain->port == row.port);
    CHECK(plain->user == "");
    const auto whole = parse_url(to_upper(row.text) + "://anna@home@[2001:db8::1]:4711");
    REQUIRE(whole);
    CHECK(whole->host == "2001:db8::1");
    CHECK(whole->port == 4711);
    CHECK(whole->user == "anna@home");
  }
}

TEST_CASE("what is no place to fetch from is told") {
  for (const std::string text :
       {"", "mail.example.org", "smtp://mail.example.org", "submissions://mail.example.org", "http://mail.example.org",
        "imaps://mail.example.org:0", "imaps://mail.example.org:65536", "imaps://[::1]993"}) {
    CAPTURE(text);
    const auto url = parse_url(text);
    REQUIRE(!url);
    CHECK(url.error().is(kInvalid));
  }
}

}  // namespace angarium::fetch
