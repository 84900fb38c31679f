#include <utility>

#include "protocol/pop3/session.h"

namespace angarium::protocol::pop3 {
namespace {

io::Task<Result<>> update(Session& session) {
  const auto marked = session.maildrop->marked();
  auto removed = co_await session.maildrop->body().remove(marked);
  // The lock ends before the answer: the client may be back at once (RFC 1939 §6).
  session.maildrop.reset();
  if (removed) {
    session.ok("the marked messages are removed, bye");
  } else {
    session.refuse(removed.error());
  }
  session.close();
  co_return Result<>();
}

}  // namespace

// RFC 1939 §4 and §6, QUIT: +OK only once the removal is durable.
Answer quit(Session& session, Parameters) {
  if (session.maildrop && session.maildrop->left() < session.maildrop->count()) return update(session);
  session.maildrop.reset();
  session.ok("bye");
  session.close();
  return Result<>();
}

}  // namespace angarium::protocol::pop3
