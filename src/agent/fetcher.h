// Brings the mail of boxes at other hosts into the accounts here: looks at each when its time has come.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/courier.h"
#include "agent/fetch_run.h"
#include "agent/services.h"
#include "configuration/configuration.h"
#include "io/network.h"
#include "io/race.h"
#include "io/resolve.h"
#include "route/hosts.h"
#include "wire/tls/context.h"

namespace angarium::agent {

/// What boxes are looked at under. Never changed once it is made.
struct FetchTerms {
  std::string hostname;
  configuration::PlaintextWithoutTls plaintext = configuration::PlaintextWithoutTls::never;
  route::HostsOptions hosts;
  io::RaceOptions race;
  Duration timeout = std::chrono::minutes(5);          ///< of each answer
  std::shared_ptr<wire::tls::ClientContext> any;       ///< takes every certificate
  std::shared_ptr<wire::tls::ClientContext> verified;  ///< takes those that are right
  std::shared_ptr<const SmtpDesk> mx;                  ///< for providers that bring mail; null: none is taken
};

/// With the trust and the own names of `courier`, which is of the same configuration; without TLS, passwords and mail
/// come over where auth.plaintext_without_tls lets passwords.
std::shared_ptr<const FetchTerms> fetch_terms(const configuration::Configuration& configuration,
                                              const CourierTerms& courier,
                                              std::shared_ptr<const SmtpDesk> mx = nullptr);

/// Looks under way at one time, without those that wait in IDLE; each holds at most an intake's buffer.
inline constexpr std::size_t kFetchesMax = 32;
/// Sessions that wait in IDLE.
inline constexpr std::size_t kFetchesIdleMax = 2000;
/// Looks that were not let in, in a row, before the box is paused: some servers do not say why.
inline constexpr std::uint32_t kFetchNotLetInMax = 3;

/// The pause after so many failures in a row: a minute, doubled each time up to an hour or, if it is longer, the box'
/// own interval; a tenth more or less.
Duration fetch_pause(const fetch::Box& box, std::uint32_t failures, Random& random);

/// One for all loops, on one of them. Made before its loop runs, destroyed after its tasks have ended.
class Fetcher {
 public:
  using Terms = std::function<std::shared_ptr<const FetchTerms>()>;
  Fetcher(Services& services, fetch::Boxes& boxes, io::Network& network, io::Resolver& resolver, Terms terms);
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  /// To be spawned on its loop; ends after stop(), when what is under way is broken off.
  io::Task<> run();
  /// On its loop: nothing new is begun, connections are closed. A message that is being committed is, once.
  void stop();

 private:
  using Runs = std::map<fetch::BoxId, FetchRun*>;

  void look();
  io::Task<> work(fetch::BoxPtr box);
  io::Task<Result<>> attempt(FetchRun& run, const FetchTerms& terms);
  io::Task<Result<std::unique_ptr<wire::Connection>>> reach(const fetch::Box& box, const FetchTerms& terms);
  io::Task<Result<std::unique_ptr<io::Stream>>> connect(const fetch::Box& box, const FetchTerms& terms);
  io::Task<> succeed(FetchRun& run);
  io::Task<> fail_with(FetchRun& run, const Error& error);
  io::Task<> write_down(FetchRun& run, fetch::Pause pause);
  static void end(FetchRun& run);

  Services& services_;
  fetch::Boxes& boxes_;
  io::Network& network_;
  io::Resolver& resolver_;
  Terms terms_;
  Runs runs_;
  bool stopping_ = false;
};

}  // namespace angarium::agent
