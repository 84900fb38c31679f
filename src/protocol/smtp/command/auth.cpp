// AUTH (RFC 4954): a SASL exchange in lines of base64.
#include <algorithm>
#include <memory>
#include <optional>

#include "base/text.h"
#include "io/loop.h"
#include "protocol/smtp/bindings.h"
#include "protocol/smtp/command/command.h"
#include "sasl/line.h"
#include "sasl/mechanism.h"

namespace angarium::protocol::smtp::command {
namespace {

/// RFC 4954 §6
ReplyView reply_to(const Error& error) {
  if (error.is(sasl::kAborted)) return reply::kAuthenticationCancelled;
  if (error.is(sasl::kTooLong)) return reply::kAuthLineTooLong;
  if (error.fault() == Fault::syntax) return reply::kAuthMalformed;
  if (error.temporary() || error.fault() != Fault::user) return reply::kAuthenticationLater;
  return reply::kCredentialsInvalid;
}

/// The same for a line that was not decoded (RFC 4954 §4).
ReplyView reply_to_line(const Error& error) { return error.is(sasl::kMalformed) ? reply::kBadBase64 : reply_to(error); }

io::Task<Result<>> fail_with(Conversation& conversation, ReplyView why) {
  if (why.code == reply::kCredentialsInvalid.code) {
    ++conversation.conduct().auth_failures;
    conversation.session().offence(Offence::failed_auth);
    CO_TRY(co_await conversation.flush());
    io::Loop& loop = io::Loop::current();
    co_await loop.sleep_until(loop.now() + conversation.policy().times.auth_failure);
    conversation.reply(why);
  } else if (why.code == reply::kAuthenticationLater.code) {
    conversation.reply(why);
  } else {
    conversation.refuse(why);
  }
  co_return Result<>();
}

/// Why the mechanism may not be used here, or code 0. What is switched off is too weak for the site (534); what only
/// lacks TLS is told so (538), though it was not announced.
ReplyView judge(const Conversation& conversation, const sasl::Mechanism* mechanism) {
  if (mechanism == nullptr) return reply::kMechanismUnknown;
  const auto& enabled = conversation.policy().mechanisms;
  if (std::ranges::find(enabled, mechanism->name) == enabled.end()) return reply::kMechanismWeak;
  const auto offered = conversation.mechanisms();
  if (std::ranges::find(offered, mechanism) != offered.end()) return {};
  return conversation.peer().channel == Channel::plain ? reply::kMechanismNeedsTls : reply::kMechanismWeak;
}

std::unique_ptr<sasl::ServerExchange> begin(Conversation& conversation, const sasl::Mechanism& mechanism) {
  std::vector<std::string_view> shown;
  for (const sasl::Mechanism* other : conversation.mechanisms()) shown.push_back(other->name);
  sasl::ServerContext context = conversation.session().sasl_context();
  context.bindings = channel_bindings(conversation.connection());
  context.plus_offered = sasl::plus_among(shown);
  context.success_data = sasl::SuccessData::as_challenge;
  return mechanism.serve(std::move(context));
}

/// The client's answer to a challenge. No value: the exchange has failed and the reply is written.
io::Task<Result<std::optional<std::string>>> ask(Conversation& conversation, std::string_view challenge) {
  // Who sends on without having seen the challenge does not authenticate (RFC 4954 §4).
  if (!conversation.input().empty()) {
    conversation.session().offence(Offence::early_talk);
    conversation.reply(reply::kNotSynchronized);
    conversation.close();
    co_return std::nullopt;
  }
  conversation.output().append("334 ");
  conversation.output().append(to_base64(challenge));
  conversation.output().append("\r\n");
  Result<std::optional<wire::Line>> line = co_await read_line(conversation, conversation.policy().limits.auth_octets);
  if (!line && line.error().is(wire::kLineTooLong)) {
    conversation.refuse(reply::kAuthLineTooLong);
    co_return std::nullopt;
  }
  if (!line) co_return std::unexpected(std::move(line).error());
  if (!*line) co_return std::nullopt;
  if (!(*line)->strict()) {
    conversation.refuse_line_end((*line)->end);
    co_return std::nullopt;
  }
  Result<std::string> response = sasl::decode_response((*line)->text);
  if (response) co_return *std::move(response);
  CO_TRY(co_await fail_with(conversation, reply_to_line(response.error())));
  co_return std::nullopt;
}

io::Task<Result<>> exchange(Conversation& conversation, const sasl::Mechanism& mechanism,
                            std::optional<std::string> initial) {
  const std::unique_ptr<sasl::ServerExchange> sasl = begin(conversation, mechanism);
  sasl::ServerStep step = sasl->start(initial ? std::optional<std::string_view>(*initial) : std::nullopt);
  if (initial) wipe(*initial);
  for (;;) {
    if (const auto* challenge = std::get_if<sasl::Challenge>(&step)) {
      std::optional<std::string> response = CO_TRY(co_await ask(conversation, challenge->octets));
      if (!response) co_return Result<>();
      step = sasl->step(*response);
      wipe(*response);
    } else if (const auto* wanted = std::get_if<sasl::PasswordWanted>(&step)) {
      Result<> verdict = co_await conversation.session().verify_password(wanted->identity, wanted->password);
      step = sasl->answer_verdict(std::move(verdict));
    } else if (const auto* proved = std::get_if<sasl::AuthorityWanted>(&step)) {
      Result<> verdict = co_await conversation.session().check_authority(proved->identity);
      step = sasl->answer_verdict(std::move(verdict));
    } else if (const auto* keys = std::get_if<sasl::ScramKeysWanted>(&step)) {
      auto credentials = co_await conversation.session().scram_keys(keys->identity, keys->hash);
      step = sasl->answer_scram(std::move(credentials));
    } else if (auto* success = std::get_if<sasl::Success>(&step)) {
      conversation.peer().identity = std::move(success->identity);
      conversation.peer().mechanism = mechanism.name;
      conversation.reply(reply::kAuthenticated);
      co_return Result<>();
    } else {
      co_return co_await fail_with(conversation, reply_to(std::get<sasl::Failure>(step).error));
    }
  }
}

}  // namespace

Done auth(Conversation& conversation, std::string_view arguments) {
  if (conversation.policy().auth == AuthUse::none) return refused(conversation, reply::kNotImplemented);
  if (conversation.peer().identity) return refused(conversation, reply::kAlreadyAuthenticated);
  const sasl::Mechanism* mechanism = sasl::find_mechanism(take_until(arguments, ' '));
  if (const ReplyView why = judge(conversation, mechanism); why.code != 0) return refused(conversation, why);
  std::optional<std::string> initial;
  if (!arguments.empty()) {
    Result<std::string> decoded = sasl::decode_initial_response(arguments);
    if (!decoded) return refused(conversation, reply_to_line(decoded.error()));
    initial = *std::move(decoded);
  }
  return exchange(conversation, *mechanism, std::move(initial));
}

}  // namespace angarium::protocol::smtp::command
