// AUTH (RFC 4954): a SASL exchange in lines of base64.
#include <optional>

#include "base/text.h"
#include "io/loop.h"
#include "protocol/smtp/command/command.h"
#include "sasl/line.h"
#include "sasl/mechanism.h"
#include "wire/saslsec/exchange.h"

namespace angarium::protocol::smtp::command {
namespace {

/// RFC 4954 §6
ReplyView reply_to(const Error& error) {
  if (error.is(sasl::kAborted)) return reply::kAuthenticationCancelled;
  if (error.is(sasl::kTooLong)) return reply::kAuthLineTooLong;
  if (error.is(wire::saslsec::kTransition)) return reply::kTransitionNeeded;
  if (error.is(sasl::kSecondFactor)) return reply::kSecondFactorNeeded;
  if (error.is(sasl::kOutOfScope)) return reply::kPasswordNotForThis;
  if (error.fault() == Fault::syntax) return reply::kAuthMalformed;
  if (error.temporary() || error.fault() != Fault::user) return reply::kAuthenticationLater;
  return reply::kCredentialsInvalid;
}

/// The same for a line that was not decoded (RFC 4954 §4).
ReplyView reply_to_line(const Error& error) { return error.is(sasl::kMalformed) ? reply::kBadBase64 : reply_to(error); }

io::Task<Result<>> fail_with(Conversation& conversation, ReplyView why) {
  if (why.code == reply::kCredentialsInvalid.code) {
    ++conversation.conduct().auth_failures;
    conversation.session().offence(Offence::failed_auth);
    CO_TRY(co_await conversation.flush());
    io::Loop& loop = io::Loop::current();
    co_await loop.sleep_until(loop.now() + conversation.policy().times.auth_failure);
    conversation.reply(why);
  } else if (why.code == reply::kAuthenticationLater.code || why.code == reply::kTransitionNeeded.code) {
    conversation.reply(why);
  } else {
    conversation.refuse(why);
  }
  co_return Result<>();
}

/// Why the mechanism may not be used here, or code 0. What is switched off and weak is too weak for the site (534),
/// other is not spoken here; what only lacks TLS is told so (538), though it was not announced.
ReplyView judge(const Conversation& conversation, const sasl::Mechanism* mechanism) {
  using wire::saslsec::Judgement;
  switch (wire::saslsec::judge(mechanism, conversation.enabled_mechanisms(), conversation.mechanisms(),
                               conversation.connection())) {
    case Judgement::allowed: return {};
    case Judgement::off:
      return mechanism->grade == sasl::Grade::weak ? reply::kMechanismWeak : reply::kMechanismUnknown;
    case Judgement::needs_tls: return reply::kMechanismNeedsTls;
    case Judgement::unknown: break;
  }
  return reply::kMechanismUnknown;
}

/// The client's answer to a challenge. No value: the exchange has failed and the reply is written.
io::Task<Result<std::optional<std::string>>> ask(Conversation& conversation, std::string_view challenge) {
  // Who sends on without having seen the challenge does not authenticate (RFC 4954 §4).
  if (!conversation.input().empty()) {
    conversation.session().offence(Offence::early_talk);
    conversation.reply(reply::kNotSynchronized);
    conversation.close();
    co_return std::nullopt;
  }
  conversation.output().append("334 ");
  conversation.output().append(to_base64(challenge));
  conversation.output().append("\r\n");
  Result<std::optional<wire::Line>> line = co_await read_line(conversation, conversation.policy().limits.auth_octets);
  if (!line && line.error().is(wire::kLineTooLong)) {
    conversation.refuse(reply::kAuthLineTooLong);
    co_return std::nullopt;
  }
  if (!line) co_return std::unexpected(std::move(line).error());
  if (!*line) co_return std::nullopt;
  if (!(*line)->strict()) {
    conversation.refuse_line_end((*line)->end);
    co_return std::nullopt;
  }
  Result<std::string> response = sasl::decode_response((*line)->text);
  if (response) co_return *std::move(response);
  CO_TRY(co_await fail_with(conversation, reply_to_line(response.error())));
  co_return std::nullopt;
}

/// RFC 4954 §4: what the exchange agreed on takes effect behind this reply.
io::Task<Result<>> succeed(Conversation& conversation, std::string_view mechanism, sasl::Success success) {
  const auto taken = co_await conversation.session().authenticated(success.identity);
  if (!taken) co_return co_await fail_with(conversation, reply_to(taken.error()));
  conversation.peer().identity = std::move(success.identity);
  conversation.peer().mechanism = mechanism;
  conversation.reply(reply::kAuthenticated);
  if (success.layer == nullptr) co_return Result<>();
  CO_TRY(co_await conversation.flush());
  conversation.secure(std::move(success.layer));
  co_return Result<>();
}

io::Task<Result<>> exchange(Conversation& conversation, const sasl::Mechanism& mechanism,
                            std::optional<std::string> initial) {
  // RFC 4954 §4, RFC 2033 §4.4
  const std::string_view service = conversation.policy().lmtp() ? "lmtp" : "smtp";
  wire::saslsec::Exchange exchange(mechanism, service, conversation.mechanisms(), conversation.connection(),
                                   conversation.session().credentials());
  std::optional<std::string> response = std::move(initial);
  for (;;) {
    sasl::ServerStep step = co_await exchange.respond(std::move(response));
    if (auto* success = std::get_if<sasl::Success>(&step))
      co_return co_await succeed(conversation, exchange.mechanism(), std::move(*success));
    if (const auto* failure = std::get_if<sasl::Failure>(&step))
      co_return co_await fail_with(conversation, reply_to(failure->error));
    response = CO_TRY(co_await ask(conversation, std::get<sasl::Challenge>(step).octets));
    if (!response) co_return Result<>();
  }
}

}  // namespace

Done auth(Conversation& conversation, std::string_view arguments) {
  if (conversation.policy().auth == AuthUse::none) return refused(conversation, reply::kNotImplemented);
  if (conversation.peer().identity) return refused(conversation, reply::kAlreadyAuthenticated);
  const sasl::Mechanism* mechanism = sasl::find_mechanism(take_until(arguments, ' '));
  if (const ReplyView why = judge(conversation, mechanism); why.code != 0) return refused(conversation, why);
  std::optional<std::string> initial;
  if (!arguments.empty()) {
    Result<std::string> decoded = sasl::decode_initial_response(arguments);
    if (!decoded) return refused(conversation, reply_to_line(decoded.error()));
    initial = *std::move(decoded);
  }
  return exchange(conversation, *mechanism, std::move(initial));
}

}  // namespace angarium::protocol::smtp::command
