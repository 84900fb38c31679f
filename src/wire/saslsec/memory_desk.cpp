#include "wire/saslsec/memory_desk.h"

#include "io/loop.h"
#include "sasl/keys.h"
#include "sasl/memory_gss.h"

namespace angarium::wire::saslsec {
namespace {

/// Few, so that tests are quick; the least a client accepts.
constexpr std::uint32_t kIterations = sasl::kStoredIterationsMin;

/// Here everybody is only himself.
sasl::Authority authority(const sasl::Identity& identity) {
  const bool himself = identity.authorization_id.empty() || identity.authorization_id == identity.authentication_id;
  return himself ? sasl::Authority::granted : sasl::Authority::refused;
}

Result<> himself(const sasl::Identity& identity) {
  if (authority(identity) == sasl::Authority::refused) return fail(sasl::kNotAuthorized, "not this one");
  return {};
}

}  // namespace

sasl::ServerContext MemoryDesk::context() {
  sasl::ServerContext context;
  context.fake_salt_key = "a key that stays";
  context.scram_iterations = kIterations;
  context.external_identity = logins_.external_identity;
  context.host = logins_.host;
  return context;
}

Result<const std::string*> MemoryDesk::find(const sasl::Identity& identity) const {
  if (logins_.trouble) return std::unexpected(*logins_.trouble);
  const auto user = logins_.users.find(identity.authentication_id);
  return user == logins_.users.end() ? nullptr : &user->second;
}

io::Task<Result<>> MemoryDesk::verify_password(const sasl::Identity& identity, const sasl::Secret& password) {
  co_await io::Loop::current().yield();
  if (identity.authentication_id.starts_with("later")) co_return fail(sasl::kUnavailable, "try later");
  const std::string* known = CO_TRY(find(identity));
  if (known == nullptr || !equal_constant_time(*known, password.view())) co_return fail(sasl::kBadCredentials, "no");
  logins_.without_keys.erase(identity.authentication_id);
  co_return himself(identity);
}

io::Task<Result<>> MemoryDesk::verify_authority(const sasl::Identity& identity) {
  if (CO_TRY(find(identity)) == nullptr) co_return fail(sasl::kBadCredentials, "no such user");
  co_return himself(identity);
}

io::Task<Result<std::optional<sasl::ScramCredentials>>> MemoryDesk::scram_keys(const sasl::Identity& identity,
                                                                               sasl::Hash hash) {
  const std::string* password = CO_TRY(find(identity));
  if (password == nullptr) co_return std::nullopt;
  auto keys = CO_TRY(sasl::scram_keys(*password, std::string(sasl::kSaltOctets, 's'), kIterations, hash));
  co_return sasl::ScramCredentials{std::move(keys), authority(identity)};
}

io::Task<Result<std::optional<sasl::KeyCredentials>>> MemoryDesk::key(const sasl::KeyWanted& wanted) {
  const std::string* password = CO_TRY(find(wanted.identity));
  if (logins_.without_keys.contains(wanted.identity.authentication_id))
    co_return fail(kTransition, "log in once with the password itself");
  if (password == nullptr) co_return std::nullopt;
  sasl::Secret key;
  switch (wanted.kind) {
    case sasl::KeyKind::hmac_md5_contexts: key = CO_TRY(sasl::cram_md5_key(*password)); break;
    case sasl::KeyKind::digest_md5:
      key = CO_TRY(sasl::digest_md5_key(wanted.identity.authentication_id, wanted.realm, *password));
      break;
    case sasl::KeyKind::nt_hash: key = CO_TRY(sasl::nt_hash(*password)); break;
  }
  co_return sasl::KeyCredentials{std::move(key), authority(wanted.identity)};
}

io::Task<Result<std::optional<sasl::OtpCredentials>>> MemoryDesk::otp(const sasl::Identity& identity) {
  CO_TRY(find(identity));
  const auto state = logins_.otp.find(identity.authentication_id);
  if (state == logins_.otp.end()) co_return std::nullopt;
  co_return sasl::OtpCredentials{state->second, authority(identity)};
}

io::Task<Result<>> MemoryDesk::replace_otp(const sasl::OtpChange& change) {
  co_await io::Loop::current().yield();
  if (logins_.trouble) co_return std::unexpected(*logins_.trouble);
  const auto state = logins_.otp.find(change.identity.authentication_id);
  if (state == logins_.otp.end() || state->second != change.from)
    co_return fail(sasl::kBadCredentials, "the state has changed");
  state->second = change.to;
  co_return Result<>();
}

io::Task<Result<std::string>> MemoryDesk::verify_token(const sasl::Identity& identity, const sasl::Secret& token) {
  co_await io::Loop::current().yield();
  if (logins_.trouble) co_return std::unexpected(*logins_.trouble);
  const auto owner = logins_.tokens.find(token.view());
  if (owner == logins_.tokens.end()) co_return fail(sasl::kBadCredentials, "nobody's token");
  if (!identity.authorization_id.empty() && identity.authorization_id != owner->second)
    co_return fail(sasl::kNotAuthorized, "another's token");
  co_return owner->second;
}

io::Task<Result<>> MemoryDesk::admit_guest(std::string_view /*trace*/) {
  if (logins_.trouble) co_return std::unexpected(*logins_.trouble);
  if (!logins_.guests) co_return fail(sasl::kBadCredentials, "no guests");
  co_return Result<>();
}

io::Task<Result<sasl::GssAnswer>> MemoryDesk::gss(sasl::GssWanted wanted) {
  co_await io::Loop::current().yield();
  if (logins_.trouble) co_return std::unexpected(*logins_.trouble);
  co_return sasl::memory_gss_answer(std::move(wanted));
}

io::Task<Result<std::optional<sasl::KeyCredentials>>> MemoryDesk::plain_key(const sasl::Identity& identity) {
  const std::string* password = CO_TRY(find(identity));
  if (password == nullptr) co_return std::nullopt;
  co_return sasl::KeyCredentials{sasl::Secret::copy(*password), authority(identity)};
}

}  // namespace angarium::wire::saslsec
