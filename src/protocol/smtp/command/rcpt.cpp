// RCPT (RFC 5321 §4.1.1.3) with the parameters of RFC 3461.
#include "protocol/smtp/command/command.h"
#include "protocol/smtp/command/path.h"

namespace angarium::protocol::smtp::command {
namespace {

ReplyView reply_to(const Error& error) {
  if (error.is(envelope::kUtf8NotAllowed)) return reply::kRecipientNeedsAscii;
  if (error.is(envelope::kBadParameter)) return reply::kBadArguments;
  return reply::kBadForwardPath;
}

io::Task<Result<>> add(Conversation& conversation, envelope::Recipient recipient) {
  const Reply answer = conversation.settle(co_await conversation.session().rcpt(recipient));
  const bool utf8 = conversation.transaction().utf8 == envelope::Utf8::accept;
  // RFC 6531 §3.7.4.1: a 251 or 551 may name a non-ASCII mailbox only to a client that said SMTPUTF8.
  conversation.reply(answer, utf8 ? ReplyCharset::utf8 : ReplyCharset::ascii);
  if (!answer.completed()) {
    ++conversation.conduct().refusals;
    co_return Result<>();
  }
  ++conversation.transaction().accepted;
  conversation.set_phase(Phase::recipients);
  co_return Result<>();
}

}  // namespace

Done rcpt(Conversation& conversation, std::string_view arguments) {
  const Policy& policy = conversation.policy();
  if (conversation.transaction().offset) return refused(conversation, reply::kGoesOn);
  if (!take_keyword(arguments, "TO:")) return refused(conversation, reply::kBadArguments);
  Result<envelope::Recipient> recipient =
      envelope::parse_recipient(arguments, path_options(policy, conversation.transaction().utf8));
  if (!recipient) return refused(conversation, reply_to(recipient.error()));
  const envelope::RcptParameters& parameters = recipient->parameters;
  const bool unannounced = policy.dsn == Announce::no && (parameters.notify || parameters.original);
  if (unannounced || !parameters.unknown.empty()) return refused(conversation, reply::kUnknownParameter);
  // RFC 5321 §4.5.3.1.10: those accepted so far stay; not an error of the client's.
  if (conversation.transaction().accepted >= policy.limits.recipients) {
    ++conversation.conduct().excess;
    conversation.reply(reply::kTooManyRecipients);
    return done();
  }
  return add(conversation, *std::move(recipient));
}

}  // namespace angarium::protocol::smtp::command
