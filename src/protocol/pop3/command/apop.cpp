#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "protocol/pop3/session.h"
#include "sasl/prepare.h"

namespace angarium::protocol::pop3 {
namespace {

io::Task<Result<>> log_in(Session& session, std::string name, std::string digest) {
  auto prepared = sasl::prepare_name(name);
  if (!prepared) co_return co_await session.login_failed(prepared.error());
  sasl::Identity identity{*std::move(prepared), {}};
  auto verdict = co_await session.authenticator.verify_apop(identity, session.timestamp, digest);
  if (!verdict) co_return co_await session.login_failed(verdict.error());
  co_return co_await session.enter({.identity = std::move(identity), .mechanism = "APOP"});
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
