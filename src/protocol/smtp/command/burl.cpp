// BURL (RFC 4468): the message, or a stretch of it, is what a URL names. It goes as chunks do, and mixes with BDAT.
#include <optional>
#include <string>

#include "base/text.h"
#include "protocol/smtp/body.h"
#include "protocol/smtp/command/command.h"

namespace angarium::protocol::smtp::command {
namespace {

struct Request {
  std::string url;
  bool last = false;
};

/// absolute-URI [SP end-marker] (RFC 4468 §3.5)
std::optional<Request> parse(std::string_view arguments) {
  Request request{.url = std::string(take_until(arguments, ' '))};
  const std::string_view marker = trim(arguments);
  request.last = equals_ignore_case(marker, "LAST");
  const bool absolute = request.url.find(':') != std::string::npos && is_alpha(request.url.front());
  if (!absolute || (!request.last && !marker.empty())) return std::nullopt;
  return request;
}

/// RFC 4468 §6.
ReplyView reply_to_url(const Error& error) {
  if (error.is(kUrlRefused)) return reply::kUrlNotAuthorized;
  if (error.is(kUrlForeign)) return reply::kUrlNeedsTrust;
  return error.temporary() ? reply::kUrlLater : reply::kUrlEmpty;
}

/// The content goes to the sink; nothing more of it once the message is refused.
io::Task<Result<>> pour(Conversation& conversation, std::string url) {
  BodyIntake& body = *conversation.body();
  auto content = CO_TRY(co_await conversation.session().open_url(std::move(url)));
  body.expect(content->size());
  while (!body.refused()) {
    const std::string_view octets = CO_TRY(co_await content->next());
    if (octets.empty()) break;
    body.look(octets);
    if (body.take(octets) == Flow::pause) CO_TRY(co_await sink_drained(conversation));
  }
  co_return Result<>();
}

io::Task<Result<>> receive(Conversation& conversation, Request request) {
  co_await begin_chunks(conversation);
  BodyIntake& body = *conversation.body();
  if (!body.refused()) {
    if (const Result<> poured = co_await pour(conversation, std::move(request.url)); !poured) {
      // RFC 4468 §3.2: the whole transaction fails. Who guesses URLs makes errors; what we lack is none of theirs.
      const Error& error = poured.error();
      if (error.is(kUrlRefused) || error.is(kUrlForeign) || error.is(kUrlNothing)) ++conversation.conduct().errors;
      body.refuse(Reply(reply_to_url(poured.error())));
    }
  }
  if (request.last) co_return co_await finish_message(conversation, body.seen());
  conversation.reply(body.refused() ? ReplyView(body.refusal()) : reply::kUrlOk);
  co_return Result<>();
}

}  // namespace

Done burl(Conversation& conversation, std::string_view arguments) {
  std::optional<Request> request = parse(arguments);
  if (!request) return refused(conversation, reply::kBadArguments);
  if (conversation.transaction().named) return refused(conversation, reply::kTransidNeedsData);
  return receive(conversation, *std::move(request));
}

}  // namespace angarium::protocol::smtp::command
