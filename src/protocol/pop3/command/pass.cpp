#include <utility>

#include "protocol/pop3/session.h"
#include "sasl/prepare.h"

namespace angarium::protocol::pop3 {
namespace {

struct Credentials {
  sasl::Identity identity;
  sasl::Secret password;
};

/// RFC 6856 §2.2: both are prepared by SASLprep.
Result<Credentials> prepared(std::string_view name, std::string_view password) {
  Credentials credentials;
  credentials.identity.authentication_id = TRY(sasl::prepare_name(name));
  credentials.password = sasl::Secret(TRY(sasl::prepare(password, sasl::kPasswordMax)));
  return credentials;
}

io::Task<Result<>> log_in(Session& session, Credentials credentials) {
  auto verdict =
      co_await session.authenticator.credentials().verify_password(credentials.identity, credentials.password);
  if (!verdict) co_return co_await session.login_failed(verdict.error());
  co_return co_await session.enter({.identity = std::move(credentials.identity), .mechanism = "USER"});
}

io::Task<Result<>> fail_login(Session& session) {
  const Error error(sasl::kBadCredentials, "a name or password that no user has");
  co_return co_await session.login_failed(error);
}

}  // namespace

// RFC 1939 §7, PASS: right after a successful USER; spaces belong to the password.
Answer pass(Session& session, Parameters parameters) {
  const auto name = std::exchange(session.user, std::nullopt);
  if (!name) {
    session.refuse_bad("say USER first");
    return Result<>();
  }
  const auto password = parameters.require_rest();
  if (!password) {
    session.refuse(password.error());
    return Result<>();
  }
  auto credentials = prepared(*name, *password);
  if (!credentials) return fail_login(session);
  return log_in(session, *std::move(credentials));
}

}  // namespace angarium::protocol::pop3
