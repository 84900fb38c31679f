// COMPRESS (RFC 4978 §3).
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> compress(Session& session, Command& command) {
  const auto algorithm = CO_TRY(command.parser.word());
  CO_TRY(command.parser.end());
  if (algorithm != "DEFLATE") co_return fail(kSyntax, "DEFLATE is the only compression there is");
  // RFC 4978 §3 has BAD for a command that comes twice, and this code for who knows why: clients understand the code.
  if (session.compressed) co_return fail(kCompressionActive, "DEFLATE is active already, by COMPRESS");
  session.compressed = true;
  session.after = Session::After::compress;
  co_return done("DEFLATE active");
}

}  // namespace angarium::protocol::imap::command
