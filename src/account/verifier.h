// Checks passwords for every protocol: Argon2id on threads of its own, a cache that makes repeated logins cheap, and
// the same time for users who do not exist.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "account/app_password.h"
#include "account/attempts.h"
#include "account/directory.h"
#include "account/password.h"
#include "account/tickets.h"
#include "account/tokens.h"
#include "account/users.h"
#include "account/withdrawal.h"
#include "io/pool.h"
#include "io/task.h"
#include "sasl/otp.h"
#include "sasl/scram.h"
#include "sasl/secret.h"
#include "sasl/types.h"

namespace angarium::account {

struct VerifierOptions {
  PasswordCost cost;
  std::size_t threads = 1;         ///< hashes at one time: one a core at most, each takes `cost.memory_kib`
  std::size_t queue = 64;          ///< checks that may wait; more are told to come back
  std::size_t cache_max = 10'000;  ///< verified passwords remembered, about 100 octets each
  /// How long the right password of one of Users is remembered, though it may have changed since. Zero: not at all.
  Duration users_cache = std::chrono::minutes(1);
  AttemptLimits attempts;
  std::string realm;  ///< of DIGEST-MD5: the name clients know this host by
};

/// Whose password was right, and which of them.
struct Verified : Account {
  Proof proof{};
};

/// Shared by all loops; every method may be called from any of them, at the same time. Ends before the loops that wait
/// for it.
class Verifier {
 public:
  /// `read_pool` runs directory reads that miss the cache. All must outlive this.
  Verifier(Directory& directory, io::Pool& read_pool, VerifierOptions options, const Clock& clock = system_clock(),
           Random& random = system_random());

  /// The account whose password this is: its own, with a code behind it ("password$code") where the account has a
  /// second factor; or an app password made for this use, which needs none. `name` is an address, or what Users take.
  /// Errors: sasl::kBadCredentials (unknown user, wrong password or code, disabled account: never told apart),
  /// sasl::kSecondFactor (right, without a code), sasl::kOutOfScope (an app password for something else, or one that is
  /// over), kBusy, kLockedOut, and what the directory and Users answer. A failure is counted against `peer`.
  io::Task<Result<Verified>> check_password(std::string name, std::string prepared_password, std::string peer, Use use);

  /// Whether what proves the account's own password is not enough for who logs in by this name.
  io::Task<Result<bool>> wants_second_factor(std::string name);
  /// The second step of a login, after the password has been right: a code of the authenticator, or a recovery code.
  /// Once accepted it is spent, durably, when this returns. sasl::kBadCredentials for a wrong or spent one, which is
  /// counted against `peer` and the account: with too many of them kLockedOut, whatever the code (RFC 4226 §7.3).
  io::Task<Result<>> check_second_factor(Account account, std::string code, std::string peer);

  /// The account of this name, if it may log in: for its keys. Nothing is proved by it.
  io::Task<Result<std::optional<Account>>> known(std::string name);
  [[nodiscard]] const std::string& realm() const { return options_.realm; }

  /// What the directory, or Users for who has no password in it, holds for SCRAM; nothing for an unknown user or one
  /// without keys of this hash.
  io::Task<Result<std::optional<sasl::ScramKeys>>> scram_keys(std::string name, sasl::Hash hash);

  /// How many iterations keys of Users have for names like this one; 0: they keep none.
  [[nodiscard]] std::uint32_t iterations_like(std::string_view name) const {
    return users_ == nullptr ? 0 : users_->iterations_like(name);
  }

  /// The account of a user who has proved to be it by other means (SCRAM): sasl::kBadCredentials when there is none.
  io::Task<Result<Account>> proven(std::string name);

  /// From here to end_otp() no other exchange by one-time passwords is under way for this name, whether it is anybody's
  /// or not (RFC 2289 §9): a ticket, or nothing when one is. One that takes longer than kOtpPatience loses its turn.
  std::optional<std::uint64_t> begin_otp(const std::string& name);
  void end_otp(const std::string& name, std::uint64_t ticket);
  /// Puts `to` in the place of `from`, durably. sasl::kBadCredentials when it is something else by now, or the turn is
  /// over.
  io::Task<Result<>> replace_otp(std::string name, std::uint64_t ticket, sasl::OtpState from, sasl::OtpState to);

  /// Somebody at this address has shown by this to be the account's owner: they may be told more of it than strangers,
  /// as long as this would let them in.
  void remember_proof(const Account& account, const Proof& proof, std::string_view peer);
  io::Task<Result<bool>> has_proved(Account account, std::string peer);

  /// For exchanges that fail outside check_password().
  void failed(std::string_view peer) { attempts_.failed(peer); }
  /// Whether all have to wait who come from there.
  bool locked_out(std::string_view peer) { return attempts_.locked_out(peer); }
  /// For exchanges that end behind a name and before any proof: nothing was guessed, but names may be tried out.
  void broken_off(std::string_view peer) { broken_off_.failed(peer); }
  /// Whether exchanges that begin by a name have to wait; all others go on.
  bool broken_off_too_often(std::string_view peer) { return broken_off_.locked_out(peer); }
  /// Somebody came in from there: behind one address are many, whose networks break.
  void came_in(std::string_view peer) { broken_off_.take_back(peer, kBrokenOffPerFailure); }

  /// Who else may log in: asked for names that are no account with a password of its own. Must outlive every call; set
  /// before the first.
  void set_users(Users& users) { users_ = &users; }

  /// Who judges bearer tokens, if anybody; as set_users().
  void set_tokens(TokenVerifier& tokens) { tokens_ = &tokens; }
  [[nodiscard]] TokenVerifier* tokens() const { return tokens_; }

  /// Who judges tickets of Kerberos, if anybody; as set_users().
  void set_tickets(TicketVerifier& tickets) { tickets_ = &tickets; }
  [[nodiscard]] TicketVerifier* tickets() const { return tickets_; }

  /// How many failures are too many, from now on.
  void set_attempt_limits(AttemptLimits limits) {
    attempts_.set_limits(limits);
    broken_off_.set_limits(broken_off_limits(limits));
  }
  /// Exchanges that are broken off, for each failure that is allowed: networks break, and clients change their minds.
  static constexpr std::uint32_t kBrokenOffPerFailure = 10;

  /// Secret of this site for sasl::fake_scram_keys; the same for the life of the process.
  [[nodiscard]] const std::string& decoy_key() const { return decoy_key_; }
  /// Hashes computed so far: for tests that a cached login needs none.
  [[nodiscard]] std::uint64_t hashes() const { return hashes_.load(); }

  static constexpr Duration kOtpPatience = std::chrono::minutes(1);
  /// Wrong codes of one account before it has to wait: who has the password guesses three of a million at a time, a
  /// chance of one in 1,400 in a day.
  static constexpr AttemptLimits kCodeLimits{.failures_max = 10, .window = std::chrono::hours(1)};

 private:
  io::Task<Result<std::optional<Account>>> find(std::string name);
  io::Task<Result<std::optional<Account>>> owner(std::string name);
  io::Task<Result<std::vector<AppPassword>>> app_passwords(AccountId account);
  io::Task<Result<std::optional<Verified>>> by_app_password(std::string name, sasl::Secret secret, std::string peer,
                                                            Use use);
  void note_use(const Account& account, const AppPassword& password, LastUse use);
  io::Task<Result<Account>> check_own_password(std::string name, std::string prepared_password, std::string peer);
  io::Task<> make_missing(Account account, sasl::Secret password);
  [[nodiscard]] std::string proof_fingerprint(const Account& account, const Proof& proof, std::string_view peer) const;
  io::Task<Result<Users::Check>> ask_users(std::string name, std::string_view password, std::string peer);
  std::string fingerprint(const Account& account, std::string_view password) const;
  std::string users_fingerprint(std::string_view name, std::string_view password) const;
  [[nodiscard]] std::string keyed(std::string message) const;
  bool remembered(const std::string& fingerprint);
  void remember(std::string fingerprint);

  Directory& directory_;
  io::Pool& read_pool_;
  VerifierOptions options_;
  static AttemptLimits broken_off_limits(AttemptLimits limits);

  Attempts attempts_;
  Attempts broken_off_;
  Attempts code_attempts_;  // by account
  std::string decoy_;
  std::string decoy_key_;
  std::string cache_key_;
  std::atomic<std::uint64_t> hashes_{0};
  Users* users_ = nullptr;
  TokenVerifier* tokens_ = nullptr;
  TicketVerifier* tickets_ = nullptr;
  const Clock& clock_;
  std::mutex mutex_;  // of all that follows but the pool
  struct Right {
    Moment until;
    AccountId id = 0;
    std::string address;  ///< the account's own, by which it is read: a name may be another body's user, too
  };
  std::unordered_map<std::string, Right> users_cache_;
  struct OtpTurn {
    std::uint64_t ticket = 0;
    Moment began;
  };
  std::unordered_map<std::string, OtpTurn> otp_turns_;  // by canonical name; one a session at most
  std::uint64_t next_ticket_ = 1;
  std::array<std::unordered_map<std::string, bool>, 2> cache_;  // young and old generation
  io::Pool hash_pool_;                                          // last: its threads end first
};

}  // namespace angarium::account
