// `angarium mail` against servers of all kinds, each cut and broken off at every octet.
#include "mua/error.h"
#include "mua/far_testing.h"

using namespace angarium;
using namespace angarium::mua;
using namespace angarium::mua::testing;

namespace {

using Protocol = MailHost::Protocol;

const std::string kIn =
    "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\n"
    "C: A1 AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\n"
    "S: A1 OK [CAPABILITY IMAP4rev1] in\n";
const std::string kListed =
    "C: A2 EXAMINE INBOX\n"
    "S: * 3 EXISTS\n"
    "S: * OK [UIDVALIDITY 7] ok\n"
    "S: A2 OK [READ-ONLY] done\n"
    "C: A3 FETCH 2:* (UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (DATE FROM SENDER TO CC SUBJECT "
    "MESSAGE-ID)])\n"
    "S: * 3 FETCH (UID 31 FLAGS () RFC822.SIZE 2048 BODY[HEADER.FIELDS (DATE)] {42}\n"
    "S: From: Bob <b@c.test>\n"
    "S: Subject: A\x1b[2J\xc2\x9b\n"
    "S: \n"
    "S: )\n"
    "S: * 2 FETCH (UID 12 FLAGS (\\Seen \\Answered) RFC822.SIZE 100 BODY[HEADER.FIELDS (DATE)] \"\")\n"
    "S: A3 OK done\n"
    "C: A4 LOGOUT\n"
    "S: * BYE bye\n"
    "S: A4 OK\n";

Job list(std::size_t limit) {
  return [limit](FarClient& client) {
    return client.list("INBOX", {.text = {}, .from = {}, .subject = {}, .limit = limit});
  };
}

/// What every server for sending says before the message.
const std::string kGreeting =
    "S: 220 out.test\n"
    "C: EHLO localhost\n"
    "S: 250 out.test\n";
const std::string kLetterAsked =
    "C: MAIL FROM:<anna@example.test>\n"
    "S: 250 ok\n"
    "C: RCPT TO:<bob@there.test>\n"
    "S: 250 ok\n"
    "C: RCPT TO:<carl@there.test>\n"
    "S: 250 ok\n"
    "C: DATA\n"
    "S: 354 go on\n";
const std::string kLetter =
    "C: From: Anna <anna@example.test>\n"
    "C: To: bob@there.test\n"
    "C: Subject: Lunch\n"
    "C: Date: Tue, 14 Nov 2023 22:13:20 +0000\n"
    "C: Message-ID: <ID@example.test>\n"
    "C: MIME-Version: 1.0\n"
    "C: Content-Type: text/plain; charset=us-ascii\n"
    "C: \n"
    "C: Hello\n";

/// The id that the tests' randomness makes.
std::string with_id(std::string text) {
  SeededRandom random(1);
  const std::string id = to_hex(random.octets(16));
  for (std::size_t at = 0; (at = text.find("<ID@", at)) != std::string::npos;) text.replace(at + 1, 2, id);
  return text;
}

std::string letter_taken() {
  return kGreeting + kLetterAsked + with_id(kLetter) + "C: .\nS: 250 taken\nC: QUIT\nS: 221 bye\n";
}

std::string copy_kept(std::string_view answer) {
  std::string octets = "Bcc: carl@there.test\r\n";
  std::string lines = "C: Bcc: carl@there.test\n" + with_id(kLetter);
  for (std::string_view rest = std::string_view(lines).substr(lines.find('\n') + 1); !rest.empty();)
    octets += std::string(take_until(rest, '\n').substr(3)) + "\r\n";
  return kIn +
         "C: A2 LIST \"\" \"*\"\n"
         "S: * LIST (\\Sent) \"/\" Gesendet\n"
         "S: A2 OK\n"
         "C: A3 APPEND Gesendet (\\Seen) {" +
         std::to_string(octets.size()) +
         "}\n"
         "S: + go on\n" +
         lines + "C: \nS: A3 " + std::string(answer) + "\n";
}

Job send() {
  return [](FarClient& client) {
    LetterOptions letter;
    letter.to = {"bob@there.test"};
    letter.bcc = {"carl@there.test"};
    letter.subject = "Lunch";
    return client.send(std::move(letter));
  };
}

}  // namespace

TEST_CASE("the newest messages are listed by the server's own numbers, and nothing that a terminal obeys") {
  play_all_ways(
      {kIn + kListed}, anna(), list(2),
      [](const Outcome& outcome) {
        CHECK(outcome.done);
        CHECK(outcome.missed == "");
        CHECK(outcome.seen ==
              "12 A                                      100 B\n"
              "31 N Bob                                2.0 KiB  A\xef\xbf\xbd[2J\xef\xbf\xbd\n");
      },
      [](const Outcome& outcome) {
        // Half a list is none; the goodbye does not matter.
        if (!outcome.done) CHECK(outcome.seen == "");
      });
}

TEST_CASE("a message is deleted alone where the server can, else only marked: what others marked stays") {
  const auto removed = [](std::string_view capabilities, std::string_view rest) {
    return "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\n"
           "C: A1 AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\n"
           "S: A1 OK [CAPABILITY IMAP4rev1" +
           std::string(capabilities) +
           "] in\n"
           "C: A2 SELECT INBOX\n"
           "S: * 3 EXISTS\n"
           "S: A2 OK done\n"
           "C: A3 UID SEARCH UID 12\n"
           "S: * SEARCH 12\n"
           "S: A3 OK\n"
           "C: A4 UID STORE 12 +FLAGS.SILENT (\\Deleted)\n"
           "S: A4 OK\n" +
           std::string(rest);
  };
  const Job job = [](FarClient& client) { return client.remove("INBOX", {"12"}); };
  const auto never = [](const Outcome&) {};
  play_all_ways(
      {removed(" UIDPLUS", "C: A5 UID EXPUNGE 12\nS: * 1 EXPUNGE\nS: A5 OK\nC: A6 LOGOUT\nS: * BYE\nS: A6 OK\n")},
      anna(), job,
      [](const Outcome& outcome) {
        CHECK(outcome.done);
        CHECK(outcome.seen == "");
      },
      never);
  play_all_ways(
      {removed("", "C: A5 LOGOUT\nS: * BYE\nS: A5 OK\n")}, anna(), job,
      [](const Outcome& outcome) {
        CHECK(outcome.done);
        CHECK(outcome.seen.contains("1 message is marked as deleted and stays"));
      },
      never);
}

TEST_CASE("a letter that the server took is sent, and its copy with the hidden recipients is kept there") {
  play_all_ways(
      {letter_taken(), copy_kept("OK kept") + "C: A4 LOGOUT\nS: * BYE\nS: A4 OK\n"}, anna(), send(),
      [](const Outcome& outcome) {
        REQUIRE(outcome.done);
        CHECK(outcome.missed == "");
        CHECK(outcome.seen == "sent to 2 of 2 recipients\n");
        CHECK(outcome.unsent.starts_with("Bcc: carl@there.test\r\nFrom: Anna"));
        CHECK_FALSE(outcome.left);
        CHECK(outcome.dead == "(not there)\n");
        CHECK(outcome.sent == "(not there)\n");
      },
      [](const Outcome& outcome) {
        // It is sent, or it is kept and that is said; never both, never neither.
        CHECK(outcome.done.has_value() == outcome.seen.starts_with("sent to 2 of 2"));
        CHECK(outcome.done.has_value() == (outcome.dead == "(not there)\n"));
        CHECK_FALSE(outcome.left);
        if (!outcome.done) {
          CHECK(outcome.seen == "the letter is kept in HOME/dead.letter\n");
          CHECK(outcome.dead.contains("Bcc: carl@there.test\n"));
          CHECK(outcome.dead.contains("\nHello\n"));
          CHECK(outcome.dialled == 1);
        }
        // A copy that did not reach the server is kept here.
        if (outcome.seen.contains("its copy is not kept at the server")) {
          CHECK(outcome.seen.contains("; it is in HOME/sent.letter\n"));
          CHECK(outcome.sent.contains("\nHello\n"));
        }
      });
}

TEST_CASE("a copy that the server does not take is kept in a file, and the letter counts as sent") {
  const std::vector<Steps> scripts = {steps_of(letter_taken()), steps_of(copy_kept("NO [OVERQUOTA] full"))};
  const Outcome outcome = Play(scripts, {}).run(anna(), send());
  CHECK(outcome.done);
  CHECK(outcome.seen.starts_with(
      "sent to 2 of 2 recipients\nthe letter is sent, but its copy is not kept at the server: "));
  CHECK(outcome.sent.contains("Bcc: carl@there.test\nFrom: Anna <anna@example.test>\n"));
  CHECK(outcome.dead == "(not there)\n");
}

TEST_CASE("no answer to the end of the message: it may have been sent, which is said, and it is kept") {
  const std::vector<Steps> scripts = {steps_of(kGreeting + kLetterAsked + with_id(kLetter) + "C: .\nCLOSE\n")};
  const Outcome outcome = Play(scripts, {}).run(anna(), send());
  REQUIRE_FALSE(outcome.done);
  CHECK(outcome.done.error().is(kPerhapsSent));
  CHECK_FALSE(outcome.done.error().temporary());
  CHECK(outcome.dead.contains("\nHello\n"));
}

TEST_CASE("whom the server refuses is named, and the letter is kept; where it refuses all, nothing is sent") {
  std::string some = letter_taken();
  some.replace(some.find("C: RCPT TO:<carl@there.test>\nS: 250 ok"), 38,
               "C: RCPT TO:<carl@there.test>\nS: 550 no\x1b[2J");
  const std::vector<Steps> partly = {steps_of(some), steps_of(copy_kept("OK kept"))};
  Outcome outcome = Play(partly, {}).run(anna(), send());
  REQUIRE_FALSE(outcome.done);
  CHECK(outcome.done.error().is(kNotTaken));
  CHECK(outcome.done.error().text().starts_with("not all got it: carl@there.test: 550 no"));
  CHECK(outcome.seen.starts_with("sent to 1 of 2 recipients\n"));
  CHECK(outcome.dead.contains("\nHello\n"));

  // Whom it was put off for may not get it by doing all again, for the other one has it.
  std::string later = letter_taken();
  later.replace(later.find("C: RCPT TO:<carl@there.test>\nS: 250 ok"), 38,
                "C: RCPT TO:<carl@there.test>\nS: 450 later");
  outcome = Play({steps_of(later), steps_of(copy_kept("OK kept"))}, {}).run(anna(), send());
  REQUIRE_FALSE(outcome.done);
  CHECK_FALSE(outcome.done.error().temporary());

  const std::vector<Steps> none = {
      steps_of(kGreeting + "C: MAIL FROM:<anna@example.test>\nS: 451 later\nC: QUIT\nS: 221\n")};
  outcome = Play(none, {}).run(anna(), send());
  REQUIRE_FALSE(outcome.done);
  CHECK(outcome.done.error().is(kNotTakenNow));
  CHECK(outcome.done.error().temporary());
  CHECK(outcome.dead.contains("\nHello\n"));
}

TEST_CASE("no password is told to a server without TLS, or whose certificate nobody vouches for") {
  const auto refused = [](Protocol protocol, const std::string& script, const Job& job, bool login = false) {
    MailAccount account = anna(protocol, MailHost::Tls::starttls);
    account.smtp_login = login;
    const std::vector<Steps> scripts = {steps_of(script)};
    const Outcome outcome = Play(scripts, {}).run(account, job);
    CHECK(outcome.missed == "");
    REQUIRE_FALSE(outcome.done);
    CHECK_MESSAGE(outcome.done.error().is(kStranger), outcome.done.error().text());
    return outcome.done.error().text();
  };
  CHECK(refused(Protocol::imap, "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\nEOF\n", list(1))
            .contains("offers no TLS"));
  CHECK(refused(Protocol::imap, "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi\nC: A1 STARTTLS\nS: A1 OK go\nTLS\nEOF\n",
                list(1))
            .contains("nobody vouches"));
  CHECK(refused(Protocol::imap, "S: * PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\nEOF\n", list(1))
            .contains("offers no TLS"));
  CHECK(refused(Protocol::pop3, "S: +OK hi\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: -ERR no\nEOF\n", list(1))
            .contains("offers no TLS"));
  CHECK(
      refused(Protocol::pop3,
              "S: +OK hi\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: +OK\nTLS\nC: CAPA\nS: +OK\nS: USER\nS: .\nEOF\n",
              list(1))
          .contains("nobody vouches"));
  CHECK(refused(Protocol::imap, kGreeting + "EOF\n", send(), true).contains("offers no TLS"));
  CHECK(refused(Protocol::imap,
                "S: 220 out.test\nC: EHLO localhost\nS: 250-out.test\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\n"
                "C: EHLO localhost\nS: 250-out.test\nS: 250 AUTH PLAIN\nEOF\n",
                send(), true)
            .contains("nobody vouches"));
}

namespace {

const std::string kPop3In =
    "S: +OK hi\n"
    "C: CAPA\n"
    "S: +OK\n"
    "S: USER\n"
    "S: .\n"
    "C: USER anna\n"
    "S: +OK\n"
    "C: PASS secret\n"
    "S: +OK\n"
    "C: CAPA\n"
    "S: +OK\n"
    "S: .\n"
    "C: LIST\n"
    "S: +OK\n"
    "S: 1 30\n"
    "S: 3 40\n"
    "S: .\n"
    "C: UIDL\n"
    "S: +OK\n"
    "S: 1 aa\n"
    "S: 3 bb\n"
    "S: .\n";

}  // namespace

TEST_CASE("by POP3 messages are listed and read; what is removed is named by its id, which stays the same") {
  const auto nothing_half = [](const Outcome& outcome) {
    if (!outcome.done) CHECK(outcome.seen == "");
  };
  play_all_ways(
      {kPop3In + "C: TOP 1 0\nS: +OK\nS: Subject: one\nS: \nS: .\nC: TOP 3 0\nS: -ERR no\nC: QUIT\nS: +OK\n"},
      anna(Protocol::pop3), list(0),
      [](const Outcome& outcome) {
        CHECK(outcome.done);
        CHECK(outcome.seen ==
              "aa                                         30 B  one\n"
              "bb                                         40 B\n");
      },
      nothing_half);
  play_all_ways(
      {kPop3In + "C: RETR 3\nS: +OK\nS: Subject: two\nS: \nS: ..Hi\nS: .\nC: QUIT\nS: +OK\n"}, anna(Protocol::pop3),
      [](FarClient& client) { return client.read("inbox", "3", {}); },
      [](const Outcome& outcome) {
        CHECK(outcome.done);
        CHECK(outcome.seen == "Subject: two\n\n.Hi\n");
      },
      nothing_half);
  // RFC 1939 §6: they are gone only when QUIT was answered.
  play_all_ways(
      {kPop3In + "C: DELE 3\nS: +OK\nC: QUIT\nS: +OK\n"}, anna(Protocol::pop3),
      [](FarClient& client) { return client.remove("INBOX", {"bb"}); },
      [](const Outcome& outcome) { CHECK(outcome.done); }, [](const Outcome& outcome) { CHECK_FALSE(outcome.done); });
  // A sender's endless header is cut, and does not keep the others from the list.
  std::string endless = "C: TOP 1 0\nS: +OK\nS: Subject: one\n";
  for (int i = 0; i < 1'000; ++i) endless += "S: X-Long: " + std::string(90, 'x') + "\n";
  const std::vector<Steps> long_one = {
      steps_of(kPop3In + endless + "S: .\nC: TOP 3 0\nS: +OK\nS: Subject: two\nS: .\nC: QUIT\nS: +OK\n")};
  CHECK(Play(long_one, {}).run(anna(Protocol::pop3), list(0)).seen.contains("two"));
  // Without UIDL a number may be another message's in the next session.
  std::string numbers = kPop3In;
  numbers.replace(numbers.find("C: UIDL\nS: +OK\n"), std::string::npos, "C: UIDL\nS: -ERR no\n");
  const std::vector<Steps> unnamed = {steps_of(numbers + "EOF\n")};
  CHECK(Play(unnamed, {})
            .run(anna(Protocol::pop3), [](FarClient& client) { return client.remove("INBOX", {"3"}); })
            .done.error()
            .is(kUsage));
  const std::vector<Steps> in = {steps_of(kPop3In + "EOF\n")};
  const auto refused = [&](const Job& job) { return Play(in, {}).run(anna(Protocol::pop3), job).done.error(); };
  CHECK(refused([](FarClient& client) { return client.remove("INBOX", {"3"}); }).text().contains("by its id, bb"));
  CHECK(refused([](FarClient& client) { return client.read("INBOX", "2", {}); }).is(kNotThere));
  CHECK(refused([](FarClient& client) { return client.move("INBOX", {"bb"}, "x"); }).is(kUsage));
  CHECK(refused([](FarClient& client) { return client.flag("INBOX", {"bb"}, message::kBoxSeen, 0); }).is(kUsage));
  CHECK(refused([](FarClient& client) { return client.list("Sent", {}); }).is(kUsage));
  CHECK(refused([](FarClient& client) { return client.list("INBOX", {.unread = true}); }).is(kUsage));
}

TEST_CASE("POP3 and submission get the token of an account that has one, and nothing else") {
  MailAccount account = anna(MailHost::Protocol::pop3);
  account.token_file = "token";
  const Outcome outcome = Play({steps_of("S: +OK hi\n"
                                         "C: CAPA\nS: +OK\nS: SASL PLAIN XOAUTH2\nS: USER\nS: .\n"
                                         "C: AUTH XOAUTH2 dXNlcj1hbm5hAWF1dGg9QmVhcmVyIHNlY3JldAEB\n"
                                         "S: -ERR [AUTH] it is over\nEOF\n")},
                               {})
                              .run(account, [](FarClient& client) { return client.list("", {}); });
  REQUIRE(!outcome.done);
  CHECK(outcome.done.error().is(kNotLetIn));
  CHECK(outcome.missed == "");
  account.smtp_login = true;
  const Outcome sent = Play({steps_of("S: 220 hi\n"
                                      "C: EHLO localhost\nS: 250-hi\nS: 250 AUTH PLAIN XOAUTH2\n"
                                      "C: AUTH XOAUTH2 dXNlcj1hbm5hAWF1dGg9QmVhcmVyIHNlY3JldAEB\n"
                                      "S: 535 5.7.8 it is over\n")},
                            {})
                           .run(account, send());
  REQUIRE(!sent.done);
  CHECK(sent.done.error().is(kNotLetIn));
  CHECK(sent.missed == "");
}
