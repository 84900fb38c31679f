// MAIL (RFC 5321 §4.1.1.2) with the parameters of RFC 1870, 6152, 3030, 6531, 4954 and 3461.
#include "protocol/smtp/command/command.h"
#include "protocol/smtp/command/path.h"

namespace angarium::protocol::smtp::command {
namespace {

ReplyView reply_to(const Error& error) {
  if (error.is(envelope::kUtf8NotAllowed)) return reply::kSenderNeedsAscii;
  if (error.is(envelope::kBadParameter)) return reply::kBadArguments;
  return reply::kBadReversePath;
}

/// Why the parameters are not taken, or code 0.
ReplyView judge(const Policy& policy, const envelope::MailParameters& parameters) {
  const bool unannounced = parameters.priority || parameters.deliver_by || parameters.hold_for_s ||
                           parameters.hold_until || parameters.require_tls ||
                           (policy.dsn == Announce::no && (parameters.ret || parameters.envelope_id)) ||
                           (policy.auth == AuthUse::none && parameters.auth);
  if (unannounced || !parameters.unknown.empty()) return reply::kUnknownParameter;
  if (parameters.size.value_or(0) > policy.limits.message_octets) return reply::kTooBig;  // RFC 1870 §6.1
  return {};
}

io::Task<Result<>> open(Conversation& conversation, envelope::Sender sender) {
  const Reply answer = conversation.settle(co_await conversation.session().mail(sender));
  conversation.reply(answer);
  if (!answer.completed()) co_return Result<>();
  ++conversation.conduct().messages;
  conversation.open_transaction({.body = sender.parameters.body.value_or(envelope::Body::seven_bit),
                                 .utf8 = sender.parameters.smtputf8 ? envelope::Utf8::accept : envelope::Utf8::refuse});
  co_return Result<>();
}

}  // namespace

Done mail(Conversation& conversation, std::string_view arguments) {
  const Policy& policy = conversation.policy();
  if (conversation.conduct().messages >= policy.limits.messages) {
    conversation.reply(reply::kTooManyMessages);
    return done();
  }
  if (!take_keyword(arguments, "FROM:")) return refused(conversation, reply::kBadArguments);
  // Octets above 127 are looked at with the parameters behind them: SMTPUTF8 may stand there.
  Result<envelope::Sender> sender = envelope::parse_sender(arguments, path_options(envelope::Utf8::accept));
  if (!sender) return refused(conversation, reply_to(sender.error()));
  if (const ReplyView why = judge(policy, sender->parameters); why.code != 0) return refused(conversation, why);
  return open(conversation, *std::move(sender));
}

}  // namespace angarium::protocol::smtp::command
