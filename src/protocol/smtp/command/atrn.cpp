// ATRN (RFC 2645 §5.2.1): a customer without an address of its own asks for its mail, and the connection turns round.
#include <string>
#include <vector>

#include "base/text.h"
#include "message/domain.h"
#include "protocol/smtp/command/command.h"

namespace angarium::protocol::smtp::command {
namespace {

io::Task<Result<>> turn(Conversation& conversation, std::vector<std::string> domains) {
  const Reply answer = conversation.settle(co_await conversation.session().atrn(domains));
  conversation.reply(answer);
  if (answer.completed()) conversation.turn();
  co_return Result<>();
}

}  // namespace

Done atrn(Conversation& conversation, std::string_view arguments) {
  // RFC 2645 §5.2.1: a MUST, whatever else policy says.
  if (!conversation.peer().identity) return refused(conversation, reply::kAuthenticationRequired);
  std::vector<std::string> domains;
  if (arguments.ends_with(',')) return refused(conversation, reply::kBadArguments);
  while (!arguments.empty()) {
    const std::string_view domain = take_until(arguments, ',');
    if (!message::valid_domain(domain) || domain.find('.') == std::string_view::npos)
      return refused(conversation, reply::kBadArguments);
    domains.emplace_back(domain);
  }
  return turn(conversation, std::move(domains));
}

}  // namespace angarium::protocol::smtp::command
