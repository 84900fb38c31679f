// BDAT (RFC 3030 §2, RFC 2033 §4.3): counted octets, handed on as they come.
#include <algorithm>
#include <optional>

#include "base/text.h"
#include "protocol/smtp/body.h"
#include "protocol/smtp/command/command.h"

namespace angarium::protocol::smtp::command {
namespace {

struct Chunk {
  std::uint64_t octets = 0;
  bool last = false;
  bool well_formed = true;  ///< no: the size is known, and what follows it is no end-marker
};

/// chunk-size [ SP end-marker ]
std::optional<Chunk> parse(std::string_view arguments) {
  const auto octets = parse_number<std::uint64_t>(take_until(arguments, ' '));
  const std::string_view marker = trim(arguments);
  if (!octets) return std::nullopt;
  const bool last = equals_ignore_case(marker, "LAST");
  return Chunk{*octets, last, last || marker.empty()};
}

/// A chunk whose size is not known cannot be skipped: its octets, come or still to come, would be taken for commands.
Done refuse_unsized(Conversation& conversation) {
  conversation.refuse(reply::kBadArguments);
  conversation.close();
  return done();
}

/// Takes what lies in the input of `left` octets.
Flow drink(Conversation& conversation, std::uint64_t& left) {
  BodyIntake& body = *conversation.body();
  const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left, conversation.input().size()));
  const std::string_view octets = conversation.input().view().substr(0, size);
  body.look(octets);
  const Flow flow = body.take(octets);
  conversation.input().consume(size);
  left -= size;
  return flow;
}

/// The chunk's octets. False: the session is over.
io::Task<Result<bool>> receive_octets(Conversation& conversation, std::uint64_t left) {
  for (;;) {
    const Flow flow = drink(conversation, left);
    if (flow == Flow::pause) CO_TRY(co_await sink_drained(conversation));
    if (left == 0) co_return true;
    if (!conversation.input().empty()) continue;
    // The client may hold back octets until it has the replies to what it sent before.
    CO_TRY(co_await conversation.flush());
    if (!CO_TRY(co_await more_body(conversation))) co_return false;
  }
}

io::Task<Result<>> receive(Conversation& conversation, Chunk chunk) {
  co_await begin_chunks(conversation);
  if (!CO_TRY(co_await receive_octets(conversation, chunk.octets))) co_return Result<>();
  BodyIntake& body = *conversation.body();
  if (chunk.last) co_return co_await finish_message(conversation, body.seen());
  conversation.reply(body.refused() ? ReplyView(body.refusal()) : reply::kChunkOk);
  co_return Result<>();
}

io::Task<Result<>> drop(Conversation& conversation, Chunk chunk, Reply why) {
  conversation.begin_dropped_body(why);
  const bool whole = CO_TRY(co_await receive_octets(conversation, chunk.octets));
  if (!whole) co_return Result<>();
  conversation.forget_body();
  // RFC 2033 §4.3: the last chunk of a transaction without recipients has no reply.
  const bool nobody = conversation.policy().lmtp() && chunk.last && conversation.phase() == Phase::sender;
  if (nobody) {
    conversation.end_transaction();
  } else {
    conversation.refuse(why);
  }
  co_return Result<>();
}

}  // namespace

Done bdat(Conversation& conversation, std::string_view arguments) {
  const std::optional<Chunk> chunk = parse(arguments);
  if (!chunk) return refuse_unsized(conversation);
  if (conversation.transaction().named) return drop(conversation, *chunk, reply::kTransidNeedsData);
  if (!chunk->well_formed) return drop(conversation, *chunk, reply::kBadArguments);
  if (chunk->octets == 0 && !chunk->last) ++conversation.conduct().idle_commands;
  return receive(conversation, *chunk);
}

Done drop_bdat(Conversation& conversation, std::string_view arguments, const ReplyView& why) {
  const std::optional<Chunk> chunk = parse(arguments);
  if (!chunk) return refuse_unsized(conversation);
  return drop(conversation, *chunk, why);
}

}  // namespace angarium::protocol::smtp::command
