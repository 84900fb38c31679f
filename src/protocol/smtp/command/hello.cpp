// HELO, EHLO (RFC 5321 §4.1.1.1) and LHLO (RFC 2033 §4.1).
#include <algorithm>

#include "protocol/smtp/command/command.h"
#include "protocol/smtp/ehlo.h"

namespace angarium::protocol::smtp::command {
namespace {

/// Domain and address literal are at most 255 octets (RFC 5321 §4.5.3.1.2).
constexpr std::size_t kNameMax = 255;

/// Clients call themselves what they will, and mail may not be refused for it (RFC 5321 §4.1.4): only what could not be
/// written in a trace field is no name.
bool is_name(std::string_view text) {
  if (text.size() > kNameMax) return false;
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127 && c != '(' && c != ')' && c != '\\'; });
}

Done greet(Conversation& conversation, std::string_view name, Hello hello) {
  if (!is_name(name)) return refused(conversation, reply::kBadName);
  // RFC 5321 §4.1.4: a later EHLO clears all buffers as RSET does.
  conversation.end_transaction();
  conversation.set_phase(Phase::greeted);
  conversation.peer().hello = hello;
  conversation.peer().name = name;
  const Policy& policy = conversation.policy();
  const std::int64_t now = io::Loop::current().clock().wall().seconds();
  conversation.set_latest_release(WallTime::from_seconds(now + policy.future_release_s));
  std::string text = policy.hostname;
  if (hello != Hello::helo) text += extensions(conversation);
  conversation.reply({250, {}, text});
  return done();
}

}  // namespace

Done helo(Conversation& conversation, std::string_view arguments) {
  return greet(conversation, arguments, Hello::helo);
}
Done ehlo(Conversation& conversation, std::string_view arguments) {
  return greet(conversation, arguments, Hello::ehlo);
}
Done lhlo(Conversation& conversation, std::string_view arguments) {
  return greet(conversation, arguments, Hello::lhlo);
}

}  // namespace angarium::protocol::smtp::command
