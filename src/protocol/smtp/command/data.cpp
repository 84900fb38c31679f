// DATA (RFC 5321 §4.1.1.4, §4.5.2): dot-stuffed lines to CR LF . CR LF, handed on as they come.
#include <string>

#include "io/loop.h"
#include "message/dots.h"
#include "protocol/smtp/body.h"
#include "protocol/smtp/command/command.h"

namespace angarium::protocol::smtp::command {
namespace {

/// Hands on what lies in the input.
Flow drink(Conversation& conversation, message::DotReader& reader) {
  BodyIntake& body = *conversation.body();
  std::string_view view = conversation.input().view();
  const std::size_t before = view.size();
  Flow flow = Flow::more;
  while (!view.empty() && !reader.ended() && flow == Flow::more) flow = body.take(reader.take(view));
  conversation.input().consume(before - view.size());
  return flow;
}

io::Task<Result<>> receive(Conversation& conversation) {
  const Reply wanted = conversation.settle(co_await conversation.session().begin_body());
  if (!wanted.positive()) {
    conversation.reply(wanted);
    conversation.end_transaction();
    after_refused_data(conversation);
    co_return Result<>();
  }
  conversation.begin_body();
  if (const auto offset = conversation.transaction().offset) {
    const std::string text = "Send the message from octet " + std::to_string(*offset) + "; end with <CRLF>.<CRLF>";
    conversation.reply({354, {}, text});
  } else {
    conversation.reply(reply::kStartInput);
  }
  CO_TRY(co_await conversation.flush());
  message::DotReader reader;
  for (;;) {
    const Flow flow = drink(conversation, reader);
    if (reader.ended()) break;
    if (flow == Flow::pause) {
      CO_TRY(co_await sink_drained(conversation));
    } else if (!CO_TRY(co_await more_body(conversation))) {
      co_return Result<>();
    }
  }
  co_return co_await finish_message(conversation, reader.seen());
}

}  // namespace

Done data(Conversation& conversation, std::string_view) {
  if (conversation.transaction().body == envelope::Body::binary_mime) {  // RFC 3030 §3
    after_refused_data(conversation);
    return refused(conversation, reply::kBinaryNeedsBdat);
  }
  return receive(conversation);
}

}  // namespace angarium::protocol::smtp::command
