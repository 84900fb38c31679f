// MAIL (RFC 5321 §4.1.1.2) with the parameters of RFC 1870, 6152, 3030, 6531, 4954, 3461, 6710, 2852, 4865 and 1845.
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/smtp/command/command.h"
#include "protocol/smtp/command/path.h"

namespace angarium::protocol::smtp::command {
namespace {

ReplyView reply_to(const Error& error) {
  if (error.is(envelope::kUtf8NotAllowed)) return reply::kSenderNeedsAscii;
  if (error.is(envelope::kBadParameter)) return reply::kBadArguments;
  return reply::kBadReversePath;
}

bool announced(const Policy& policy, const envelope::MailParameters& parameters) {
  if (parameters.priority && policy.priorities.announce == Announce::no) return false;
  if (parameters.deliver_by && policy.deliver_by.announce == Announce::no) return false;
  if ((parameters.hold_for_s || parameters.hold_until) && !policy.future_release()) return false;
  if ((parameters.ret || parameters.envelope_id) && policy.dsn == Announce::no) return false;
  if (parameters.transaction && !policy.checkpoints()) return false;
  if (parameters.auth && policy.auth == AuthUse::none) return false;
  return !parameters.require_tls && parameters.unknown.empty();
}

/// RFC 2852 §4, RFC 4865 §4.2 and §5.2.2. That by-mode R needs a positive time is the grammar's (501).
ReplyView judge_times(const Conversation& conversation, const envelope::MailParameters& parameters) {
  const Policy& policy = conversation.policy();
  const auto& by = parameters.deliver_by;
  if (by && by->mode == envelope::DeliverBy::Mode::return_it && by->seconds < std::int64_t{policy.deliver_by.min_s})
    return reply::kByTooSoon;
  if (parameters.hold_for_s.value_or(0) > policy.future_release_s) return reply::kHeldTooLong;
  if (parameters.hold_until && *parameters.hold_until > conversation.latest_release()) return reply::kHeldTooLong;
  if (!by || (!parameters.hold_for_s && !parameters.hold_until)) return {};
  const WallTime now = io::Loop::current().clock().wall();
  const WallTime released =
      parameters.hold_until.value_or(WallTime{now.microseconds + parameters.hold_for_s.value_or(0) * 1'000'000LL});
  const WallTime wanted{now.microseconds + by->seconds * 1'000'000LL};
  return released > wanted ? reply::kHeldBeyondBy : ReplyView{};
}

/// Why the parameters are not taken, or code 0.
ReplyView judge(const Conversation& conversation, const envelope::MailParameters& parameters) {
  if (!announced(conversation.policy(), parameters)) return reply::kUnknownParameter;
  if (parameters.size.value_or(0) > conversation.policy().limits.message_octets)
    return reply::kTooBig;  // RFC 1870 §6.1
  // An offset is the beginning of a line, and DATA what goes on there (RFC 1845 §3).
  if (parameters.transaction && parameters.body == envelope::Body::binary_mime) return reply::kTransidIsText;
  return judge_times(conversation, parameters);
}

/// RFC 6710 §4.1: what this client may ask for; the reply that tells him so if it is less than what he asked for.
std::optional<Reply> lower_priority(const Conversation& conversation, envelope::MailParameters& parameters) {
  const Priorities& allowed = conversation.policy().priorities;
  const int highest = conversation.peer().identity ? allowed.authenticated : allowed.highest;
  if (!parameters.priority || *parameters.priority <= highest) return std::nullopt;
  parameters.priority = highest;
  return Reply(250, {2, 3, 6}, std::to_string(highest) + " is the highest priority you may ask for");
}

Transaction transaction_of(const envelope::MailParameters& parameters) {
  return {.body = parameters.body.value_or(envelope::Body::seven_bit),
          .utf8 = parameters.smtputf8 ? envelope::Utf8::accept : envelope::Utf8::refuse,
          .named = parameters.transaction.has_value()};
}

/// RFC 1845 §3: the rest of a transaction that broke off amid its data. Whether MAIL is answered.
io::Task<Result<bool>> resume(Conversation& conversation, const envelope::Sender& sender) {
  auto kept = co_await conversation.session().resume(sender, conversation.delivery_id());
  if (!kept) {
    conversation.reply(conversation.settle(std::unexpected(std::move(kept).error())));
    co_return true;
  }
  if (!*kept) co_return false;
  ++conversation.conduct().messages;
  Transaction transaction = transaction_of(sender.parameters);
  transaction.accepted = (*kept)->recipients;
  transaction.offset = (*kept)->offset;
  conversation.open_transaction(transaction);
  conversation.set_phase(Phase::recipients);
  // The offset is the first thing in the reply; 3yz has no enhanced code (RFC 2034 §4).
  conversation.reply({355, {}, std::to_string((*kept)->offset) + " is the transaction offset"});
  co_return true;
}

io::Task<Result<>> open(Conversation& conversation, envelope::Sender sender) {
  const std::optional<Reply> lowered = lower_priority(conversation, sender.parameters);
  if (sender.parameters.transaction && CO_TRY(co_await resume(conversation, sender))) co_return Result<>();
  const Reply answer = conversation.settle(co_await conversation.session().mail(sender, conversation.delivery_id()));
  conversation.reply(lowered && answer.completed() ? *lowered : answer);
  if (!answer.completed()) co_return Result<>();
  ++conversation.conduct().messages;
  conversation.open_transaction(transaction_of(sender.parameters));
  co_return Result<>();
}

}  // namespace

Done mail(Conversation& conversation, std::string_view arguments) {
  const Policy& policy = conversation.policy();
  if (conversation.conduct().messages >= policy.limits.messages) {
    conversation.reply(reply::kTooManyMessages);
    return done();
  }
  if (!take_keyword(arguments, "FROM:")) return refused(conversation, reply::kBadArguments);
  // Octets above 127 are looked at with the parameters behind them: SMTPUTF8 may stand there.
  Result<envelope::Sender> sender = envelope::parse_sender(arguments, path_options(policy, envelope::Utf8::accept));
  if (!sender) return refused(conversation, reply_to(sender.error()));
  if (const ReplyView why = judge(conversation, sender->parameters); why.code != 0) return refused(conversation, why);
  return open(conversation, *std::move(sender));
}

}  // namespace angarium::protocol::smtp::command
