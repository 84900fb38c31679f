#include "protocol/smtp/body.h"

#include <algorithm>
#include <utility>

#include "io/loop.h"
#include "protocol/smtp/conversation.h"

namespace angarium::protocol::smtp {

BodyIntake::BodyIntake(Conversation& conversation, Moment begun)
    : conversation_(&conversation), begun_(begun), octets_(conversation.transaction().offset.value_or(0)) {}

Flow BodyIntake::take(std::string_view octets) {
  received_ += octets.size();
  const bool normalise = conversation_->policy().line_ends == LineEnds::normalise &&
                         conversation_->transaction().body != envelope::Body::binary_mime;
  if (!normalise) return pass(octets);
  Flow flow = Flow::more;
  while (!octets.empty())
    if (pass(normalizer_.take(octets)) == Flow::pause) flow = Flow::pause;
  return flow;
}

Flow BodyIntake::pass(std::string_view octets) {
  if (octets.empty() || refused()) return Flow::more;
  octets_ += octets.size();
  if (octets_ > conversation_->policy().limits.message_octets) {
    refuse(reply::kTooBig);
    return Flow::more;
  }
  Result<Flow> flow = conversation_->session().append(octets);
  if (flow) return *flow;
  refuse(conversation_->session().reply_to(flow.error()));
  return Flow::more;
}

void BodyIntake::expect(std::uint64_t octets) {
  const std::uint64_t most = conversation_->policy().limits.message_octets;
  if (octets > most || octets_ > most - octets) refuse(reply::kTooBig);
}

void BodyIntake::refuse(Reply reply) {
  if (refused()) return;
  refusal_ = std::move(reply);
  conversation_->abort_transaction();
}

bool BodyIntake::overrun() const { return refused() && received_ / 2 > conversation_->policy().limits.message_octets; }

Moment BodyIntake::deadline(Moment now) const {
  const Times& times = conversation_->policy().times;
  const auto earned = std::chrono::seconds(received_ / std::max<std::uint32_t>(times.data_rate, 1));
  return std::min(now + times.data_block, begun_ + times.data_grace + earned);
}

BodyFacts BodyIntake::finish(const message::LineScanner& seen) {
  pass(normalizer_.finish());
  const bool text = conversation_->transaction().body != envelope::Body::binary_mime;
  if (text && !seen.clean_line_ends()) {
    conversation_->session().offence(Offence::bare_line_end);
    if (conversation_->policy().line_ends == LineEnds::refuse) refuse(reply::kBareLineEnds);
  }
  return {octets_, seen};
}

namespace {

/// The reply to the end of data in SMTP, or `each` of LMTP.
void answer(Conversation& conversation, const Outcome& outcome) {
  bool accepted = false;
  auto say = [&](const Reply& reply) {
    conversation.reply(reply);
    accepted |= reply.completed();
  };
  if (!conversation.policy().lmtp()) {
    say(outcome.reply);
  } else {
    const std::size_t recipients = conversation.transaction().accepted;
    for (std::size_t i = 0; i < recipients; ++i) say(i < outcome.each.size() ? outcome.each[i] : outcome.reply);
  }
  if (!accepted) return;
  Conduct& conduct = conversation.conduct();
  conduct.errors = conduct.refusals = conduct.excess = conduct.idle_commands = 0;
}

}  // namespace

io::Task<> begin_chunks(Conversation& conversation) {
  if (conversation.body()) co_return;
  const Reply wanted = conversation.settle(co_await conversation.session().begin_body());
  conversation.begin_body();
  conversation.set_phase(Phase::chunks);
  if (!wanted.positive()) conversation.body()->refuse(wanted);
}

io::Task<Result<bool>> more_body(Conversation& conversation) {
  BodyIntake& body = *conversation.body();
  if (body.overrun()) {
    conversation.reply(body.refusal());
    conversation.end_transaction();
    conversation.close();
    co_return false;
  }
  conversation.connection().set_deadline(body.deadline(io::Loop::current().now()));
  const Result<io::Ready> ready = co_await conversation.input().more(conversation.connection());
  if (ready) co_return true;
  if (!ready.error().is(kTimedOut)) co_return std::unexpected(ready.error());
  conversation.session().offence(Offence::too_slow);
  if (!conversation.transaction().named) conversation.end_transaction();
  conversation.farewell(reply::kTimedOutWaiting);
  co_return false;
}

io::Task<Result<>> sink_drained(Conversation& conversation) {
  if (Result<> drained = co_await conversation.session().drained(); !drained)
    conversation.body()->refuse(conversation.session().reply_to(drained.error()));
  co_return Result<>();
}

io::Task<Result<>> finish_message(Conversation& conversation, const message::LineScanner& seen) {
  BodyIntake& body = *conversation.body();
  const BodyFacts facts = body.finish(seen);
  if (body.refused()) {
    answer(conversation, {body.refusal(), {}});
    conversation.end_transaction();
    co_return Result<>();
  }
  Result<Outcome> outcome = co_await conversation.session().commit(facts);
  answer(conversation, outcome ? *outcome : Outcome{conversation.session().reply_to(outcome.error()), {}});
  conversation.transaction_done();
  co_return Result<>();
}

}  // namespace angarium::protocol::smtp
