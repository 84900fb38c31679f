#include "protocol/pop3/session.h"

namespace angarium::protocol::pop3 {

// RFC 1939 §5, DELE: only a mark until QUIT.
Answer dele(Session& session, Parameters parameters) {
  const auto index = session.maildrop->only(parameters);
  if (!index) {
    session.refuse(index.error());
    return Result<>();
  }
  session.maildrop->mark(*index);
  session.ok("marked as deleted");
  return Result<>();
}

}  // namespace angarium::protocol::pop3
