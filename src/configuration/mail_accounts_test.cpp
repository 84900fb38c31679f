#include "configuration/mail_accounts.h"

#include "configuration/configuration.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::configuration;

namespace {

using Protocol = MailHost::Protocol;
using Tls = MailHost::Tls;

std::string host_text(Protocol protocol, std::string_view text) {
  const auto host = parse_mail_host(protocol, text);
  if (!host) return host.error().text().substr(0, host.error().text().find(';'));
  return mail_host_text(*host);
}

std::string wrong(std::string_view text) {
  const auto accounts = parse_mail_accounts(text, "mail.toml");
  REQUIRE_FALSE(accounts);
  CHECK(accounts.error().is(kInvalid));
  return accounts.error().text();
}

constexpr std::string_view kWhole = R"(default = "home"
[[account]]
name = "work"
address = "anna@example.org"
full_name = "Anna \"B\" C"
imap = "imap.example.org"
smtp = "smtp.example.org:587"
password_command = "pass show 'mail\\work'"
key = "sha256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"
[[account]]
name = "home"
user = "anna"
pop3 = "pop3+plain://[::1]:1100"
password = "secret"
save_sent = false
)";

}  // namespace

TEST_CASE("a host alone is spoken to by TLS of whichever kind, a well-known port or a scheme says which") {
  CHECK(host_text(Protocol::imap, "imap.example.org") == "imap.example.org");
  CHECK(host_text(Protocol::imap, "imap.example.org:993") == "imaps://imap.example.org");
  CHECK(host_text(Protocol::imap, "imap.example.org:143") == "imap://imap.example.org");
  CHECK(host_text(Protocol::imap, "imap.example.org:995") == "imap.example.org:995");
  CHECK(host_text(Protocol::smtp, "h:465") == "submissions://h");
  CHECK(host_text(Protocol::smtp, "h:25") == "submission://h:25");
  CHECK(host_text(Protocol::smtp, "SMTPS://h/") == "submissions://h");
  CHECK(host_text(Protocol::pop3, "pop3s://[2001:db8::1]:1995") == "pop3s://[2001:db8::1]:1995");
  CHECK(host_text(Protocol::imap, "pop3s://h") == "'pop3s://h' names no way to speak to this server");
  CHECK(host_text(Protocol::imap, "imaps://h:0") == "'imaps://h:0' has a port that is none");
  CHECK(host_text(Protocol::imap, "imaps://h:65536") == "'imaps://h:65536' has a port that is none");
  CHECK(host_text(Protocol::imap, "imaps://") == "'imaps://' names no host");
  CHECK(host_text(Protocol::imap, "imaps://anna@h") == "'imaps://anna@h' names no host");
  CHECK(standard_port(Protocol::smtp, Tls::starttls) == 587);
}

TEST_CASE("accounts are read, and written so that they are read again") {
  const auto accounts = parse_mail_accounts(kWhole, "mail.toml");
  REQUIRE_MESSAGE(accounts, (accounts ? "" : accounts.error().text()));
  REQUIRE(accounts->accounts.size() == 2);
  CHECK(accounts->holds_password());
  CHECK(accounts->find("")->name == "home");
  CHECK(accounts->find("")->box->tls == Tls::none);
  CHECK_FALSE(accounts->find("")->save_sent);
  const MailAccount work = accounts->find("work").value();
  CHECK(work.full_name == "Anna \"B\" C");
  CHECK(work.smtp->tls == Tls::starttls);
  CHECK(work.key.starts_with("00112233"));
  const auto again = parse_mail_accounts(mail_account_text(work), "mail.toml");
  REQUIRE(again);
  CHECK(again->find("").value() == work);
  CHECK_FALSE(again->holds_password());
  CHECK(accounts->find("wrk").error().text() == "there is no account 'wrk'; did you mean 'work'?");
  CHECK(parse_mail_accounts("", "mail.toml")->find("").error().text().contains("account add"));
}

TEST_CASE("every mistake is told with its line, and no value of a password is") {
  CHECK(wrong("[[acount]]\nname = \"a\"\n") == "mail.toml:1: unknown key 'acount'; did you mean 'account'?");
  CHECK(wrong("[account]\nname = \"a\"\n") == "mail.toml:1: an account is a section: write [[account]]");
  CHECK(wrong("[[account]]\nname = \"a\"\nuser = \"u\"\nimpa = \"h\"\nsmtp_login = \"no\"\n") ==
        "mail.toml:4: unknown key 'impa'; did you mean 'imap'?\nmail.toml:5: smtp_login is true or false, without "
        "quotes");
  CHECK(wrong("[[account]]\nname = \"a\"\nuser = \"u\"\n").contains("has no server"));
  CHECK(wrong("[[account]]\nname = \"a\"\nimap = \"h\"\n").contains("neither user nor address"));
  CHECK(wrong("[[account]]\nname = \"a\"\nuser = \"u\"\nimap = \"h\"\npop3 = \"h\"\n").contains("not by both"));
  CHECK(wrong("[[account]]\nuser = \"u\"\nimap = \"h\"\n").contains("has no name"));
  CHECK(wrong("[[account]]\nname = \"a\"\nuser = \"u\"\nimap = \"h\"\n[[account]]\nname = \"a\"\nuser = \"u\"\nimap = "
              "\"h\"\n")
            .contains("mail.toml:5: there are two accounts 'a'"));
  CHECK(wrong("default = \"b\"\n[[account]]\nname = \"a\"\nuser = \"u\"\nimap = \"h\"\n")
            .contains("mail.toml:1: there is no account 'b'"));
  CHECK(wrong("[[account]]\nname = \"a\"\naddress = \"a b\"\nimap = \"h\"\n").contains("'a b' is no address"));
  CHECK(wrong("[[account]]\nname = \"a\"\nuser = \"u\"\nimap = \"h\"\nkey = \"sha256:00\"\n")
            .contains("64 hexadecimal digits"));
  CHECK(wrong("[[account]]\nname = \"a\"\nuser = \"u\"\nimap = \"h\"\npassword = \"x\"\npassword_file = \"y\"\n")
            .contains("is enough"));
  CHECK_FALSE(
      wrong("[[account]]\nname = \"a\"\nuser = \"u\"\nimap = \"h\"\npassword = \"se\\u0001cret\"\n").contains("cret"));
  CHECK(wrong("name = \"a\n").starts_with("mail.toml:1: "));
}

TEST_CASE("a value has 1,024 octets, a file 100 accounts and 1 MiB, at most") {
  const auto with = [](std::size_t octets) {
    return "[[account]]\nname = \"a\"\nuser = \"" + std::string(octets, 'u') + "\"\nimap = \"h\"\n";
  };
  CHECK(parse_mail_accounts(with(kMailValueMax), "f"));
  CHECK_FALSE(parse_mail_accounts(with(kMailValueMax + 1), "f"));
  std::string many;
  for (std::size_t i = 0; i < kMailAccountsMax; ++i)
    many += "[[account]]\nname = \"" + std::to_string(i) + "\"\nuser = \"u\"\nimap = \"h\"\n";
  CHECK(parse_mail_accounts(many, "f"));
  CHECK_FALSE(parse_mail_accounts(many + "[[account]]\nname = \"x\"\nuser = \"u\"\nimap = \"h\"\n", "f"));
  const std::string blank(kMailAccountsOctetsMax, '\n');
  CHECK(parse_mail_accounts(blank, "f"));
  CHECK_FALSE(parse_mail_accounts(blank + "\n", "f"));
}

TEST_CASE("an account's token or tickets stand in the place of its password, and come back as they were written") {
  const std::string begin = "[[account]]\nname = \"work\"\naddress = \"a@example.org\"\nimap = \"imap.example.org\"\n";
  const auto token = parse_mail_accounts(begin + "token_file = \"~/token\"\n", "f");
  REQUIRE(token);
  CHECK(token->accounts[0].token_file == "~/token");
  CHECK(!token->accounts[0].tickets);
  const auto tickets = parse_mail_accounts(begin + "tickets = true\n", "f");
  REQUIRE(tickets);
  CHECK(tickets->accounts[0].tickets);
  for (const MailAccount& account : {token->accounts[0], tickets->accounts[0]}) {
    const auto again = parse_mail_accounts(mail_account_text(account), "f");
    REQUIRE(again);
    CHECK(again->accounts[0] == account);
  }
  CHECK(mail_account_text(token->accounts[0]).find("tickets") == std::string::npos);
  CHECK(!parse_mail_accounts(begin + "tickets = true\ntoken_file = \"t\"\n", "f"));
  CHECK(!parse_mail_accounts(begin + "password = \"p\"\ntoken_file = \"t\"\n", "f"));
  CHECK(!parse_mail_accounts(begin + "password_command = \"p\"\ntickets = true\n", "f"));
  CHECK(parse_mail_accounts(begin + "password_command = \"p\"\ntickets = false\n", "f"));
  CHECK(!parse_mail_accounts(begin + "tickets = \"yes\"\n", "f"));
}
