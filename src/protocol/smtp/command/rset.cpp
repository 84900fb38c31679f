// RSET (RFC 5321 §4.1.1.5).
#include "protocol/smtp/command/command.h"

namespace angarium::protocol::smtp::command {

Done rset(Conversation& conversation, std::string_view) {
  conversation.end_transaction();
  conversation.reply(reply::kOk);
  return done();
}

}  // namespace angarium::protocol::smtp::command
