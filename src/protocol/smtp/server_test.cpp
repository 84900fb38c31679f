// What session scripts cannot show: what arrives at the backend, octets sent at once, limits, time, shutdown.
#include "protocol/smtp/server.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "io/memory.h"
#include "protocol/smtp/memory_backend.h"
#include "support/test.h"

namespace angarium::protocol::smtp {
namespace {

constexpr std::string_view kStart = "HELO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.test>\r\n";

/// A server and the raw end of a client, step by step on virtual time.
class Raw {
 public:
  explicit Raw(Policy policy = {}) : policy_(std::move(policy)), ends_(wire::memory_connections()), stop_(loop_) {
    policy_.hostname = "mx.example.test";
    house.users = {{"alice", "wonder"}, {"bob", "builder"}};
  }
  ~Raw() { loop_.destroy_tasks(); }

  void begin() {
    loop_.spawn(run());
    loop_.settle();
  }
  /// Sends the octets at once; returns what the server said since.
  std::string say(std::string_view octets) {
    write(octets);
    return hear();
  }
  void write(std::string_view octets) {
    while (!octets.empty()) {
      const Result<std::size_t> written = ends_.client->try_write(octets);
      if (!written) return;
      octets.remove_prefix(*written);
      loop_.settle();
    }
  }
  std::string hear() {
    loop_.settle();
    std::string heard;
    char buffer[4096];
    for (;;) {
      const Result<std::size_t> count = ends_.client->try_read(buffer);
      if (!count) ended_ = true;
      if (!count || *count == 0) return heard;
      heard.append(buffer, *count);
    }
  }
  /// Codes of the replies only: "250 354".
  std::string codes(std::string_view octets) {
    const std::string heard = say(octets);
    std::string codes;
    for (std::string_view rest = heard; !rest.empty();) {
      const std::string_view line = take_until(rest, '\n');
      if (line[3] == ' ') codes += (codes.empty() ? "" : " ") + std::string(line.substr(0, 3));
    }
    return codes;
  }
  bool ended() {
    hear();
    return ended_;
  }
  void advance(Duration by) { loop_.advance(by); }
  void stop() { stop_.set(); }
  void hang_up() {
    ends_.client->close();
    loop_.settle();
  }
  [[nodiscard]] bool running() const { return loop_.tasks() > 0; }

  MemoryHouse house;

 private:
  io::Task<> run() {
    MemorySession session(house);
    co_await serve(*ends_.server, session, policy_, &stop_);
  }

  Policy policy_;
  io::SimulatedLoop loop_;
  wire::MemoryConnections ends_;
  io::Event stop_;
  bool ended_ = false;
};

bool offended(const MemoryHouse& house, Offence kind) {
  return std::ranges::find(house.offences, kind) != house.offences.end();
}

TEST_CASE("the backend hears of every refusal with what the client said and the id that the reply bears") {
  Policy policy;
  policy.limits.message_octets = 4096;
  Raw raw(policy);
  raw.begin();
  raw.hear();
  raw.say("HELO c.example\r\n");
  const std::string heard =
      raw.say(
          "MAIL FROM:<\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@example.test>\r\nRCPT TO:<bob@example.test>\r\n"
          "DATA\r\n") +
      raw.say(std::string(5000, 'x') + "\r\n.\r\n");
  std::vector<std::string> ids;
  for (std::string_view rest = heard; !rest.empty();) {
    const std::string_view line = take_until(rest, '\n');
    const std::size_t at = line.find("(id ");
    CHECK(at != std::string_view::npos);
    ids.emplace_back(line.substr(at + 4, envelope::DeliveryId::kLetters));
  }
  REQUIRE(ids.size() == 6);
  CHECK(ids[0] != ids[1]);
  CHECK(std::count(ids.begin(), ids.end(), ids[1]) == 5);
  CHECK(raw.house.refusals == std::vector<std::string>{ids[0] + " mail FROM:<: 501",
                                                       ids[1] + " rcpt TO:<nobody@example.test>: 550",
                                                       ids[1] + " data : 552"});
}

TEST_CASE("priority, time to be delivered by and time of release go on as they were judged") {
  Policy policy;
  policy.role = Role::submission;
  policy.priorities = {.announce = Announce::yes, .highest = -1};
  policy.deliver_by.announce = Announce::yes;
  policy.future_release_s = 60;
  Raw raw(policy);
  raw.begin();
  raw.hear();
  raw.say("EHLO c.example\r\n");
  const std::string rest = "RCPT TO:<alice@example.test>\r\nDATA\r\n";
  for (const char* const parameters : {"MT-PRIORITY=9 BY=-120;NT", "MT-PRIORITY=-9 BY=90;R HOLDFOR=60", "SIZE=3"}) {
    CHECK(raw.codes("MAIL FROM:<a@b.example> " + std::string(parameters) + "\r\n" + rest) == "250 250 354");
    CHECK(raw.codes("x\r\n.\r\n") == "250");
  }
  REQUIRE(raw.house.messages.size() == 3);
  const auto taken = [&raw](std::size_t i) {
    return envelope::format_parameters(raw.house.messages[i].envelope.sender.parameters);
  };
  CHECK(taken(0) == " MT-PRIORITY=-1 BY=-120;NT");
  CHECK(taken(1) == " MT-PRIORITY=-9 BY=90;R HOLDFOR=60");
  CHECK(taken(2) == " SIZE=3");
}

TEST_CASE("RFC 4865 4.2: the latest time of release is the one that was announced, though time passes") {
  Policy policy;
  policy.role = Role::submission;
  policy.future_release_s = 60;
  Raw raw(policy);
  raw.begin();
  raw.hear();
  CHECK(raw.say("EHLO c.example\r\n").find("250-FUTURERELEASE 60 2023-11-14T22:14:20Z\r\n") != std::string::npos);
  raw.advance(std::chrono::seconds(30));
  CHECK(raw.codes("MAIL FROM:<a@b.example> HOLDUNTIL=2023-11-14T22:14:21Z\r\n") == "501");
  CHECK(raw.codes("MAIL FROM:<a@b.example> HOLDUNTIL=2023-11-14T22:14:20Z\r\nRSET\r\n") == "250 250");
  CHECK(raw.say("EHLO c.example\r\n").find("250-FUTURERELEASE 60 2023-11-14T22:14:50Z\r\n") != std::string::npos);
}

TEST_CASE("the message arrives as it was meant: dots unstuffed, octets unchanged") {
  Raw raw;
  raw.begin();
  CHECK(raw.codes(kStart) == "220 250 250 250");
  CHECK(raw.codes("DATA\r\n") == "354");
  CHECK(raw.codes("Subject: x\r\n\r\n..\r\n.a\r\n\xff\r\n.\r\n") == "250");
  REQUIRE(raw.house.messages.size() == 1);
  const MemoryHouse::Message& message = raw.house.messages.front();
  CHECK(message.octets == "Subject: x\r\n\r\n.\r\na\r\n\xff\r\n");
  CHECK(message.envelope.sender.path.text() == "<a@b.example>");
  CHECK(message.envelope.recipients.at(0).path.text() == "<alice@example.test>");
  CHECK(message.name == "c.example");
  CHECK(message.with == "SMTP");
}

TEST_CASE("chunks arrive octet for octet, and dots in them mean nothing") {
  Raw raw;
  raw.begin();
  raw.say(kStart);
  CHECK(raw.codes("BDAT 8\r\na\r\n.\r\n..BDAT 3 LAST\r\n.\r\nNOOP\r\n") == "250 250 250");
  REQUIRE(raw.house.messages.size() == 1);
  CHECK(raw.house.messages[0].octets == "a\r\n.\r\n...\r\n");
}

TEST_CASE("RFC 3461 section 4: what NOTIFY, ORCPT, RET and ENVID ask for is handed on where DSN is announced") {
  Policy policy;
  policy.dsn = Announce::yes;
  Raw raw(policy);
  raw.begin();
  raw.say("HELO c.example\r\n");
  CHECK(raw.codes("MAIL FROM:<a@b.example> RET=FULL ENVID=x+2By\r\n"
                  "RCPT TO:<alice@example.test> NOTIFY=FAILURE ORCPT=rfc822;al@far.example\r\n") == "250 250");
  CHECK(raw.codes("BDAT 3 LAST\r\nx\r\n") == "250");
  REQUIRE(raw.house.messages.size() == 1);
  const envelope::Envelope& envelope = raw.house.messages[0].envelope;
  CHECK(envelope.sender.parameters.ret == envelope::Return::full);
  CHECK(envelope.sender.parameters.envelope_id == "x+y");
  CHECK(envelope.recipients[0].parameters.notify == envelope::Notify{.failure = true});
  CHECK(envelope.recipients[0].parameters.original == envelope::OriginalRecipient{"rfc822", "al@far.example"});
}

TEST_CASE("chunks without octets do not keep a session for ever") {
  Policy policy;
  policy.limits.idle_commands = 10;
  Raw raw(policy);
  raw.begin();
  raw.say(kStart);
  std::string chunks;
  for (int i = 0; i < 20; ++i) chunks += "BDAT 0\r\n";
  CHECK(raw.codes(chunks).ends_with(" 250 421"));
  CHECK(raw.ended());
}

TEST_CASE("what the operating system says is for the log, not for strangers") {
  constexpr ErrorKind kDisk{"test.disk", Fault::dependency, Lasting::temporary};
  constexpr ErrorKind kGone{"test.gone", Fault::dependency, Lasting::permanent};
  CHECK(reply_for(Error(kDisk, "/var/mail/store: Permission denied")).text.find("/var") == std::string::npos);
  CHECK(reply_for(Error(kGone, "/var/mail/store: Permission denied")).text.find("/var") == std::string::npos);
}

TEST_CASE("line ends are made right where policy says so, also at the edges of chunks") {
  Policy policy;
  policy.line_ends = LineEnds::normalise;
  Raw raw(policy);
  raw.begin();
  raw.say(kStart);
  CHECK(raw.codes("BDAT 2\r\na\rBDAT 3\r\n\nb\rBDAT 3 LAST\r\nc\n\r") == "250 250 250");
  REQUIRE(raw.house.messages.size() == 1);
  CHECK(raw.house.messages[0].octets == "a\r\nb\r\nc\r\n\r\n");
  CHECK(offended(raw.house, Offence::bare_line_end));
}

TEST_CASE("a group of commands is answered in one piece and in order (RFC 2920 §3.2)") {
  Raw raw;
  raw.begin();
  raw.say("EHLO c.example\r\n");
  CHECK(raw.codes("MAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nRCPT TO:<nobody@example.test>\r\nDATA\r\n") ==
        "250 250 550 354");
  // The end of the data and the next group.
  CHECK(raw.codes("x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n") == "250 250 250 354");
  CHECK(raw.codes("y\r\n.\r\nQUIT\r\n") == "250 221");
  CHECK(raw.ended());
  CHECK(raw.house.messages.size() == 2);
}

TEST_CASE("octets sent together with DATA are neither data nor commands: the session ends") {
  Raw raw;
  raw.begin();
  raw.say(kStart);
  CHECK(raw.codes("DATA\r\nMAIL FROM:<smuggled@b.example>\r\n.\r\n") == "554");
  CHECK(raw.ended());
  CHECK(raw.house.messages.empty());
  CHECK(raw.house.aborted == 1);
  CHECK(offended(raw.house, Offence::early_talk));
}

TEST_CASE("octets sent together with STARTTLS are dropped and counted (CVE-2011-0411)") {
  Policy policy;
  policy.tls = TlsUse::offered;
  Raw raw(policy);
  raw.begin();
  CHECK(raw.codes("EHLO c.example\r\nSTARTTLS\r\nMAIL FROM:<injected@b.example>\r\n").ends_with("220"));
  CHECK(raw.house.messages.empty());
  raw.hang_up();
  CHECK(!raw.running());
}

TEST_CASE("an AUTH that asks back may not be followed by anything; one with its response may (RFC 4954 §4)") {
  Policy policy;
  policy.auth = AuthUse::offered;
  policy.plaintext = PlaintextAuth::always;
  policy.mechanisms = {"PLAIN"};
  Raw fine(policy);
  fine.begin();
  CHECK(fine.codes("HELO c\r\nAUTH PLAIN AGFsaWNlAHdvbmRlcg==\r\nNOOP\r\n") == "220 250 235 250");
  Raw wrong(policy);
  wrong.begin();
  CHECK(wrong.codes("HELO c\r\nAUTH PLAIN\r\nAGFsaWNlAHdvbmRlcg==\r\n") == "220 250 554");
  CHECK(wrong.ended());
}

TEST_CASE("plain passwords over loopback only, where policy says so") {
  Policy policy;
  policy.auth = AuthUse::required;
  policy.mechanisms = {"PLAIN"};
  policy.plaintext = PlaintextAuth::loopback;
  Raw raw(policy);  // a memory connection has no name: this host
  raw.begin();
  CHECK(raw.say("EHLO c.example\r\n").find("250-AUTH PLAIN\r\n") != std::string::npos);
}

TEST_CASE("a command line of the limit is obeyed, one octet more is too long and skipped whole") {
  Policy policy;
  Raw raw(policy);
  raw.begin();
  const std::string at = "NOOP " + std::string(policy.limits.command_octets - 7, 'x') + "\r\n";
  const std::string past = "NOOP " + std::string(policy.limits.command_octets - 6, 'x') + "\r\n";
  CHECK(raw.codes(at) == "220 250");
  CHECK(raw.codes(past + "QUIT\r\n") == "500 221");
}

TEST_CASE("an authentication line of the limit is read, one octet more is 500 5.5.6") {
  Policy policy;
  policy.auth = AuthUse::offered;
  policy.plaintext = PlaintextAuth::always;
  policy.mechanisms = {"PLAIN"};
  Raw raw(policy);
  raw.begin();
  raw.say("HELO c\r\n");
  CHECK(raw.codes("AUTH PLAIN\r\n") == "334");
  CHECK(raw.codes(std::string(12'288, 'A') + "\r\n") == "501");  // read, and no PLAIN message
  CHECK(raw.codes("AUTH PLAIN\r\n") == "334");
  CHECK(raw.say(std::string(12'289, 'A') + "\r\n").starts_with("500 5.5.6"));
  CHECK(raw.codes("NOOP\r\n") == "250");
}

TEST_CASE("an initial response may have as many octets as a response, behind AUTH only") {
  Policy policy;
  policy.auth = AuthUse::offered;
  policy.plaintext = PlaintextAuth::always;
  policy.mechanisms = {"PLAIN"};
  Raw raw(policy);
  raw.begin();
  raw.say("HELO c\r\n");
  CHECK(raw.codes("auth PLAIN " + std::string(12'288, 'A') + "\r\n") == "501");  // read, and no PLAIN message
  CHECK(raw.say("AUTH PLAIN " + std::string(12'289, 'A') + "\r\n").starts_with("500 5.5.6"));
  CHECK(raw.say("AUTH PLAIN " + std::string(13'000, 'A') + "\r\n").starts_with("500 5.5.2"));
  CHECK(raw.say("AUTHOR PLAIN " + std::string(12'288, 'A') + "\r\n").starts_with("500 5.5.2"));
  CHECK(raw.codes("NOOP\r\n") == "250");
}

TEST_CASE("a message of the limit is taken, one octet more is refused at the end of the data") {
  Policy policy;
  policy.limits.message_octets = 1000;
  for (const std::size_t octets : {1000, 1001}) {
    Raw raw(policy);
    raw.begin();
    raw.say(kStart);
    raw.say("DATA\r\n");
    const std::string said = raw.say(std::string(octets - 2, 'x') + "\r\n.\r\n");
    CHECK(said.substr(0, 9) == (octets == 1000 ? "250 2.0.0" : "552 5.3.4"));
    CHECK(raw.house.messages.size() == (octets == 1000 ? 1 : 0));
    CHECK(raw.house.aborted == (octets == 1000 ? 0 : 1));
    CHECK(raw.codes("NOOP\r\n") == "250");
  }
}

TEST_CASE("whoever goes on far beyond the limit is cut off") {
  Policy policy;
  policy.limits.message_octets = 100'000;
  Raw raw(policy);
  raw.begin();
  raw.say(kStart);
  raw.say("DATA\r\n");
  for (int i = 0; i < 100 && raw.running(); ++i) raw.write(std::string(10'000, 'x'));
  CHECK(raw.hear().starts_with("552 5.3.4"));
  CHECK(raw.ended());
}

TEST_CASE("an octet a second ends: the body must come at a rate once the grace is over") {
  Policy policy;
  policy.times.data_grace = std::chrono::seconds(60);
  policy.times.data_rate = 10;
  Raw raw(policy);
  raw.begin();
  raw.say(kStart);
  raw.say("DATA\r\n");
  int seconds = 0;
  while (raw.running() && seconds < 1000) {
    raw.write("x");
    raw.advance(std::chrono::seconds(1));
    ++seconds;
  }
  CHECK(seconds >= 60);
  CHECK(seconds <= 75);
  CHECK(offended(raw.house, Offence::too_slow));
  CHECK(raw.house.aborted == 1);
}

TEST_CASE("a command an octet a second ends with the time for a command") {
  Raw raw;
  raw.begin();
  raw.hear();
  int seconds = 0;
  while (raw.running() && seconds < 1000) {
    raw.write("x");
    raw.advance(std::chrono::seconds(1));
    ++seconds;
  }
  CHECK(seconds >= 299);
  CHECK(seconds <= 305);
}

TEST_CASE("shutdown says 421 at the command boundary, at once when idle (RFC 5321 §3.8)") {
  Raw idle;
  idle.begin();
  idle.hear();
  idle.stop();
  CHECK(idle.hear().starts_with("421 4.3.2 mx.example.test "));
  CHECK(idle.ended());
  Raw busy;
  busy.begin();
  busy.say(kStart);
  busy.say("DATA\r\n");
  busy.stop();
  CHECK(busy.hear().empty());
  CHECK(busy.codes("x\r\n.\r\n") == "250 421");
  CHECK(busy.house.messages.size() == 1);
}

TEST_CASE("a lost connection aborts the transaction, in every state") {
  const std::vector<std::string> states = {"", "HELO c\r\nMAIL FROM:<>\r\n", std::string(kStart), "BDAT"};
  for (const std::string& state : states) {
    Raw raw;
    raw.begin();
    if (state == "BDAT")
      raw.say(std::string(kStart) + "BDAT 5\r\nab");
    else
      raw.say(state);
    raw.hang_up();
    CHECK(!raw.running());
    CHECK(raw.house.aborted == (state.empty() ? 0 : 1));
    CHECK(raw.house.messages.empty());
  }
}

TEST_CASE("a client that sends all and only shuts its side is answered to the end") {
  Raw raw;
  raw.begin();
  CHECK(raw.codes("HELO c\r\nNOOP\r\nQUIT\r\n") == "220 250 250 221");
}

TEST_CASE("a 554 greeting leaves QUIT only (RFC 5321 §3.1), a 421 closes") {
  Raw raw;
  raw.house.greeting = {554, {5, 7, 1}, "No SMTP service for you"};
  raw.begin();
  CHECK(raw.hear() == "554 5.7.1 mx.example.test No SMTP service for you\r\n");
  CHECK(raw.codes("EHLO c.example\r\nNOOP\r\nQUIT\r\n") == "503 503 221");
  CHECK(raw.ended());
  Raw busy;
  busy.house.greeting = {421, {4, 3, 2}, "Too many connections"};
  busy.begin();
  CHECK(busy.hear() == "421 4.3.2 mx.example.test Too many connections\r\n");
  CHECK(busy.ended());
}

TEST_CASE("whoever speaks before the greeting is refused where policy says so; who waits is greeted after the delay") {
  Policy policy;
  policy.early_talk = EarlyTalk::refuse;
  policy.greeting_delay = std::chrono::seconds(2);
  Raw early(policy);
  early.begin();
  early.advance(std::chrono::milliseconds(1900));
  CHECK(early.codes("EHLO c.example\r\nMAIL FROM:<>\r\nQUIT\r\n") == "554 503 503 221");
  CHECK(early.ended());
  CHECK(offended(early.house, Offence::early_talk));
  Raw patient(policy);
  patient.begin();
  patient.advance(std::chrono::milliseconds(1900));
  CHECK(patient.hear().empty());
  patient.advance(std::chrono::milliseconds(200));
  CHECK(patient.codes("EHLO c.example\r\nQUIT\r\n") == "220 250 221");
  CHECK(patient.house.offences.empty());
  Raw allowed;
  allowed.write("HELO c.example\r\n");
  allowed.begin();
  CHECK(allowed.codes("QUIT\r\n") == "220 250 221");
}

TEST_CASE("the reply to wrong credentials is held back, whatever the mechanism; the one to right ones is not") {
  Policy policy;
  policy.role = Role::submission;
  policy.auth = AuthUse::offered;
  policy.plaintext = PlaintextAuth::always;
  policy.mechanisms = {"PLAIN", "SCRAM-SHA-256"};
  policy.times.auth_failure = std::chrono::seconds(2);
  Raw raw(policy);
  raw.house.users = {{"alice", "wonder"}};
  raw.begin();
  raw.say("EHLO c.example\r\n");
  CHECK(raw.say("AUTH PLAIN AGFsaWNlAHdyb25n\r\n").empty());
  raw.advance(std::chrono::milliseconds(1900));
  CHECK(raw.hear().empty());
  raw.advance(std::chrono::milliseconds(200));
  CHECK(raw.hear().starts_with("535 5.7.8"));
  // n,,n=alice,r=x and a proof that is none
  const std::string challenge = raw.say("AUTH SCRAM-SHA-256 " + to_base64("n,,n=alice,r=xyz") + "\r\n");
  REQUIRE(challenge.starts_with("334 "));
  const std::string first = from_base64(std::string_view(challenge).substr(4, challenge.size() - 6)).value_or("");
  const std::string nonce = first.substr(0, first.find(','));
  const std::string proof = to_base64(std::string(32, 'x'));
  CHECK(raw.say(to_base64("c=biws," + nonce + ",p=" + proof) + "\r\n") == "");
  raw.advance(std::chrono::milliseconds(2100));
  CHECK(raw.hear().starts_with("535 5.7.8"));
  CHECK(std::ranges::count(raw.house.offences, Offence::failed_auth) == 2);
  CHECK(raw.say("AUTH PLAIN AGFsaWNlAHdvbmRlcg==\r\n").starts_with("235"));
}

TEST_CASE("whoever speaks before the greeting is reported") {
  Raw raw;
  raw.write("HELO c.example\r\n");
  raw.begin();
  CHECK(raw.codes("") == "220 250");
  CHECK(offended(raw.house, Offence::early_talk));
}

TEST_CASE("refused recipients and commands without mail are limited, an accepted message starts anew") {
  Policy policy;
  policy.limits.refusals = 3;
  policy.limits.idle_commands = 8;
  Raw raw(policy);
  raw.begin();
  raw.say("HELO c\r\nMAIL FROM:<>\r\n");
  const std::string unknown = "RCPT TO:<nobody@example.test>\r\n";
  CHECK(raw.codes(unknown + unknown + unknown) == "550 550 550");
  raw.say("RCPT TO:<alice@example.test>\r\n");
  raw.say("DATA\r\n");
  CHECK(raw.codes("x\r\n.\r\nMAIL FROM:<>\r\n") == "250 250");
  CHECK(raw.codes(unknown + unknown + unknown) == "550 550 550");
  CHECK(raw.codes(unknown) == "550 421");
  Raw idle(policy);
  idle.begin();
  idle.say("HELO c\r\n");
  for (int i = 0; i < 7; ++i) CHECK(idle.codes("NOOP\r\n") == "250");
  CHECK(idle.codes("NOOP\r\n") == "250 421");
}

TEST_CASE("RFC 3207 4: STARTTLS is 454 where TLS cannot begin now, is not offered there, and the session goes on") {
  io::SimulatedLoop loop;
  auto ends = wire::memory_connections({.offers_tls = false});
  MemoryHouse house;
  MemorySession session(house);
  Policy policy;
  policy.hostname = "mx.example.test";
  policy.tls = TlsUse::offered;
  loop.spawn(serve(*ends.server, session, policy));
  loop.settle();
  const auto say = [&](std::string_view line) {
    if (!line.empty()) CHECK(ends.client->try_write(line));
    loop.settle();
    char buffer[4096];
    const auto count = ends.client->try_read(buffer);
    return std::string(buffer, count.value_or(0));
  };
  CHECK(say("").starts_with("220 "));
  CHECK(say("EHLO c.example\r\n").find("STARTTLS") == std::string::npos);
  CHECK(say("STARTTLS\r\n") == "454 4.7.0 TLS not available due to temporary reason\r\n");
  CHECK(say("NOOP\r\n").starts_with("250 "));
  loop.destroy_tasks();
}

}  // namespace
}  // namespace angarium::protocol::smtp
