#include "protocol/smtp/server.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/counters.h"
#include "base/text.h"
#include "io/loop.h"
#include "protocol/smtp/command/command.h"
#include "protocol/smtp/conversation.h"
#include "protocol/smtp/reader.h"
#include "protocol/smtp/state.h"

namespace angarium::protocol::smtp {
namespace {

Counter sessions("angarium_smtp_sessions_total", "SMTP and LMTP sessions begun.");
Counter commands("angarium_smtp_commands_total", "SMTP and LMTP commands read.");

/// To get the last reply out before the connection closes.
constexpr Duration kFarewellTime = std::chrono::seconds(10);
/// For a client to notice that nobody listens any more.
constexpr Duration kLingerTime = std::chrono::seconds(2);
constexpr std::size_t kLingerOctets = 256 * 1024;

io::Task<Result<>> greet(Conversation& conversation) {
  const Policy& policy = conversation.policy();
  Reply answer = conversation.settle(co_await conversation.session().connected(conversation.peer()));
  // RFC 5321 §3.1: the client waits for the greeting. A stream nobody has read is readable for all it knows: read
  // first.
  bool early = conversation.input().fill(conversation.connection()).value_or(0) > 0;
  if (!early && answer.code == 220 && policy.early_talk == EarlyTalk::refuse) {
    conversation.connection().set_deadline(io::Loop::current().now() + policy.greeting_delay);
    (void)co_await conversation.connection().readable(conversation.stop());  // silence is what we hope for
    early = conversation.input().fill(conversation.connection()).value_or(0) > 0;
  }
  if (early) {
    conversation.session().offence(Offence::early_talk);
    if (answer.code == 220 && policy.early_talk == EarlyTalk::refuse)
      answer = Reply(554, {5, 5, 1}, "You spoke before the greeting");
  }
  if (answer.code == 220) {
    std::string text = policy.hostname + (policy.lmtp() ? " LMTP " : " ESMTP ") + policy.software;
    if (!answer.text.empty()) text += ' ' + answer.text;
    conversation.reply({220, {}, text});
    co_return Result<>();
  }
  if (answer.code != 421) {
    answer.text = policy.hostname + ' ' + answer.text;
    conversation.turn_away();
  }
  conversation.reply(answer);
  co_return Result<>();
}

ReplyView reply_to(Step step, const Policy& policy) {
  switch (step) {
    case Step::go: return reply::kOk;
    case Step::greet: return policy.lmtp() ? reply::kGreetFirstLmtp : reply::kGreetFirst;
    case Step::mail: return reply::kMailFirst;
    case Step::nested: return reply::kNested;
    case Step::recipients: return reply::kNoRecipients;
    case Step::begun: return reply::kBdatBegun;
    case Step::absent: return reply::kNotImplemented;
  }
  return reply::kBadSequence;
}

/// Whether policy wants something first (RFC 3207 §4, RFC 4954 §6), or code 0.
ReplyView requirement(const Conversation& conversation, Needs needs) {
  const Policy& policy = conversation.policy();
  if (needs == Needs::nothing) return {};
  if (policy.tls == TlsUse::required && conversation.peer().channel == Channel::plain) return reply::kTlsRequired;
  const bool authenticate = policy.auth == AuthUse::required && !conversation.peer().identity;
  return needs == Needs::tls_and_auth && authenticate ? reply::kAuthenticationRequired : ReplyView{};
}

/// Why the command may not be done now, or code 0.
ReplyView refusal(const Conversation& conversation, const Rule& rule, std::string_view arguments) {
  const Policy& policy = conversation.policy();
  // RFC 5321 §3.1: after a 554 greeting everything but QUIT is out of sequence.
  if (conversation.turned_away() && rule.verb != Verb::quit) return reply::kBadSequence;
  if (!offered(policy, rule.verb)) return reply::kNotImplemented;
  const Step step = step_of(rule.verb, conversation.phase());
  if (step == Step::absent || step == Step::greet) return reply_to(step, policy);
  if (const ReplyView why = requirement(conversation, rule.needs); why.code != 0) return why;
  if (step != Step::go) return reply_to(step, policy);
  if (rule.arguments == Arguments::required && arguments.empty()) return reply::kBadArguments;
  if (rule.arguments == Arguments::none && !arguments.empty()) return reply::kNoArguments;
  return {};
}

bool holds_controls(std::string_view line) {
  for (const char c : line)
    if (is_control(c) && c != '\t') return true;
  return false;
}

/// Refused before anything was parsed, or nothing: the line may be a command.
bool refuse_line(Conversation& conversation, const wire::Line& line) {
  const bool normalise = conversation.policy().line_ends == LineEnds::normalise;
  if (line.bare_cr || (line.end == wire::LineEnd::lf && !normalise)) {
    conversation.refuse_line_end(line.end);
    return true;
  }
  if (!holds_controls(line.text)) return false;
  conversation.refuse(reply::kBadOctets);
  return true;
}

/// An unknown verb; one that belongs to HTTP ends the session (a browser is misused to speak to us).
void refuse_unknown(Conversation& conversation, std::string_view word) {
  if (is_foreign(word)) {
    conversation.session().offence(Offence::foreign_protocol);
    conversation.farewell(reply::kForeign);
    return;
  }
  conversation.refuse(reply::kUnknownCommand);
}

bool spoken_here(const Rule& rule, const Policy& policy) {
  return rule.spoken == Spoken::both || (rule.spoken == Spoken::lmtp) == policy.lmtp();
}

/// One command line. The rule's own reply is in the output afterwards.
command::Done obey(Conversation& conversation, const wire::Line& line) {
  commands.add();
  conversation.hold_replies(Sent::at_once);  // RFC 2920 §3.2: also for what is not recognised
  if (refuse_line(conversation, line)) return command::done();
  const CommandLine words = split_command(line.text);
  const Verb verb = verb_of(words.verb);
  if (verb == Verb::unknown || !spoken_here(rule_of(verb), conversation.policy())) {
    refuse_unknown(conversation, words.verb);
    return command::done();
  }
  const Rule& rule = rule_of(verb);
  conversation.begin_command(verb, words.arguments);
  conversation.hold_replies(rule.sent);
  if (verb != Verb::rcpt && verb != Verb::bdat && verb != Verb::burl) ++conversation.conduct().idle_commands;
  const bool waits = conversation.policy().synchrony == Synchrony::needed;
  if (waits && rule.group == Group::last && !conversation.input().empty()) {
    conversation.session().offence(Offence::early_talk);
    conversation.reply(reply::kNotSynchronized);
    conversation.close();
    return command::done();
  }
  if (const ReplyView why = refusal(conversation, rule, words.arguments); why.code != 0) {
    if (rule.group == Group::chunk) return command::drop_bdat(conversation, words.arguments, why);
    if (verb == Verb::data) command::after_refused_data(conversation);
    return command::refused(conversation, why);
  }
  return command::kHandlers[static_cast<std::size_t>(verb)](conversation, words.arguments);
}

/// Ends a session whose client only costs.
void check_conduct(Conversation& conversation) {
  const Limits& limits = conversation.policy().limits;
  const Conduct& conduct = conversation.conduct();
  if (conversation.closing()) return;
  // Behind the limit of recipients as many more are told 452 as it lets in: a client that does not look is no attack.
  if (conduct.errors > limits.errors || conduct.refusals > limits.refusals || conduct.excess > limits.recipients ||
      conduct.auth_failures >= limits.auth_failures) {
    conversation.session().offence(Offence::too_many_errors);
    conversation.farewell(reply::kTooManyErrors);
  } else if (conduct.idle_commands > limits.idle_commands) {
    conversation.session().offence(Offence::too_many_errors);
    conversation.farewell(reply::kTooManyCommands);
  }
}

bool is_too_long(std::string_view command, const Limits& limits) {
  return command.size() + 2 > limits.command_octets && !starts_with_ignore_case(command, "AUTH ");
}

io::Task<Result<>> converse(Conversation& conversation) {
  CO_TRY(co_await greet(conversation));
  conversation.expect_command();
  while (!conversation.closing()) {
    if (conversation.stop() != nullptr && conversation.stop()->is_set()) {
      conversation.farewell(reply::kShuttingDown);
      break;
    }
    const Limits& limits = conversation.policy().limits;
    // Lines that are waited for hold memory: the longer ones only from who may log in and has not done so.
    const bool may_log_in = conversation.policy().auth != AuthUse::none && !conversation.peer().identity;
    const std::uint32_t octets_max =
        may_log_in ? std::max(limits.command_octets, limits.auth_command_octets()) : limits.command_octets;
    Result<std::optional<wire::Line>> line = co_await read_line(conversation, octets_max);
    if (line ? *line && is_too_long((*line)->text, limits) : line.error().is(wire::kLineTooLong)) {
      conversation.refuse(reply::kLineTooLong);
    } else if (!line) {
      co_return std::unexpected(std::move(line).error());
    } else if (*line) {
      CO_TRY(co_await obey(conversation, **line));
      conversation.command_done();
    }
    check_conduct(conversation);
    if (conversation.sent() == Sent::at_once) CO_TRY(co_await conversation.flush());
    conversation.expect_command();
  }
  co_return Result<>();
}

/// Octets that nobody read would make the kernel reset the connection, and the client lose the last reply: they are
/// read and dropped for a while.
io::Task<> linger(Conversation& conversation) {
  wire::Input& input = conversation.input();
  wire::Connection& connection = conversation.connection();
  if (input.empty() && input.fill(connection).value_or(0) == 0) co_return;
  connection.set_deadline(io::Loop::current().now() + kLingerTime);
  for (std::size_t dropped = input.clear(); dropped < kLingerOctets; dropped += input.clear())
    if (!co_await input.more(connection)) co_return;
}

}  // namespace

io::Task<> serve(wire::Connection& connection, Session& session, const Policy& policy, io::Event* stop) {
  sessions.add();
  Conversation conversation(connection, session, policy, stop);
  const Result<> ended = co_await converse(conversation);
  if (policy.checkpoints()) co_await session.ended(conversation.ending());
  conversation.end_transaction();
  if (ended) {
    connection.set_deadline(io::Loop::current().now() + kFarewellTime);
    const Result<> said = co_await conversation.flush();
    if (said && conversation.turned()) {
      co_await session.turned(conversation.connection());
      connection.close();
      co_return;
    }
    if (said && connection.shutdown_write()) co_await linger(conversation);
  }
  connection.close();
}

}  // namespace angarium::protocol::smtp
