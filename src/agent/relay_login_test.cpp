#include "agent/relay_login.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "agent/test_outbound.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;

const std::string kLetter = "From: alice@a.test\r\nSubject: s\r\n\r\nhello\r\n";

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

class Folder {
 public:
  Folder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string write(const std::string& octets, mode_t mode = 0600) const {
    std::ofstream(path_ + "/password", std::ios::binary) << octets;
    REQUIRE(::chmod((path_ + "/password").c_str(), mode) == 0);
    return path_ + "/password";
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "angarium-login-XXXXXX").string();
};

std::string user_said(const Outbound& world, std::size_t i = 0) {
  const auto& auth = world.house.messages.at(i).envelope.sender.parameters.auth;
  return auth ? auth->text() : "none";
}

}  // namespace

TEST_CASE("a password file has one line, which nobody else may read") {
  const Folder folder;
  CHECK(read_password_file(folder.write("secret\n"))->view() == "secret");
  CHECK(read_password_file(folder.write("s e\r\n"))->view() == "s e");
  CHECK(read_password_file(folder.write("secret", 0400))->view() == "secret");
  CHECK(read_password_file(folder.write(std::string(kPasswordMax, 'p') + "\r\n"))->view().size() == kPasswordMax);
  for (const std::string& bad : {std::string(), std::string("\n"), std::string("two\nlines\n"), std::string("n\0l", 3),
                                 std::string(kPasswordMax + 1, 'p'), std::string(100'000, 'p')}) {
    const auto read = read_password_file(folder.write(bad));
    REQUIRE(!read);
    CHECK(read.error().is(kBadPasswordFile));
    CHECK(!holds(read.error().text(), "lines"));
  }
  for (const mode_t mode : {0640, 0604, 0620, 0602, 0777}) {
    const auto read = read_password_file(folder.write("secret", mode));
    REQUIRE(!read);
    CHECK(holds(read.error().text(), "chmod 600"));
  }
  CHECK(!read_password_file(folder.path()));
  CHECK(!read_password_file(folder.path() + "/absent"));
}

TEST_CASE("logins of a configuration: read all, or told which is unfit") {
  const Folder folder;
  (void)folder.write("secret");
  configuration::Configuration configuration;
  configuration.directory = folder.path();
  configuration.relay_logins = {{"isp", "me@isp.test", "password"}, {"token", "me", "", "absent"}};
  // A token is read when it is wanted, and tickets are got then.
  configuration.relay_logins.push_back({"tickets", "me@ISP.TEST", "", "", "/run/tickets"});
  const auto logins = read_relay_logins(configuration);
  REQUIRE(logins);
  CHECK(logins->at("isp").user == "me@isp.test");
  CHECK(logins->at("isp").password.view() == "secret");
  CHECK(logins->at("token").has == sasl::Needs::token);
  CHECK(logins->at("token").place == folder.path() + "/absent");
  CHECK(logins->at("tickets").has == sasl::Needs::ticket);
  CHECK(logins->at("tickets").place == "/run/tickets");
  configuration.relay_logins.push_back({"other", "me", "absent"});
  CHECK(holds(read_relay_logins(configuration).error().text(), "relay_login 'other'"));
}

TEST_CASE("a relay gets our login under TLS, and the mail") {
  Outbound world;
  world.transport("relay mx.b.test:587 login=us");
  world.put(kLetter, {"<carol@elsewhere.test>"});
  world.loop.advance(5s);
  REQUIRE(world.house.messages.size() == 1);
  CHECK(world.house.messages[0].user == "us");
  CHECK(world.house.messages[0].with == "ESMTPSA");
  CHECK(world.queued() == 0);
}

TEST_CASE("a token is read at each login; while there is none the mail waits, and nobody is told of a wrong one") {
  const Folder folder;
  Outbound world;
  world.policy.mechanisms = {"SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"};
  world.house.tokens["fresh-token"] = "us";
  world.remote_terms()->logins.emplace(
      "us", RelayLogin{.user = "us", .has = sasl::Needs::token, .place = folder.path() + "/password"});
  world.transport("relay mx.b.test:587 login=us");
  world.put(kLetter);
  world.loop.advance(5s);
  CHECK(world.house.messages.empty());
  CHECK(world.inbox("postmaster").empty());
  (void)folder.write("fresh-token\n");
  world.loop.advance(2h);
  REQUIRE(world.house.messages.size() == 1);
  CHECK(world.house.messages[0].user == "us");
  // Another one than the relay knows is refused as a password is.
  (void)folder.write("old-token\n");
  world.put(kLetter);
  world.loop.advance(2h);
  CHECK(world.house.messages.size() <= 2);
}

TEST_CASE("tickets that are not there let the mail wait") {
  Outbound world;
  world.policy.mechanisms = {"GSSAPI", "PLAIN"};
  world.remote_terms()->logins.emplace(
      "us", RelayLogin{.user = "us@B.TEST", .has = sasl::Needs::ticket, .place = "/nowhere/tickets"});
  world.transport("relay mx.b.test:587 login=us");
  world.put(kLetter);
  world.loop.advance(1min);
  CHECK(world.house.messages.empty());
  CHECK(world.queued() == 1);
  CHECK(world.inbox("alice").empty());
}

TEST_CASE("a relay without TLS gets a login that wants a layer under one, and the mail; others are not used there") {
  using sasl::Protection;
  for (const auto& [layer, mechanisms, sent] :
       {std::tuple{Protection::confidentiality, std::vector<std::string>{"DIGEST-MD5", "PLAIN"}, true},
        std::tuple{Protection::integrity, std::vector<std::string>{"SCRAM-SHA-256", "DIGEST-MD5"}, true},
        std::tuple{Protection::integrity, std::vector<std::string>{"SCRAM-SHA-256", "CRAM-MD5", "PLAIN"}, false},
        std::tuple{Protection::none, std::vector<std::string>{"DIGEST-MD5", "PLAIN"}, false}}) {
    CAPTURE(mechanisms.front());
    Outbound world;
    world.offers_tls = false;
    world.policy.mechanisms = mechanisms;
    world.policy.plaintext = protocol::smtp::PlaintextAuth::always;
    world.house.host = "mx.b.test";
    world.remote_terms()->logins.emplace(
        "us", RelayLogin{.user = "us", .password = sasl::Secret::copy("secret"), .weak = true, .layer = layer});
    world.transport("relay mx.b.test:587 login=us tls=none");
    world.put(kLetter);
    world.put(kLetter);
    world.loop.advance(1min);
    CHECK(world.house.messages.size() == (sent ? 2 : 0));
    CHECK(world.queued() == (sent ? 0 : 2));
    CHECK(world.inbox("alice").empty());
    if (sent) CHECK(world.house.messages.at(0).user == "us");
    // Nobody was told anything that the operator does not have to know.
    CHECK(world.inbox("postmaster").size() == (sent ? 0 : 1));
    if (!sent) CHECK(holds(world.inbox("postmaster").at(0), "TLS"));
  }
}

TEST_CASE("RFC 4954 5: a relay that knows us is told who submitted the message, and <> where that is not known") {
  Outbound world;
  world.transport("relay mx.b.test:587 login=us");
  queue::Entry submitted = Outbound::entry(world.loop, kLetter);
  submitted.submitter = "alice@a.test";
  world.put(submitted, kLetter, {"<bob@b.test>"});
  world.loop.advance(5s);
  world.put(kLetter);
  world.loop.advance(5s);
  queue::Entry local = Outbound::entry(world.loop, kLetter);
  local.submitter = "root";
  world.put(local, kLetter, {"<bob@b.test>"});
  world.loop.advance(5s);
  REQUIRE(world.house.messages.size() == 3);
  CHECK(user_said(world, 0) == "<alice@a.test>");
  CHECK(user_said(world, 1) == "<>");
  CHECK(user_said(world, 2) == "<>");
}

TEST_CASE("without a login nothing is said of who submitted a message") {
  Outbound world;
  queue::Entry submitted = Outbound::entry(world.loop, kLetter);
  submitted.submitter = "alice@a.test";
  world.put(submitted, kLetter, {"<bob@b.test>"});
  world.loop.advance(5s);
  REQUIRE(world.house.messages.size() == 1);
  CHECK(user_said(world) == "none");
}

TEST_CASE(
    "RFC 4954 6: 535 is the operator's trouble: the mail waits, the postmaster is told once, nobody is locked out") {
  Outbound world;
  world.transport("relay mx.b.test:587 login=us");
  world.house.users["us"] = "another";
  world.put(kLetter);
  world.put(kLetter, {"<us@b.test>"});
  world.loop.advance(1h);
  CHECK(world.queued() == 2);
  CHECK(world.inbox("alice").empty());
  REQUIRE(world.inbox("postmaster").size() == 1);
  const std::string told = world.inbox("postmaster")[0];
  CHECK(holds(told, "mx.b.test does not take the login 'us'"));
  CHECK(holds(told, "535"));
  CHECK(!holds(told, "secret"));
  CHECK(world.connections <= 13);
  world.loop.advance(25h);
  CHECK(world.inbox("postmaster").size() >= 2);
  CHECK(world.inbox("postmaster").size() <= 3);
  // The password is right again.
  world.house.users["us"] = "secret";
  world.loop.advance(3h);
  CHECK(world.house.messages.size() == 2);
  CHECK(world.queued() == 0);
}

TEST_CASE("a relay that hangs up at a login is asked as seldom as one that refuses it, and the postmaster is told so") {
  std::size_t logins = 0;
  const auto play = [&](std::unique_ptr<io::Stream> stream) -> io::Task<> {
    wire::Input input;
    bool over = !co_await io::write_all(*stream, "220 mx.b.test\r\n");
    while (!over && co_await input.more(*stream)) {
      const std::string said(input.view());
      input.clear();
      std::string_view answer = "250-mx.b.test\r\n250 AUTH DIGEST-MD5\r\n";
      if (said.starts_with("AUTH"))
        answer = "334 bm9uY2U9Im4iLHFvcD0iYXV0aC1pbnQiLGNoYXJzZXQ9dXRmLTgsYWxnb3JpdGhtPW1kNS1zZXNz\r\n";
      over = !said.starts_with("AUTH") && !said.starts_with("EHLO");
      if (over) ++logins;
      if (!over) over = !co_await io::write_all(*stream, answer);
    }
    stream->close();
  };
  Outbound world;
  world.there.listen(io::Endpoint(world.there.addresses().front(), 2525),
                     [&](std::unique_ptr<io::Stream> stream) { world.loop.spawn(play(std::move(stream))); });
  world.remote_terms()->logins.emplace(
      "us",
      RelayLogin{
          .user = "us", .password = sasl::Secret::copy("secret"), .weak = true, .layer = sasl::Protection::integrity});
  world.transport("relay mx.b.test:2525 login=us tls=none");
  for (int i = 0; i < 20; ++i) world.put(kLetter);
  world.loop.advance(1min);
  CHECK(logins >= 1);
  CHECK(world.queued() == 20);
  CHECK(world.inbox("alice").empty());
  REQUIRE(world.inbox("postmaster").size() == 1);
  CHECK(holds(world.inbox("postmaster")[0], "mx.b.test hung up when it was told the login 'us'"));
  world.loop.advance(1h);
  CHECK(logins > 1);
  CHECK(logins <= 18);
  CHECK(world.inbox("postmaster").size() == 1);
}

TEST_CASE("a password never crosses a connection without TLS, and not to a host whose certificate nobody looked at") {
  {
    Outbound world;
    world.transport("relay mx.b.test:587 login=us tls=required");
    world.policy.mechanisms = {"PLAIN", "LOGIN"};
    world.put(kLetter);
    world.loop.advance(1min);
    CHECK(world.house.messages.empty());
    REQUIRE(world.inbox("postmaster").size() == 1);
    CHECK(holds(world.inbox("postmaster")[0], "tls=verified allows PLAIN"));
    world.policy.mechanisms = {"PLAIN", "SCRAM-SHA-1"};
    world.loop.advance(30min);
    CHECK(world.house.messages.size() == 1);
  }
  {
    Outbound world;
    world.transport("relay mx.b.test:587 login=us");
    world.policy.mechanisms = {"PLAIN"};
    world.put(kLetter);
    world.loop.advance(5s);
    CHECK(world.house.messages.size() == 1);
  }
  {
    Outbound world;
    world.offers_tls = false;
    world.policy.plaintext = protocol::smtp::PlaintextAuth::always;
    world.transport("relay mx.b.test:587 login=us");
    world.put(kLetter);
    world.loop.advance(1min);
    CHECK(world.house.messages.empty());
    CHECK(world.queued() == 1);
  }
}

TEST_CASE("RFC 4954 6: 530 of a relay is the operator's trouble, 530 of anybody else a refusal") {
  {
    Outbound world;
    world.transport("relay mx.b.test:587 tls=required");
    world.put(kLetter);
    world.loop.advance(1min);
    CHECK(world.queued() == 1);
    CHECK(world.inbox("alice").empty());
    CHECK(world.inbox("postmaster").size() == 1);
  }
  {
    Outbound world;
    auto made = world.remote_terms();
    made->port = 587;
    world.put(kLetter);
    world.loop.advance(1min);
    CHECK(world.queued() == 0);
    CHECK(world.inbox("alice").size() == 1);
    CHECK(world.inbox("postmaster").empty());
  }
}

TEST_CASE("a login that the configuration does not have makes mail wait") {
  Outbound world;
  world.transport("relay mx.b.test:587 login=them");
  world.put(kLetter);
  world.loop.advance(1min);
  CHECK(world.queued() == 1);
  REQUIRE(world.inbox("postmaster").size() == 1);
  CHECK(holds(world.inbox("postmaster")[0], "no [[relay_login]] 'them'"));
}

TEST_CASE("a relay that cannot check passwords now is tried again, and nobody is told") {
  Outbound world;
  auto remote = world.remote_terms();
  remote->logins.emplace("us", RelayLogin{.user = "later-us", .password = sasl::Secret::copy("secret")});
  world.policy.mechanisms = {"PLAIN"};
  world.transport("relay mx.b.test:587 login=us");
  world.put(kLetter);
  world.loop.advance(1min);
  CHECK(world.queued() == 1);
  CHECK(world.inbox("postmaster").empty());
}

}  // namespace angarium::agent
