// CANCELUPDATE (RFC 5267 §4.3.5).
#include "protocol/imap/contexts.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> cancelupdate(Session& session, Command& command) {
  auto& parser = command.parser;
  std::vector<std::string> tags;
  do {
    if (tags.size() >= kContextsMax) co_return fail(kSyntax, "Too many tags");
    tags.push_back(CO_TRY(parser.string()));
  } while (parser.present(' '));
  CO_TRY(parser.end());
  auto& contexts = session.selected->contexts;
  if (contexts == nullptr) co_return fail(kRefused, "No search is kept up to date");
  CO_TRY(contexts->cancel(tags));
  if (contexts->empty()) contexts.reset();
  co_return done("No further updates");
}

}  // namespace angarium::protocol::imap::command
