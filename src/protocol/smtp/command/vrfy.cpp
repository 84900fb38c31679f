// VRFY and EXPN (RFC 5321 §3.5, §4.1.1.6, §4.1.1.7, RFC 6531 §3.7.4.2).
#include <string>

#include "base/text.h"
#include "protocol/smtp/command/command.h"

namespace angarium::protocol::smtp::command {
namespace {

struct Question {
  std::string text;
  envelope::Utf8 utf8 = envelope::Utf8::refuse;
};

/// String [ SP "SMTPUTF8" ]
Question parse(std::string_view arguments) {
  constexpr std::string_view kMark = " SMTPUTF8";
  Question question;
  if (arguments.size() > kMark.size() && equals_ignore_case(arguments.substr(arguments.size() - kMark.size()), kMark)) {
    question.utf8 = envelope::Utf8::accept;
    arguments.remove_suffix(kMark.size());
  }
  arguments = trim(arguments);
  // RFC 5321 §3.5.1: a list may be named as it would be in RCPT.
  if (arguments.size() > 2 && arguments.starts_with('<') && arguments.ends_with('>'))
    arguments = arguments.substr(1, arguments.size() - 2);
  question.text = arguments;
  return question;
}

void answer(Conversation& conversation, Reply reply, envelope::Utf8 utf8) {
  // RFC 6531 §3.7.4.2: a reply that needs UTF-8 must be 252 or 550 to a client that did not allow it.
  if (utf8 == envelope::Utf8::refuse && !all_ascii(reply.text)) reply = reply::kUtf8ReplyNeeded;
  conversation.reply(reply, utf8 == envelope::Utf8::accept ? ReplyCharset::utf8 : ReplyCharset::ascii);
}

io::Task<Result<>> verify(Conversation& conversation, Question question) {
  answer(conversation, conversation.settle(co_await conversation.session().vrfy(question.text, question.utf8)),
         question.utf8);
  co_return Result<>();
}

io::Task<Result<>> expand(Conversation& conversation, Question question) {
  answer(conversation, conversation.settle(co_await conversation.session().expn(question.text, question.utf8)),
         question.utf8);
  co_return Result<>();
}

}  // namespace

Done vrfy(Conversation& conversation, std::string_view arguments) { return verify(conversation, parse(arguments)); }

Done expn(Conversation& conversation, std::string_view arguments) {
  if (conversation.policy().expn == Announce::no) return refused(conversation, reply::kNotImplemented);
  return expand(conversation, parse(arguments));
}

}  // namespace angarium::protocol::smtp::command
