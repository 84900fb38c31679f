// IDLE (RFC 9051 §6.3.13, RFC 2177). Holds no buffer while nothing happens.
#include "base/text.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> idle(Session& session, Command&) {
  session.text() += "+ idling\r\n";
  session.reader.next();
  session.reader.release();
  const auto deadline = session.patience();
  for (;;) {
    if (session.selected) CO_TRY(co_await session.selected->mailbox().renew());
    CO_TRY(co_await session.tell_events(CommandRow::Expunges::told, Addressing::sequence));
    session.tell_annotations();
    session.tell_url_keys();
    if (session.after == Session::After::end) co_return done("IDLE terminated");
    auto view = session.input.view();
    const auto before = view.size();
    const auto event = session.reader.feed(view);
    session.input.consume(before - view.size());
    if (event == CommandReader::Event::need_more) {
      if (session.stopping) co_return fail(kSessionOver, "stopping");
      CO_TRY(co_await session.more(deadline));
      continue;
    }
    const bool finished = event == CommandReader::Event::line && equals_ignore_case(session.reader.text(), "DONE");
    session.reader.next();
    // RFC 9051 §6.3.13: nothing but DONE may be sent.
    if (!finished) co_return fail(kSyntax, "DONE expected");
    co_return done("IDLE terminated");
  }
}

}  // namespace angarium::protocol::imap::command
