// STARTTLS (RFC 3207 §4).
#include "protocol/smtp/command/command.h"

namespace angarium::protocol::smtp::command {
namespace {

io::Task<Result<>> start(Conversation& conversation) {
  conversation.end_transaction();
  conversation.reply(reply::kReadyForTls);
  CO_TRY(co_await conversation.flush());
  const std::size_t dropped = CO_TRY(co_await conversation.connection().start_tls(conversation.input()));
  if (dropped > 0) conversation.session().offence(Offence::injected_plaintext);
  if (conversation.peer().identity) conversation.session().forgotten();
  conversation.forget_peer();
  co_return Result<>();
}

}  // namespace

Done starttls(Conversation& conversation, std::string_view) {
  if (conversation.policy().tls == TlsUse::none) return refused(conversation, reply::kNotImplemented);
  if (conversation.connection().tls() != nullptr) return refused(conversation, reply::kTlsActive);
  if (!conversation.connection().can_start_tls()) {
    conversation.reply(reply::kTlsNotAvailable);
    return done();
  }
  return start(conversation);
}

}  // namespace angarium::protocol::smtp::command
