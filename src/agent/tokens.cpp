#include "agent/tokens.h"

#include "account/types.h"
#include "base/log.h"
#include "base/text.h"
#include "directory/oidc/fetch.h"
#include "message/domain.h"
#include "sasl/types.h"

namespace angarium::agent {
namespace {

Error refused() { return {sasl::kBadCredentials, "the token is not valid here"}; }

}  // namespace

void Tokens::use(const configuration::Configuration& configuration) {
  use(configuration.token_issuers, [configuration](const configuration::TokenIssuer& issuer) -> Result<std::string> {
    if (!issuer.keys_file.empty()) return directory::read_keys(configuration.resolve(issuer.keys_file));
    return directory::fetch_keys(issuer.keys_url, configuration.resolve(issuer.ca_file));
  });
}

void Tokens::use(const std::vector<configuration::TokenIssuer>& issuers, const Fetch& fetch) {
  std::vector<std::shared_ptr<Issuer>> made;
  for (const configuration::TokenIssuer& wanted : issuers) {
    std::set<std::string> domains;
    for (const std::string& domain : wanted.domains) domains.insert(message::domain_key(domain));
    made.push_back(std::shared_ptr<Issuer>(
        new Issuer{.terms = {.issuer = wanted.issuer,
                             .audience = wanted.audience,
                             .address_claim = wanted.address_claim,
                             .leeway = wanted.leeway},
                   .domains = std::move(domains),
                   .keys = token::Keyring(wanted.issuer, [fetch, wanted] { return fetch(wanted); }, clock_)}));
  }
  const std::lock_guard lock(mutex_);
  if (!made.empty() && pool_ == nullptr)
    pool_ = std::make_unique<io::FairPool>(io::FairPoolOptions{.name = "token",
                                                               .threads = kTokenThreads,
                                                               .share = kTokenShare,
                                                               .waiting = kTokensWaiting,
                                                               .queue = 4 * kTokensWaiting});
  issuers_ = std::move(made);
}

void Tokens::end() {
  if (pool_) pool_->end();
}

/// Whom the token names; what it says is judged by that issuer's keys and terms.
std::shared_ptr<Tokens::Issuer> Tokens::issuer_of(std::string_view token) {
  const auto claimed = token::claimed_issuer(token);
  if (!claimed) return nullptr;
  const std::lock_guard lock(mutex_);
  for (const auto& issuer : issuers_)
    if (issuer->terms.issuer == *claimed) return issuer;
  return nullptr;
}

io::Task<Result<std::string>> Tokens::owner(sasl::Secret token) {
  const auto issuer = issuer_of(token.view());
  if (issuer == nullptr) co_return std::unexpected(refused());
  io::FairPool* pool = nullptr;
  {
    const std::lock_guard lock(mutex_);
    pool = pool_.get();
  }
  auto address =
      co_await io::run(*pool, issuer->terms.issuer, [issuer, secret = std::move(token)]() -> Result<std::string> {
        return issuer->keys.verify(secret.view(), issuer->terms);
      });
  if (!address) {
    if (address.error().is(io::kBusy)) co_return fail(account::kBusy, "too many logins at this moment; try again");
    if (address.error().temporary()) co_return fail(sasl::kUnavailable, "the token cannot be verified now");
    // What the user cannot see, and the operator has to: a wrong audience, a clock that is off.
    log::info("token", "refused", {{"issuer", issuer->terms.issuer}, {"error", address.error().text()}});
    if (address.error().is(token::kExpired)) co_return fail(kTokenOver, "the time of the token is over");
    co_return std::unexpected(refused());
  }
  auto canonical = account::canonical_address(*address);
  if (!canonical || !issuer->domains.contains(message::domain_key(canonical->substr(canonical->rfind('@') + 1)))) {
    log::warning("token", "an issuer names an address that is none of its domains'",
                 {{"issuer", issuer->terms.issuer}, {"address", *address}});
    co_return std::unexpected(refused());
  }
  co_return *std::move(canonical);
}

}  // namespace angarium::agent
