// ETRN (RFC 1985): a host that was away asks for what waits for it. The mail goes to where it always goes, by another
// connection: nobody gets it by asking.
#include <string>

#include "message/domain.h"
#include "protocol/smtp/command/command.h"

namespace angarium::protocol::smtp::command {
namespace {

io::Task<Result<>> start(Conversation& conversation, std::string domain) {
  conversation.reply(conversation.settle(co_await conversation.session().etrn(domain)));
  co_return Result<>();
}

}  // namespace

Done etrn(Conversation& conversation, std::string_view arguments) {
  if (conversation.policy().etrn == Announce::no) return refused(conversation, reply::kNotImplemented);
  const char option = arguments.front();
  const bool optional = option == '@' || option == '#';
  const std::string_view node = arguments.substr(optional ? 1 : 0);
  // RFC 1985 §5: a name of several labels. Queues (§5.3) have names of their own: none here.
  const bool name = message::valid_domain(node) && node.find('.') != std::string_view::npos;
  if (option != '#' && !name) return refused(conversation, reply::kBadArguments);
  if (optional) return refused(conversation, reply::kNoSuchQueue);
  return start(conversation, std::string(node));
}

}  // namespace angarium::protocol::smtp::command
