// Access tokens of the configuration's issuers: who logs in by one.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "account/tokens.h"
#include "configuration/configuration.h"
#include "io/fair_pool.h"
#include "token/keyring.h"

namespace angarium::agent {

/// Tokens of one issuer that are verified at one time, of all, and those that wait: keys may have to be fetched first.
inline constexpr std::size_t kTokenShare = 2;
inline constexpr std::size_t kTokenThreads = 4;
inline constexpr std::size_t kTokensWaiting = 256;

/// Rightly signed, by whom we asked for, and its time is over or has not come: nobody guesses by it.
inline constexpr ErrorKind kTokenOver{"agent.token-over", Fault::user, Lasting::permanent};

/// Any thread. Outlives the verifier that asks it, or ends after it is asked no more.
class Tokens final : public account::TokenVerifier {
 public:
  explicit Tokens(const Clock& clock = system_clock()) : clock_(clock) {}

  /// From now on these issuers. Their keys are fetched at the first token.
  void use(const configuration::Configuration& configuration);
  /// The same; `fetch` gives an issuer's keys: for tests.
  using Fetch = std::function<Result<std::string>(const configuration::TokenIssuer&)>;
  void use(const std::vector<configuration::TokenIssuer>& issuers, const Fetch& fetch);
  /// None is verified any more; those under way are waited for.
  void end();

  /// The address has one of the issuer's domains. Errors also: kTokenOver.
  io::Task<Result<std::string>> owner(sasl::Secret token) override;

 private:
  struct Issuer {
    token::Terms terms;
    std::set<std::string> domains;  ///< message::domain_key()
    token::Keyring keys;
  };
  std::shared_ptr<Issuer> issuer_of(std::string_view token);

  const Clock& clock_;
  std::mutex mutex_;                              // of all that follows but the pool's work
  std::vector<std::shared_ptr<Issuer>> issuers_;  // shared with what is under way
  std::unique_ptr<io::FairPool> pool_;            // made with the first issuer, and kept
};

}  // namespace angarium::agent
