#include "protocol/pop3/session.h"

namespace angarium::protocol::pop3 {

// RFC 1939 §7, USER. Whether there is such a user is not told here.
Answer user(Session& session, Parameters parameters) {
  const auto name = parameters.require_rest();
  if (!name) {
    session.refuse(name.error());
    return Result<>();
  }
  session.user = std::string(*name);
  session.ok("send the password");
  return Result<>();
}

}  // namespace angarium::protocol::pop3
