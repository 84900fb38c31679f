// The rules as they are said on the line: session/ROLE/*.txt, each against a server of that role.
#include "support/session.h"

#include <memory>

#include "protocol/smtp/memory_backend.h"
#include "protocol/smtp/server.h"
#include "support/test.h"

namespace angarium::protocol::smtp {
namespace {

Policy mx_policy() {
  Policy policy;
  policy.hostname = "mx.example.test";
  policy.tls = TlsUse::offered;
  policy.limits.message_octets = 4096;
  policy.limits.recipients = 3;
  policy.limits.errors = 6;
  policy.limits.messages = 5;
  return policy;
}

Policy submission_policy() {
  Policy policy = mx_policy();
  policy.role = Role::submission;
  policy.auth = AuthUse::required;
  policy.plaintext = PlaintextAuth::never;
  policy.mechanisms = {"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"};
  policy.expn = Announce::yes;
  policy.limits.auth_failures = 3;
  policy.limits.errors = 12;
  return policy;
}

Policy lmtp_policy() {
  Policy policy = mx_policy();
  policy.role = Role::lmtp;
  policy.tls = TlsUse::none;
  return policy;
}

/// A fresh house a run; it lives as long as its server.
test::ServerSetup serving(const Policy& policy, const MemoryHouse& model = {}) {
  return [policy, model] {
    struct State {
      Policy policy;
      MemoryHouse house;
    };
    auto state = std::make_shared<State>(State{policy, model});
    state->house.urls = {
        {"imap://alice@x/INBOX/;UID=1;URLAUTH=submit+alice:internal:01", "Subject: by a URL\r\n\r\nWhole\r\n"},
        {"imap://alice@x/INBOX/;UID=2;URLAUTH=submit+alice:internal:02", "Part\r\n"},
        {"imap://alice@x/INBOX/;UID=3;URLAUTH=submit+alice:internal:03", std::string(4094, 'x') + "\r\n"},
        {"imap://alice@x/INBOX/;UID=4;URLAUTH=submit+alice:internal:04", "bare\nline\r\n"},
        {"imap://alice@x/INBOX/;UID=5;URLAUTH=submit+alice:internal:05", ""}};
    state->house.users = {{"alice", "wonder"}, {"bob", "builder"}, {"full", "x"},
                          {"broken", "x"},     {"later", "x"},     {"caf\xc3\xa9", "x"}};
    return [state](wire::Connection& connection) -> io::Task<> {
      MemorySession session(state->house);
      co_await serve(connection, session, state->policy);
    };
  };
}

/// Only mx/delivery-id.txt is about the id at the end of replies.
std::string_view without_id(std::string_view line) {
  constexpr std::size_t kBrackets = std::string_view("(id )").size();
  const std::size_t at = line.rfind("(id ");
  if (at == std::string_view::npos || line.size() != at + kBrackets + envelope::DeliveryId::kLetters) return line;
  line = line.substr(0, at);
  if (line.ends_with(' ')) line.remove_suffix(1);
  return line;
}
const test::SessionOptions kOptions{.visible = without_id};

std::string folder(std::string_view name) { return test::room_path("session/" + std::string(name)); }

TEST_CASE("sessions with a server for anyone's mail") {
  test::check_sessions(folder("mx"), serving(mx_policy()), kOptions);
}

TEST_CASE("sessions with a server whose sink pauses") {
  MemoryHouse house;
  house.pauses = true;
  test::check_sessions(folder("mx"), serving(mx_policy(), house), kOptions);
}

TEST_CASE("sessions with a submission server") {
  test::check_sessions(folder("submission"), serving(submission_policy()), kOptions);
}

TEST_CASE("sessions with a server that takes its time for failed logins") {
  Policy policy = submission_policy();
  policy.plaintext = PlaintextAuth::always;
  policy.times.auth_failure = std::chrono::seconds(2);
  test::check_sessions(folder("delay"), serving(policy), kOptions);
}

Policy extended_policy() {
  Policy policy = submission_policy();
  policy.tls = TlsUse::none;
  policy.auth = AuthUse::offered;
  policy.plaintext = PlaintextAuth::always;
  policy.mechanisms = {"PLAIN"};
  policy.expn = Announce::no;
  policy.limits.errors = 30;
  policy.limits.messages = 20;
  policy.priorities = {.announce = Announce::yes, .highest = 0, .authenticated = 3};
  policy.deliver_by = {.announce = Announce::yes, .min_s = 600};
  policy.future_release_s = 86'400;
  return policy;
}

TEST_CASE("sessions with a server that knows of priorities and times") {
  test::check_sessions(folder("extended"), serving(extended_policy()), kOptions);
}

TEST_CASE("sessions with a server for anyone's mail that knows of priorities and times") {
  Policy policy = extended_policy();
  policy.role = Role::mx;
  policy.auth = AuthUse::none;
  policy.deliver_by.min_s = 0;
  policy.priorities.highest = -2;
  policy.etrn = Announce::yes;
  policy.checkpoint = Announce::yes;
  test::check_sessions(folder("extended_mx"), serving(policy), kOptions);
}

TEST_CASE("sessions with a submission server that resolves URLs") {
  for (const bool pauses : {false, true}) {
    Policy policy = extended_policy();
    policy.burl = Announce::yes;
    policy.priorities.announce = policy.deliver_by.announce = Announce::no;
    policy.future_release_s = 0;
    MemoryHouse house;
    house.pauses = pauses;
    test::check_sessions(folder("burl"), serving(policy, house), kOptions);
    policy.limits.errors = 1;
    test::check_sessions(folder("burl_conduct"), serving(policy, house), kOptions);
  }
}

TEST_CASE("sessions with a server for customers who fetch their mail") {
  Policy policy = extended_policy();
  policy.role = Role::odmr;
  policy.auth = AuthUse::required;
  test::check_sessions(folder("odmr"), serving(policy), kOptions);
}

TEST_CASE("sessions with an LMTP server") { test::check_sessions(folder("lmtp"), serving(lmtp_policy()), kOptions); }

TEST_CASE("sessions with users of this host, whose addresses may lack their domain") {
  Policy policy = mx_policy();
  policy.default_domain = "example.test";
  policy.synchrony = Synchrony::not_needed;
  test::check_sessions(folder("local"), serving(policy));
}

TEST_CASE("sessions with a server that makes line ends right") {
  Policy policy = mx_policy();
  policy.line_ends = LineEnds::normalise;
  test::check_sessions(folder("normalise"), serving(policy), kOptions);
}

}  // namespace
}  // namespace angarium::protocol::smtp
