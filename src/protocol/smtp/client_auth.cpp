#include <algorithm>
#include <memory>
#include <string>

#include "base/text.h"
#include "io/error.h"
#include "io/loop.h"
#include "protocol/smtp/client.h"
#include "sasl/line.h"
#include "wire/saslsec/client.h"

namespace angarium::protocol::smtp {
namespace {

/// RFC 4954 §4: the AUTH line is a command line, of at most 512 octets with its CR LF (RFC 5321 §4.5.3.1.4).
constexpr std::size_t kCommandMax = 510;
constexpr std::string_view kPlain = "PLAIN";

Error refusal(const Reply& reply) {
  return {reply.transient() ? kRefusedNow : kRefusedForGood,
          "authentication was refused: " + std::to_string(reply.code) + " " + escape_controls(reply.text, 200)};
}

/// `told`: the server has had something of ours to judge. What is reset was rather a network's doing.
Error at_login(Error error, bool told) {
  if (!told || !error.is(io::kEndOfStream)) return error;
  return {kHungUpAtLogin, "the server hung up instead of saying whether it takes the login"};
}

/// The server's challenge, and our answer to it.
Result<std::string> answer(sasl::ClientExchange& exchange, std::optional<std::string>& first, std::string_view text) {
  const auto challenge = from_base64(text);
  if (!challenge) return fail(kBadReply, "the server's challenge is not base64");
  if (challenge->empty() && first) return *std::exchange(first, std::nullopt);
  return exchange.respond(*challenge);
}

}  // namespace

io::Task<Result<>> Client::authenticate(sasl::ClientContext credentials, sasl::Plaintext plaintext, Weak weak) {
  std::vector<std::string_view> names(extensions_.mechanisms.begin(), extensions_.mechanisms.end());
  const bool has_plain = credentials.has == sasl::Needs::password && std::ranges::find(names, kPlain) != names.end();
  std::optional<Error> transition;
  for (;;) {
    const sasl::Mechanism* mechanism = wire::saslsec::choose_on(*connection_, names, credentials, plaintext, weak);
    if (mechanism == nullptr && transition) co_return std::unexpected(*std::move(transition));
    if (mechanism == nullptr) co_return fail(kNoMechanism, "the server offers no mechanism that may be used here");
    sasl::ClientContext given = {.identity = credentials.identity,
                                 .password = sasl::Secret::copy(credentials.password.view()),
                                 .bindings = credentials.bindings,
                                 .plus_offered = credentials.plus_offered,
                                 .iterations_min = credentials.iterations_min,
                                 .iterations_max = credentials.iterations_max,
                                 .service = options_.dialect == Dialect::lmtp ? "lmtp" : "smtp",
                                 .host = credentials.host,
                                 .protection_min = credentials.protection_min,
                                 .protection_max = credentials.protection_max,
                                 .gss = std::move(credentials.gss),
                                 .now = io::Loop::current().clock().wall(),
                                 .random = credentials.random};
    const std::unique_ptr<sasl::ClientExchange> exchange = mechanism->use(std::move(given));
    std::optional<std::string> first = CO_TRY(exchange->initial_response());
    std::string line = "AUTH " + std::string(mechanism->name);
    if (first) {
      const std::string encoded = sasl::encode_initial_response(*first);
      if (line.size() + 1 + encoded.size() <= kCommandMax) {
        line += " " + encoded;
        first.reset();
      }
    }
    const bool at_once = line.size() > ("AUTH " + std::string(mechanism->name)).size();
    Result<Reply> said = co_await converse(line, options_.times.mail);
    if (!said) co_return std::unexpected(at_login(std::move(said).error(), at_once));
    while (said->code == 334) {
      const Result<std::string> response = answer(*exchange, first, said->text);
      // RFC 4954 §4: what we cannot answer we cancel; the server says 501.
      said = co_await converse(response ? to_base64(*response) : "*", options_.times.mail);
      if (!response) co_return std::unexpected(response.error());
      if (!said) co_return std::unexpected(at_login(std::move(said).error(), true));
    }
    const Reply reply = *std::move(said);
    if (reply.code == 235) {
      CO_TRY(exchange->finish({}));
      authenticated_ = true;
      auto over = wire::saslsec::secured(*connection_, *exchange, input_);
      if (over == nullptr) co_return Result<>();
      secured_ = std::move(over);
      connection_ = secured_.get();
      // RFC 4954 §4: what was told before the layer is forgotten.
      co_return co_await hello();
    }
    Error refused = refusal(reply);
    // RFC 4954 §6: the mechanism works once PLAIN was used.
    if (reply.code != 432 || !has_plain || transition || mechanism->name == kPlain)
      co_return std::unexpected(std::move(refused));
    transition = std::move(refused);
    names = {kPlain};
  }
}

}  // namespace angarium::protocol::smtp
