// NOOP (RFC 5321 §4.1.1.9). Its argument, if any, is ignored.
#include "protocol/smtp/command/command.h"

namespace angarium::protocol::smtp::command {

Done noop(Conversation& conversation, std::string_view) {
  conversation.reply(reply::kOk);
  return done();
}

}  // namespace angarium::protocol::smtp::command
