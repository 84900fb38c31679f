#include "protocol/pop3/session.h"

namespace angarium::protocol::pop3 {

// RFC 1939 §5, RETR.
Answer retr(Session& session, Parameters parameters) {
  const auto index = session.maildrop->only(parameters);
  if (!index) {
    session.refuse(index.error());
    return Result<>();
  }
  session.maildrop->accessed(*index);
  return session.send_message(*index, Purpose::retrieve, std::nullopt);
}

}  // namespace angarium::protocol::pop3
