// QUIT (RFC 5321 §4.1.1.10).
#include "protocol/smtp/command/command.h"

namespace angarium::protocol::smtp::command {

Done quit(Conversation& conversation, std::string_view) {
  conversation.end_transaction();  // RFC 1845 §3: an aborted one is not kept
  conversation.quit();
  conversation.farewell(reply::kClosing);
  return done();
}

}  // namespace angarium::protocol::smtp::command
