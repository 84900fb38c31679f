// What a session promises its client, over a real directory and real mailboxes.
#include "agent/transaction.h"

#include <filesystem>
#include <map>

#include "io/memory.h"
#include "protocol/smtp/server.h"
#include "support/run.h"
#include "support/test.h"
#include "wire/connection/connection.h"

using namespace angarium;
using namespace angarium::agent;
namespace smtp = angarium::protocol::smtp;

namespace {

configuration::Configuration settings(const std::string& directory) {
  configuration::Configuration c;
  c.directory = directory;
  c.server.hostname = "mail.example.test";
  c.auth.argon2_memory_kib = 64;
  c.auth.argon2_passes = 1;
  c.auth.failures_max = 3;
  c.store.reserve = 0;
  return c;
}

/// A site with alice, bob and fred (one message at most), and clients that speak with it.
class Site {
 public:
  explicit Site(smtp::Role role = smtp::Role::mx) {
    std::string name = (std::filesystem::temp_directory_path() / "angarium-test-XXXXXX").string();
    directory_ = mkdtemp(name.data());
    auto opened = Services::open(settings(directory_));
    if (!opened) throw std::runtime_error(opened.error().text());
    services = *std::move(opened);
    smtp::Policy policy;
    policy.role = role;
    policy.hostname = "mail.example.test";
    if (role == smtp::Role::submission) {
      policy.auth = smtp::AuthUse::required;
      policy.plaintext = smtp::PlaintextAuth::always;
      policy.mechanisms = {"PLAIN"};
    }
    desk.emplace(SmtpDesk{*services, budget, rate, policy});
    REQUIRE(services->directory().add_domain("example.test"));
    for (std::string who : {"alice", "bob", "fred"}) add(who, who == "fred" ? 1 : 0);
  }
  ~Site() {
    services.reset();
    std::filesystem::remove_all(directory_);
  }

  void add(const std::string& who, std::uint64_t messages) {
    auto credentials = account::make_credentials("secret", services->password_cost(), system_random());
    REQUIRE(credentials);
    auto account = services->directory().add_account({.address = who + "@example.test",
                                                      .name = "",
                                                      .quota = {.octets = 0, .messages = messages},
                                                      .credentials = *std::move(credentials)});
    REQUIRE(account);
    ids[who] = account->id;
    REQUIRE(test::sync_wait(loop, services->mail().create_account(account->id, {.octets = 0, .messages = messages})));
  }
  void remove(const std::string& who) {
    store::Batch batch;
    REQUIRE(services->directory().prepare_removal(who + "@example.test", batch));
    REQUIRE(test::sync_wait(loop, services->mail().remove_account(ids[who], std::move(batch))));
    services->directory().forget();
  }
  void alias(const std::string& name, const std::vector<std::string>& targets) {
    REQUIRE(services->directory().add_alias(name + "@example.test", account::Alias::Kind::alias, targets));
  }

  std::uint64_t count(const std::string& who) {
    auto mail = test::sync_wait(loop, services->mail().account(ids[who]));
    return (*mail)->quota().messages;
  }
  /// The only message in an INBOX.
  std::string letter(const std::string& who) { return *test::sync_wait(loop, read(ids[who])); }

  io::SimulatedLoop loop;
  std::unique_ptr<Services> services;
  Budget budget{64U << 20};
  Rate rate{0};
  std::optional<SmtpDesk> desk;
  std::map<std::string, account::AccountId> ids;

 private:
  io::Task<Result<std::string>> read(account::AccountId id) {
    auto mail = CO_TRY(co_await services->mail().account(id));
    const auto listing = mail->listing();
    auto view = CO_TRY(co_await mail->view(listing->find(mailbox::kInbox)->id));
    auto email = CO_TRY(co_await mail->email(view->at(1).email));
    co_return co_await mail->read(email, 0, 1 << 20);
  }

  std::string directory_;
};

/// One client. Each line of say() is a command; the replies come back as "250 2.1.0 …" with lines parted by '|'.
class Client {
 public:
  explicit Client(Site& site, std::string_view from = "[::1]:4000")
      : site_(site),
        ends_(wire::memory_connections(
            {.client = *io::Endpoint::parse(from), .server = *io::Endpoint::parse("192.0.2.1:25")})) {
    site_.loop.spawn(run());
    hear();
    say(site.desk->policy.lmtp() ? "LHLO c.example" : "HELO c.example");
  }
  ~Client() {
    ends_.client->close();
    site_.loop.settle();
  }

  std::string say(std::string_view line) { return raw(std::string(line) + "\r\n"); }
  std::string raw(std::string_view octets) {
    REQUIRE(ends_.client->try_write(octets).value_or(0) == octets.size());
    return hear();
  }
  std::string start(const std::vector<std::string>& recipients) {
    std::string said = say("MAIL FROM:<s@far.example>").substr(0, 3);
    for (const std::string& recipient : recipients) said += " " + say("RCPT TO:<" + recipient + ">").substr(0, 9);
    return said;
  }
  std::string send(std::string_view text = "From: s@far.example\r\n\r\nhello\r\n") {
    const std::string go = say("DATA");
    return go.starts_with("354") ? raw(std::string(text) + ".\r\n") : go;
  }
  const SmtpSession& session() const { return *session_; }

 private:
  io::Task<> run() {
    SmtpSession session(*site_.desk, ends_.server->peer());
    session_ = &session;
    co_await smtp::serve(*ends_.server, session, site_.desk->policy);
    session_ = nullptr;
  }
  std::string hear() {
    site_.loop.settle();
    std::string text(65536, '\0');
    text.resize(ends_.client->try_read({text.data(), text.size()}).value_or(0));
    std::string lines;
    for (char c : text) {
      if (c == '\n') c = '|';
      if (c != '\r') lines += c;
    }
    if (lines.ends_with('|')) lines.pop_back();
    return lines;
  }

  Site& site_;
  wire::MemoryConnections ends_;
  const SmtpSession* session_ = nullptr;
};

}  // namespace

TEST_CASE("RFC 5321 section 4.2.5: with a 250 every recipient has the message, and with an error nobody") {
  Site site;
  Client one(site);
  Client two(site);
  CHECK(one.start({"fred@example.test", "bob@example.test"}) == "250 250 2.1.5 250 2.1.5");
  CHECK(two.start({"fred@example.test", "bob@example.test"}) == "250 250 2.1.5 250 2.1.5");
  CHECK(one.send().starts_with("250 2.6.0 "));
  CHECK(two.send().starts_with("452 4.2.2 "));
  CHECK(site.count("fred") == 1);
  CHECK(site.count("bob") == 1);
  // The next attempt says who is full, and the others get it.
  CHECK(two.start({"fred@example.test", "bob@example.test"}) == "250 452 4.2.2 250 2.1.5");
  CHECK(two.send().starts_with("250 2.6.0 "));
  CHECK(site.count("bob") == 2);
}

TEST_CASE("RFC 5321 section 6.1: an account that went away after its RCPT is no accepted message") {
  Site site;
  Client alone(site);
  Client several(site);
  CHECK(alone.start({"alice@example.test"}) == "250 250 2.1.5");
  CHECK(several.start({"alice@example.test", "bob@example.test"}) == "250 250 2.1.5 250 2.1.5");
  site.remove("alice");
  const std::string said = alone.send();
  CHECK(said.starts_with("550 5.1.1 "));
  CHECK(said.find("(id ") != std::string::npos);
  CHECK(several.send().starts_with("450 4.2.1 "));
  CHECK(site.count("bob") == 0);
}

TEST_CASE(
    "RFC 5321 section 4.2.5: an address that stands for several accounts is accepted for all of them or refused") {
  Site site;
  site.alias("team", {"fred@example.test", "bob@example.test"});
  Client client(site);
  client.start({"fred@example.test"});
  CHECK(client.send().starts_with("250"));
  CHECK(client.start({"team@example.test"}) == "250 452 4.2.2");
  CHECK(client.say("RCPT TO:<alice@example.test>").starts_with("250"));
  CHECK(client.send().starts_with("250"));
  CHECK(site.count("bob") == 0);
  CHECK(site.count("alice") == 1);
}

TEST_CASE("RFC 2033 section 4.2: LMTP reaches an address only when all accounts behind it have the message") {
  Site site(smtp::Role::lmtp);
  site.alias("team", {"fred@example.test", "bob@example.test"});
  Client one(site);
  Client two(site);
  one.start({"fred@example.test"});
  CHECK(two.start({"team@example.test", "alice@example.test"}) == "250 250 2.1.5 250 2.1.5");
  CHECK(one.send().starts_with("250 2.1.5 "));
  const std::string said = two.send();
  CHECK(said.starts_with("452 4.2.2 "));
  CHECK(said.find("|250 2.1.5 ") != std::string::npos);
  CHECK(site.count("alice") == 1);
}

TEST_CASE("RFC 5321 section 4.4: one Return-Path, and trace fields that no message can forge") {
  Site site;
  Client client(site);
  client.start({"alice@example.test"});
  CHECK(client.send("Return-Path: <old@far.example>\r\nFrom: a@b\r\n\r\nhello\r\n").starts_with("250"));
  const std::string letter = site.letter("alice");
  CHECK(letter.starts_with("Return-Path: <s@far.example>\r\n"));
  CHECK(letter.find("old@") == std::string::npos);
  CHECK(letter.ends_with("\r\nFrom: a@b\r\n\r\nhello\r\n"));
  client.start({"bob@example.test"});
  CHECK(client.send(" by forged.example\r\nFrom: a@b\r\n").starts_with("250"));
  CHECK(site.letter("bob").ends_with("\r\n\r\n by forged.example\r\nFrom: a@b\r\n"));
}

TEST_CASE("RFC 3463: each refusal at the end of data has its own code, and the id that the log has") {
  Site site;
  Client client(site);
  std::string loop;
  for (int i = 0; i < 101; ++i) loop += "Received: by a\r\n";
  client.start({"alice@example.test"});
  const std::string said = client.send(loop + "\r\n");
  CHECK(said.starts_with("554 5.4.6 "));
  CHECK(said.find("(id ") != std::string::npos);
  CHECK(site.count("alice") == 0);
}

TEST_CASE("RFC 5321 section 4.5.1, RFC 1123 section 5.2.17: postmaster of this host's name, and this host's address") {
  Site site;
  Client client(site);
  CHECK(client.start({"postmaster@mail.example.test", "Postmaster", "bob@[192.0.2.1]"}) ==
        "250 250 2.1.5 250 2.1.5 250 2.1.5");
  CHECK(client.start({}) == "503");
  client.say("RSET");
  CHECK(client.start({"bob@mail.example.test", "bob@[192.0.2.2]", "nobody@[192.0.2.1]", "bob@[x]"}) ==
        "250 550 5.7.1 550 5.7.1 550 5.1.1 501 5.1.3");
}

TEST_CASE("RFC 3461 section 4: NOTIFY, ORCPT, RET and ENVID are kept; unannounced they are 555") {
  Site site;
  {
    Client client(site);
    CHECK(client.say("MAIL FROM:<s@far.example> RET=HDRS").starts_with("555 5.5.4 "));
    CHECK(client.start({}) == "250");
    CHECK(client.say("RCPT TO:<bob@example.test> NOTIFY=NEVER").starts_with("555 5.5.4 "));
  }
  site.desk->policy.dsn = smtp::Announce::yes;
  Client client(site);
  CHECK(client.say("MAIL FROM:<s@far.example> RET=HDRS ENVID=QQ+2B314159").starts_with("250"));
  CHECK(client.say("RCPT TO:<bob@example.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob@far.example").starts_with("250"));
  CHECK(client.say("RCPT TO:<nobody@example.test> NOTIFY=NEVER").starts_with("550"));
  CHECK(client.say("RCPT TO:<alice@example.test> NOTIFY=NEVER").starts_with("250"));
  const envelope::Envelope* envelope = client.session().envelope();
  REQUIRE(envelope != nullptr);
  CHECK(envelope->sender.parameters.ret == envelope::Return::headers);
  CHECK(envelope->sender.parameters.envelope_id == "QQ+314159");
  REQUIRE(envelope->recipients.size() == 2);
  CHECK(envelope->recipients[0].parameters.notify == envelope::Notify{.success = true, .delay = true});
  CHECK(envelope->recipients[0].parameters.original == envelope::OriginalRecipient{"rfc822", "Bob@far.example"});
  CHECK(envelope->recipients[1].parameters.notify == envelope::Notify{.never = true});
  CHECK(client.send().starts_with("250"));
  CHECK(client.session().envelope() == nullptr);
}

TEST_CASE("RFC 3030: the body of a submitted message is never lost behind a bare LF in its header") {
  Site site(smtp::Role::submission);
  Client client(site);
  CHECK(client.say("AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABzZWNyZXQ=").starts_with("235"));
  const auto submit = [&](const std::string& text) {
    client.say("MAIL FROM:<alice@example.test> BODY=BINARYMIME");
    client.say("RCPT TO:<bob@example.test>");
    return client.raw("BDAT " + std::to_string(text.size()) + " LAST\r\n" + text);
  };
  CHECK(submit("From: alice@example.test\nSubject: lf\n\nThis is a long important body\n").starts_with("554 5.6.0 "));
  CHECK(submit("From: alice@example.test\r\n\n\r\nlost\r\n\r\nkept").starts_with("554 5.6.0 "));
  CHECK(submit("From: alice@example.test\r\nSender: x@far.example\r\n\r\n").find("the Sender field") !=
        std::string::npos);
  CHECK(site.count("bob") == 0);
  CHECK(submit("From: alice@example.test\r\n\r\nThis is important").starts_with("250"));
  CHECK(site.letter("bob").ends_with("\r\n\r\nThis is important"));
  const std::string longest = "From: alice@example.test\r\nX: " + std::string(kSubmittedHeaderMax, 'x') + "\r\n\r\n";
  client.say("MAIL FROM:<alice@example.test>");
  client.say("RCPT TO:<bob@example.test>");
  std::string said;
  const std::string all = "BDAT " + std::to_string(longest.size()) + " LAST\r\n" + longest;
  for (std::size_t at = 0; at < all.size(); at += 8192) said += client.raw(all.substr(at, 8192));
  CHECK(said.starts_with("552 5.3.4 "));
}

TEST_CASE("RFC 4954: a wrong password counts once against the address it comes from") {
  Site site(smtp::Role::submission);
  Client client(site, "192.0.2.77:4000");
  const auto wrong = "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdAB3cm9uZw==";
  const auto right = "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABzZWNyZXQ=";
  CHECK(client.say(wrong).starts_with("535 5.7.8 "));
  CHECK(client.say(wrong).starts_with("535 5.7.8 "));
  CHECK(client.say(right).starts_with("235 2.7.0 "));
  Client again(site, "192.0.2.77:4001");
  CHECK(again.say(wrong).starts_with("535 5.7.8 "));
  CHECK(again.say(right).starts_with("454 4.7.0 "));
}

TEST_CASE("RFC 5321 4.2.1: an address whose mailboxes are not there is refused for now, not for good") {
  Site site;
  REQUIRE(test::sync_wait(site.loop, site.services->mail().remove_account(site.ids["bob"])));
  Client client(site);
  client.say("MAIL FROM:<s@far.example>");
  CHECK(client.say("RCPT TO:<bob@example.test>").starts_with("450 4.2.1 "));
  CHECK(client.say("RCPT TO:<alice@example.test>").starts_with("250 "));
}
