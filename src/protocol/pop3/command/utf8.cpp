#include "protocol/pop3/session.h"

namespace angarium::protocol::pop3 {

// RFC 6856 §2.1, UTF8.
Answer utf8(Session& session, Parameters) {
  session.presentation = Presentation::utf8;
  session.ok("UTF-8 mode");
  return Result<>();
}

}  // namespace angarium::protocol::pop3
