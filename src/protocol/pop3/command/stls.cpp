#include "protocol/pop3/session.h"

namespace angarium::protocol::pop3 {
namespace {

io::Task<Result<>> begin(Session& session) {
  session.ok("begin TLS negotiation");
  CO_TRY(co_await session.output.flush(session.connection()));
  const std::size_t dropped = CO_TRY(co_await session.connection().start_tls(session.input));
  // What came in plain behind STLS may be anybody's, and is forgotten like all that was said before (RFC 2595 §4).
  if (dropped > 0) session.authenticator.offence(Offence::injected_plaintext);
  session.user.reset();
  co_return Result<>();
}

}  // namespace

// RFC 2595 §4, STLS.
Answer stls(Session& session, Parameters) {
  if (!session.connection().can_start_tls()) {
    session.refuse(Code::none,
                   session.connection().tls() != nullptr ? "TLS is active already" : "TLS is not available");
    return Result<>();
  }
  if (session.presentation == Presentation::utf8) {
    session.refuse_bad("not after UTF8");  // RFC 6856 §2.1
    return Result<>();
  }
  return begin(session);
}

}  // namespace angarium::protocol::pop3
