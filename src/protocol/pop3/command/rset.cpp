#include "protocol/pop3/session.h"
#include "protocol/pop3/writer.h"

namespace angarium::protocol::pop3 {

// RFC 1939 §5, RSET.
Answer rset(Session& session, Parameters) {
  session.maildrop->unmark_all();
  std::string& text = session.output.text();
  text += "+OK maildrop has ";
  append_number(text, session.maildrop->left());
  text += " messages (";
  append_number(text, session.maildrop->octets_left());
  text += " octets)\r\n";
  return Result<>();
}

}  // namespace angarium::protocol::pop3
