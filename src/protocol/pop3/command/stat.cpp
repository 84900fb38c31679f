#include "protocol/pop3/session.h"
#include "protocol/pop3/writer.h"

namespace angarium::protocol::pop3 {

// RFC 1939 §5, STAT: messages marked as deleted are not counted.
Answer stat(Session& session, Parameters) {
  std::string& text = session.output.text();
  text += "+OK ";
  append_number(text, session.maildrop->left());
  text += ' ';
  append_number(text, session.maildrop->octets_left());
  text += "\r\n";
  return Result<>();
}

}  // namespace angarium::protocol::pop3
