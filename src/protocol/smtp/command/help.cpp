// HELP (RFC 5321 §4.1.1.8).
#include "base/text.h"
#include "protocol/smtp/command/command.h"

namespace angarium::protocol::smtp::command {
namespace {

bool spoken(const Rule& rule, const Policy& policy) {
  if (rule.step[0] == Step::absent) return false;
  if (rule.verb == Verb::auth && policy.auth == AuthUse::none) return false;
  if (rule.verb == Verb::expn && policy.expn == Announce::no) return false;
  if (rule.verb == Verb::etrn && policy.etrn == Announce::no) return false;
  if (!offered(policy, rule.verb)) return false;
  if (rule.verb == Verb::starttls && policy.tls == TlsUse::none) return false;
  return rule.spoken == Spoken::both || (rule.spoken == Spoken::lmtp) == policy.lmtp();
}

}  // namespace

Done help(Conversation& conversation, std::string_view arguments) {
  const Policy& policy = conversation.policy();
  if (!arguments.empty()) {
    const Verb verb = verb_of(arguments);
    if (verb == Verb::unknown || !spoken(rule_of(verb), policy)) {
      conversation.refuse({504, {5, 5, 4}, "No help on this"});
      return done();
    }
    std::string text(rule_of(verb).name);
    text += " is known; see RFC 5321 and its extensions";
    conversation.reply({214, {2, 0, 0}, text});
    return done();
  }
  std::string text = "Commands:";
  for (const Rule& rule : kRules) {
    if (!spoken(rule, policy)) continue;
    text += ' ';
    text += rule.name;
  }
  conversation.reply({214, {2, 0, 0}, text});
  return done();
}

}  // namespace angarium::protocol::smtp::command
