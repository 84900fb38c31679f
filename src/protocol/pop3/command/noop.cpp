#include "protocol/pop3/session.h"

namespace angarium::protocol::pop3 {

// RFC 1939 §5, NOOP.
Answer noop(Session& session, Parameters) {
  session.ok("");
  return Result<>();
}

}  // namespace angarium::protocol::pop3
