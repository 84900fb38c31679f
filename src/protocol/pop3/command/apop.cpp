#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "protocol/pop3/session.h"
#include "sasl/apop.h"
#include "sasl/prepare.h"

namespace angarium::protocol::pop3 {
namespace {

Error wrong() { return {sasl::kBadCredentials, "the user name or the password is wrong"}; }

/// RFC 1939 §7. Who has no key here costs the same work, and gets the same answer.
Result<> judge(std::string_view timestamp, std::string_view digest,
               const std::optional<sasl::KeyCredentials>& credentials) {
  const std::string right = TRY(sasl::apop_digest(timestamp, credentials ? credentials->key.view() : "nobody's"));
  if (!equal_constant_time(right, digest) || !credentials) return std::unexpected(wrong());
  if (credentials->authority != sasl::Authority::granted)
    return std::unexpected(sasl::without_authority(credentials->authority));
  return {};
}

io::Task<Result<>> log_in(Session& session, std::string name, std::string digest) {
  auto prepared = sasl::prepare_name(name);
  // A name that nobody can have is as wrong as one that nobody has.
  if (!prepared) co_return co_await session.login_failed(wrong());
  const sasl::Identity identity{*std::move(prepared), {}};
  wire::saslsec::Desk& desk = session.authenticator.credentials();
  auto credentials = co_await desk.plain_key(identity);
  if (!credentials) co_return co_await session.login_failed(credentials.error());
  const Result<> verdict = judge(session.timestamp, digest, *credentials);
  if (!verdict) co_return co_await session.login_failed(verdict.error());
  co_return co_await session.enter({.identity = identity, .mechanism = "APOP"});
}

}  // namespace

// RFC 1939 §7, APOP: offered only when the greeting holds a timestamp.
Answer apop(Session& session, Parameters parameters) {
  if (session.timestamp.empty()) {
    session.refuse_bad("APOP is not offered");
    return Result<>();
  }
  const auto name = parameters.require();
  const auto digest = name ? parameters.require() : name;
  if (!digest) {
    session.refuse(digest.error());
    return Result<>();
  }
  constexpr std::size_t kDigestDigits = 32;
  if (digest->size() != kDigestDigits || !from_hex(*digest) || parameters.present()) {
    session.refuse_bad("APOP takes a name and 32 hexadecimal digits");
    return Result<>();
  }
  return log_in(session, std::string(*name), to_lower(*digest));
}

}  // namespace angarium::protocol::pop3
