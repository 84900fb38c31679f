#include "protocol/pop3/session.h"
#include "protocol/pop3/writer.h"

namespace angarium::protocol::pop3 {

// RFC 1460 §4, LAST: gone from RFC 1939, still asked for.
Answer last(Session& session, Parameters) {
  std::string& text = session.output.text();
  text += "+OK ";
  append_number(text, session.maildrop->last_accessed());
  text += "\r\n";
  return Result<>();
}

}  // namespace angarium::protocol::pop3
